"""How fast and with how much memory `hca upload files` works, against boto3 and aws-cli, on the same servers.

    python benchmarks/areas.py [--size MIB] [--files N] [--rounds 3] [--server NAME]... [--json]

Every server takes one large file, and many of 1 MiB:

    sink    an S3 that computes nothing, as one that runs on another machine costs this one nothing
    local   `hca local` with its own S3; the jobs that compute checksums are held
    real    `hca local` on the S3 server that HCA_TEST_S3_ENDPOINT, HCA_TEST_S3_KEY and HCA_TEST_S3_SECRET name

The peers use the credentials of the area too. They are installed by pip into an environment of their own in the cache
(boto3 needs awscrt for crc32c). In the first round, which does not count, all that has arrived is compared with its
sha256; in the others its names and sizes are.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from common import BIN, Case, Samples, clean_environment, compile_sources, rows, run_once, show
from upload import MEBIBYTE, Server, Sink, make

from hca_core import checksums

BUCKET = "org-humancellatlas-upload-local"
PEERS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hca-benchmarks" / "peers"
CREDENTIALS = {"AccessKeyId": "k", "SecretAccessKey": "s", "SessionToken": "t"}

# What somebody without `hca` writes: a pool of the size that boto3 itself takes for parts, checksums that S3 compares,
# and no second hash over every byte for the signature, which boto3 computes over http unless it is told not to.
BOTO3 = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
import boto3
from botocore.config import Config

folder, bucket, prefix = sys.argv[1:]
s3 = boto3.client("s3", config=Config(s3={"payload_signing_enabled": False}, max_pool_connections=100))

def send(name):
    s3.upload_file(os.path.join(folder, name), bucket, prefix + name, ExtraArgs={"ChecksumAlgorithm": "CRC32C"})

with ThreadPoolExecutor(10) as pool:
    list(pool.map(send, sorted(os.listdir(folder))))
"""


@dataclass(frozen=True)
class Place:
    """A server with an area, ready to be uploaded to.

    `hca` and `peers` are the variables that each needs. `empty(thorough)` removes what is in the area, before a run;
    `check(folder, thorough)` raises AssertionError if not exactly the files of the folder are there after it, with the
    same content if `thorough`.
    """

    area: str
    hca: dict[str, str]
    peers: dict[str, str]
    empty: Callable[[bool], None]
    check: Callable[[Path, bool], None]


# An S3 and an Upload Service that compute nothing.


class AreaSink(Sink):
    """S3 and Upload Service at once; see Sink."""

    def answer(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/v1/area/"):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if path.endswith("/credentials"):
                keys = CREDENTIALS | {"Expiration": "2100-01-01T00:00:00+00:00"}
                self._reply(json.dumps(keys).encode(), {"Content-Type": "application/json"}, 201)
            else:
                self._reply(b"null", {"Content-Type": "application/json"}, 202)
        elif self.command == "GET":
            self._reply(self._listing(), {"Content-Type": "application/xml"})
        elif self.command == "HEAD" and not list(self.root.glob("*.0*")):
            self._reply(status=404)
        else:
            self.path = self.path.replace(f"/{BUCKET}/", "/bucket/", 1)
            super().answer()

    do_GET = do_HEAD = do_PUT = do_POST = answer  # noqa: N815

    def _listing(self) -> bytes:
        """Return a listing of nothing: areas are empty when something is sent to them."""
        text = f"<ListBucketResult><Name>{BUCKET}</Name><IsTruncated>false</IsTruncated></ListBucketResult>"
        return text.encode()


def serve(root: Path, told: Any) -> None:
    """Serve until the process is ended; tell the port."""
    Sink.root = root
    with Server(("127.0.0.1", 0), AreaSink) as server:
        told.send(server.server_port)
        server.serve_forever()


@contextmanager
def sink(work: Path) -> Iterator[Place]:
    """Run the services that compute nothing in a process of their own."""
    root = work / "bucket"
    root.mkdir(exist_ok=True)
    context = multiprocessing.get_context("spawn")
    told, tell = context.Pipe(duplex=False)
    process = context.Process(target=serve, args=(root, tell), daemon=True)
    process.start()
    tell.close()  # so that its end is told too
    area = str(uuid.uuid4())

    def empty(thorough: bool) -> None:
        for path in root.iterdir():
            path.unlink()
        if thorough:
            (root / "keep").touch()

    def check(folder: Path, thorough: bool) -> None:
        parts: dict[str, list[Path]] = {}
        for path in sorted(root.glob("*.0*")):
            parts.setdefault(path.name.rpartition(".")[0], []).append(path)
        assert set(parts) == {f"{area}:{path.name}" for path in folder.iterdir()}, sorted(parts)[:3]
        for path in folder.iterdir():
            stored = parts[f"{area}:{path.name}"]
            if thorough:
                assert _sha256(stored) == checksums.of_file(path).sha256, path
            else:  # Sink has written the sizes
                assert sum(int(part.read_text()) for part in stored) == path.stat().st_size, path

    try:
        url = f"http://127.0.0.1:{told.recv()}"
        keys = dict(zip(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), "kst", strict=True))
        settings = configuration(work / "sink.json", area, {"url": f"{url}/v1", "s3_endpoint_url": url})
        yield Place(area, settings, {**keys, "AWS_ENDPOINT_URL_S3": url}, empty, check)
    finally:
        process.terminate()
        process.join()


