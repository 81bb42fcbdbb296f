"""A real S3 server with STS and IAM for the tests marked `real_s3`: Ceph's object gateway on 127.0.0.1.

    python tests/real_s3/server.py start DIR   prints the lines for a shell that let the tests find it
    python tests/real_s3/server.py stop DIR

Unlike the servers that tests usually talk to it enforces credentials and session policies. Its packages come from
Debian (`apt-get update` first) and are unpacked below DIR, not installed. It keeps its data in memory and forgets them
in the end.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

PACKAGES = ("ceph-mon", "ceph-osd", "radosgw", "ceph-base", "ceph-common")
LIBRARIES = "usr/lib/x86_64-linux-gnu"
PORT = 17490
MONITOR_PORTS = (13310, 16799)
KEY, SECRET = "HCATESTACCESSKEY1", "HCATESTSECRETKEY1"
START_SECONDS = 60


class Server:
    """The server that lives below `base`."""

    def __init__(self, base: Path) -> None:
        self.packages = base / "packages"
        self.root = base / "root"
        self.run = base / "run"
        libraries = self.root / LIBRARIES
        self.environment = os.environ | {
            "LD_LIBRARY_PATH": f"{libraries}:{libraries}/ceph:{self.root}/lib/x86_64-linux-gnu",
            "PATH": f"{self.root}/usr/bin:{os.environ['PATH']}",
            "PYTHONPATH": f"{self.root}/usr/lib/python3/dist-packages",
            "CEPH_CONF": str(self.run / "ceph.conf"),
        }

    def start(self) -> None:
        """Start it anew, without data."""
        if not (self.root / "usr").is_dir():
            self._unpack()
        self.stop()
        for name in ("monitor", "osd", "gateway", "log"):
            (self.run / name).mkdir(parents=True)
        self._configure()
        self._start_monitor()
        self._start_store()
        self._daemon("gateway", "radosgw", "-f", "-n", "client.rgw.a")
        self._until(_answers)
        self._tool(
            "radosgw-admin", "user", "create", "--uid=hca", "--display-name=hca",
            f"--access-key={KEY}", f"--secret-key={SECRET}", "--caps=roles=*;user-policy=*",
        )  # fmt: skip

    def stop(self) -> None:
        """Stop it, if it runs, and forget its data."""
        for note in sorted(self.run.glob("*.pid")):
            try:
                os.kill(int(note.read_text()), signal.SIGKILL)  # nothing is to be kept
            except ProcessLookupError:
                pass
        shutil.rmtree(self.run, ignore_errors=True)

    def _unpack(self) -> None:
        (self.packages / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        download = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "--download-only"]
        where = ["-o", f"Dir::Cache::archives={self.packages}/archives"]
        subprocess.run([*download, *where, *PACKAGES], check=True, stdout=subprocess.DEVNULL)
        for package in (self.packages / "archives").glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, self.root], check=True)

    def _configure(self) -> None:
        new, old = MONITOR_PORTS
        address = f"[v2:127.0.0.1:{new},v1:127.0.0.1:{old}]"
        settings = {
            "global": {
                "fsid": str(uuid.uuid4()),
                "mon host": address,
                "public addr": "127.0.0.1",
                "cluster addr": "127.0.0.1",
                **dict.fromkeys(("auth cluster required", "auth service required", "auth client required"), "none"),
                **dict.fromkeys(("ms mon client mode", "ms mon service mode", "ms mon cluster mode"), "crc"),
                **dict.fromkeys(("osd pool default size", "osd pool default min size"), 1),
                "osd pool default pg num": 4,
                "osd pool default pg autoscale mode": "off",
                "osd crush chooseleaf type": 0,
                "mon allow pool size one": "true",
                "mon max pg per osd": 1000,
                "mon data avail warn": 2,
                "mon data avail crit": 1,
                "mon cluster log file": self.run / "log" / "cluster.log",
                "osd objectstore": "memstore",
                "memstore device bytes": 8 * 1024**3,
                "erasure code dir": self.root / LIBRARIES / "ceph" / "erasure-code",
                "osd class dir": self.root / LIBRARIES / "rados-classes",
                "plugin dir": self.root / LIBRARIES / "ceph",
                "run dir": self.run,
                "admin socket": self.run / "$name.$pid.asok",
                "log file": self.run / "log" / "$name.log",
                "crash dir": self.run,
            },
            "mon.a": {"host": "localhost", "mon data": self.run / "monitor"},
            "osd.0": {"osd data": self.run / "osd"},
            "client.rgw.a": {
                "rgw data": self.run / "gateway",
                "rgw frontends": f"beast endpoint=127.0.0.1:{PORT}",
                "rgw enable apis": "s3, sts, iam, admin",
                "rgw sts key": "abcdefghijklmnop",
                "rgw s3 auth use sts": "true",
            },
        }
        self.address, self.fsid = address, settings["global"]["fsid"]
        lines = []
        for section, values in settings.items():
            lines += [f"[{section}]", *(f"{name} = {value}" for name, value in values.items())]
        (self.run / "ceph.conf").write_text("\n".join(lines) + "\n")

    def _start_monitor(self) -> None:
        plan, keys = self.run / "monitors", self.run / "keyring"
        self._tool("monmaptool", "--create", "--clobber", "--fsid", self.fsid, "--addv", "a", self.address, plan)
        self._tool("ceph-authtool", "--create-keyring", keys, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        self._tool("ceph-mon", "--mkfs", "-i", "a", "--monmap", plan, "--keyring", keys)
        self._daemon("monitor", "ceph-mon", "-f", "-i", "a")
        self._until(lambda: self._ceph("quorum_status").returncode == 0)

    def _start_store(self) -> None:
        identity = str(uuid.uuid4())
        self._tool("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", identity)
        for words in (
            ("osd", "new", identity, "0"),
            ("osd", "crush", "add", "osd.0", "1.0", "root=default", "host=localhost"),
        ):
            self._ceph(*words).check_returncode()
        self._daemon("store", "ceph-osd", "-f", "-i", "0")
        self._until(lambda: b"1 up" in self._ceph("osd", "stat").stdout)

    def _ceph(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        # The system's Python: the program needs its compiled modules.
        command = ["/usr/bin/python3", f"{self.root}/usr/bin/ceph", *words]
        return subprocess.run(command, env=self.environment, capture_output=True, timeout=30, check=False)

    def _tool(self, *words: object) -> None:
        subprocess.run([str(word) for word in words], env=self.environment, capture_output=True, timeout=60, check=True)

    def _daemon(self, name: str, *words: str) -> None:
        with (self.run / "log" / f"{name}.out").open("wb") as output:
            started = subprocess.Popen(
                words, env=self.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        (self.run / f"{name}.pid").write_text(str(started.pid))

    def _until(self, condition) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise SystemExit(f"The S3 server did not start; see {self.run}/log.")
            time.sleep(0.2)


def _answers() -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{PORT}/", timeout=5) as answer:
            return answer.status == 200
    except (URLError, OSError):
        return False


def main() -> None:
    """Start or stop the server as the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("action", choices=["start", "stop"])
    parser.add_argument("directory", type=Path)
    given = parser.parse_args()
    server = Server(given.directory.absolute())
    if given.action == "stop":
        server.stop()
        return
    try:
        server.start()
    except (OSError, subprocess.SubprocessError) as error:
        server.stop()
        sys.exit(f"The S3 server can't be started: {error}")
    told = {"ENDPOINT": f"http://127.0.0.1:{PORT}", "KEY": KEY, "SECRET": SECRET}
    for name, value in told.items():
        print(f"export HCA_TEST_S3_{name}={shlex.quote(value)}")


if __name__ == "__main__":
    main()