def _sha256(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            while block := stream.read(MEBIBYTE):
                digest.update(block)
    return digest.hexdigest()


# `hca local`, with its own S3 and with another one.


@contextmanager
def deployment(work: Path, endpoint: str = "", key: str = "", secret: str = "") -> Iterator[Place]:
    """Run `hca local`, with the S3 server at `endpoint` and its administrator's keys unless that is empty."""
    from hca_local import data_directory, launch

    before = dict(os.environ)
    if endpoint:
        os.environ |= {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_DEFAULT_REGION": "us-east-1"}
    data = work / f"data-{uuid.uuid4()}"
    changes = {"s3_endpoint": endpoint} if endpoint else {}
    try:
        with launch.private(data, empty=True, keep=False, **changes) as launched:
            if not endpoint:
                own = data_directory.access_key(launched.directory)
                key, secret = own.access_key_id, own.secret
                endpoint = json.loads(launched.directory.state.read_bytes())["s3_url"]
            given = json.loads(launched.directory.config.read_bytes())["upload"]
            yield _area(work, given, endpoint, (key, secret), data)
    finally:
        os.environ.clear()
        os.environ.update(before)


def _area(work: Path, given: dict[str, Any], endpoint: str, admin: tuple[str, str], data: Path) -> Place:
    area = str(uuid.uuid4())
    settings = configuration(work / f"{area}.json", area, given)
    with clean_environment(**settings) as environment:

        def hca(*words: str) -> str:
            command = [str(BIN / "hca"), *words]
            return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

        hca("upload", "create", area, "--env", "local")
        hca("local", "area", "hold", "checksums", "--data", str(data))
        lines = hca("upload", "creds", area).splitlines()
    # `creds` writes lines for a shell.
    keys = dict(line.replace("'", "").removeprefix("export ").split("=", 1) for line in lines)
    import boto3

    session = boto3.session.Session(*admin, region_name="us-east-1")
    s3 = session.client("s3", endpoint_url=endpoint)

    def listed() -> dict[str, int]:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{area}/")
        return {one["Key"]: one["Size"] for page in pages for one in page.get("Contents", ())}

    def empty(thorough: bool) -> None:
        for name in listed():
            s3.delete_object(Bucket=BUCKET, Key=name)

    def check(folder: Path, thorough: bool) -> None:
        there = listed()
        assert there == {f"{area}/{path.name}": path.stat().st_size for path in folder.iterdir()}, sorted(there)[:3]
        for path in folder.iterdir() if thorough else ():
            digest = hashlib.sha256()
            for block in s3.get_object(Bucket=BUCKET, Key=f"{area}/{path.name}")["Body"].iter_chunks(MEBIBYTE):
                digest.update(block)
            assert digest.hexdigest() == checksums.of_file(path).sha256, path

    return Place(area, settings, {**keys, "AWS_ENDPOINT_URL_S3": endpoint}, empty, check)


def configuration(path: Path, area: str, upload: dict[str, Any]) -> dict[str, str]:
    """Write a configuration of `hca` in which an area is selected; return the variables that name it."""
    chosen = {"areas": {area: {"uri": f"s3://{BUCKET}/{area}/"}}, "current_area": area}
    path.write_text(json.dumps({"upload": upload | chosen}))
    return {"HCA_CONFIG_FILE": str(path)}


# The cases.


def peers() -> Path:
    """Return the folder with the programs of the peers; install them if they are not there."""
    if not (PEERS / "bin" / "aws").exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
        command = [str(PEERS / "bin" / "pip"), "install", "--quiet", "awscli", "boto3", "awscrt"]
        subprocess.run(command, check=True)
    return PEERS / "bin"


def cases(label: str, what: str, folder: Path, place: Place, script: Path) -> list[tuple[Case, dict[str, str]]]:
    """Return the cases for one folder on one server, each with the variables that it needs."""
    programs, target = peers(), f"s3://{BUCKET}/{place.area}/"
    name = f"{label}, {what}"
    python = [str(programs / "python"), str(script), str(folder), BUCKET, f"{place.area}/"]
    aws = [str(programs / "aws"), "s3"]
    quiet = ["--only-show-errors", "--checksum-algorithm", "CRC32C"]
    ours = [str(BIN / "hca"), "upload", "files", str(folder), "--quiet"]
    return [
        (Case(f"{name}: boto3", python), place.peers),
        (Case(f"{name}: aws s3 cp", [*aws, "cp", "--recursive", *quiet, str(folder), target]), place.peers),
        (Case(f"{name}: aws s3 sync", [*aws, "sync", *quiet, str(folder), target]), place.peers),
        (Case(f"{name}: hca", ours, f"{name}: boto3", 0.8), place.hca),
    ]


def measure(
    listed: Sequence[tuple[Case, dict[str, str]]], folder: Path, place: Place, rounds: int
) -> list[dict[str, Any]]:
    """Run every case once a round, in turn, into an empty area; the first round does not count. Return the rows."""
    taken = {case.name: Samples() for case, _ in listed}
    for number in range(rounds + 1):
        for case, variables in listed:
            place.empty(not number)
            with clean_environment(AWS_DEFAULT_REGION="us-east-1", **variables) as environment:
                run_once(case, environment, taken[case.name] if number else None)
            place.check(folder, not number)
    place.empty(False)  # somebody else's server may be small
    measured = [case for case, _ in listed]
    ours = measured[-1]
    # The same runs of ours, beside another peer.
    beside = replace(ours, name=f"{ours.name} (same runs)", peer=ours.peer.replace("boto3", "aws s3 cp"), goal=0.6)
    return rows([*measured, beside], taken | {beside.name: taken[ours.name]})


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024, metavar="MIB", help="size of the large file (default: 1024)")
    parser.add_argument("--files", type=int, default=1000, help="number of files of 1 MiB (default: 1000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count (default: 3)")
    parser.add_argument("--server", action="append", choices=["sink", "local", "real"], help="(default: all there are)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    settings = parser.parse_args()
    real = [os.environ.get(f"HCA_TEST_S3_{name}", "") for name in ("ENDPOINT", "KEY", "SECRET")]
    compile_sources()
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    work = Path(tempfile.mkdtemp(prefix="hca-benchmark-", dir=memory))
    listed: list[dict[str, Any]] = []
    try:
        script = work / "boto3_peer.py"
        script.write_text(BOTO3)
        for count, size in ((1, settings.size), (settings.files, 1)):
            make(work / f"{count}x{size}", count, size * MEBIBYTE)
        servers = {"sink": lambda: sink(work), "local": lambda: deployment(work)}
        if real[0]:
            servers["real"] = lambda: deployment(work, *real)
        for label in settings.server or servers:
            for count, size in ((1, settings.size), (settings.files, 1)):
                folder = work / f"{count}x{size}"
                with servers[label]() as place:
                    chosen = cases(label, f"{count} x {size} MiB", folder, place, script)
                    listed += measure(chosen, folder, place, settings.rounds)
    finally:
        show(listed, as_json=settings.json)  # also what came before something that failed
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
