"""Files to fetch from a server, and what must be true of the folder they are fetched to."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hca_core import http
from hca_core.errors import HCAError
from hca_core.transfer import Address, Result, Service, Settings, Transfer, fetch, parts

MEBIBYTE = 1024 * 1024


def noise(size: int, seed: object) -> bytes:
    """Return bytes that are the same for the same seed."""
    return random.Random(repr(seed)).randbytes(size)


def sha256(data: bytes) -> str:
    """Return the digest that services promise."""
    return hashlib.sha256(data).hexdigest()


class Remote:
    """Makes transfers from a server to a folder, runs them, and looks at what they left.

    Parameters: `policy` are settings of the session's Policy, `token` is one that is sent to the server itself.
    """

    def __init__(self, url: str, folder: Path, *, token: str = "", **policy: Any) -> None:
        self.url = url
        self.folder = folder
        # Long: where requests are counted a busy machine must not make one more of them.
        told = {"connect_timeout": 60, "read_timeout": 60, "tries": 3, "first_wait": 0.01, "most_wait": 0.02, **policy}
        own = {"token": lambda: token, "token_origin": url} if token else {}
        self.session = http.Session(http.Policy(**told), **own)
        self.service = Service("tests", client=SimpleNamespace(session=self.session))

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def file(self, path: str, data: bytes, *, url: str = "", **others: Any) -> Transfer:
        """Return the transfer of `data` at `path` to the same path below the folder; `others` are fields of it."""
        promised = {"size": len(data), "digest": sha256(data), **others}
        source = promised.pop("source", None) or Address(url or self.url + path, self.service)
        return Transfer(path, str(self.folder) + path, source, **promised)

    def fetch(self, *transfers: Transfer, **settings: Any) -> list[Result]:
        """Fetch files with few connections and short waits, and return what became of them, in their order."""
        told = Settings(**{"jobs": 4, "min_delay": 0.001, **settings})
        results = {result.transfer.name: result for result in fetch(transfers, told)}
        return [results[one.name] for one in transfers]

    def arrive(self, contents: dict[str, bytes], **others: Any) -> list[Result]:
        """Fetch contents by their paths; all must arrive, and nothing else may be in the folder."""
        results = self.fetch(*(self.file(path, data) for path, data in contents.items()), **others)
        self.holds(contents, results)
        return results

    def holds(self, contents: dict[str, bytes], results: list[Result]) -> None:
        """Check that these contents were fetched, and are all that is in the folder, hidden files too."""
        assert [(one.status, one.error) for one in results] == [("fetched", None)] * len(results)
        found = listing(self.folder)
        assert sorted(found) == sorted(path.removeprefix("/") for path in contents)
        for path, data in contents.items():
            assert found[path.removeprefix("/")] == data, f"{path} is another content"

    def fails(self, wanted: Transfer, kind: type[HCAError], **settings: Any) -> HCAError:
        """Fetch one file, which must fail with an error of one sentence; return it."""
        (result,) = self.fetch(wanted, **settings)
        check_failure(result, kind)
        return result.error


def check_failure(result: Result, kind: type[HCAError]) -> None:
    """Check that a transfer failed with an error of this kind, of one sentence, and that its target is not there."""
    assert result.status == "failed"
    assert isinstance(result.error, kind), repr(result.error)
    said = str(result.error)
    assert said
    assert said.isprintable()
    assert len(said) < 600
    assert "Traceback" not in said
    assert int(result.error.exit_status) != 0
    assert not os.path.exists(result.transfer.target)


def listing(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder, hidden ones too, by their relative paths."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if not path.is_dir()}


def left_over(folder: Path) -> list[str]:
    """Return the names of parts and of all other hidden files below a folder."""
    return sorted(name for name in listing(folder) if os.path.basename(name).startswith("."))


def on_disk(wanted: Transfer, data: bytes) -> Path:
    """Put `data` where a transfer leads to."""
    path = Path(wanted.target)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def part_of(wanted: Transfer, data: bytes, owner: str = "", number: int = 1) -> Path:
    """Leave a part as a process called `owner` (as `parts.owner` says it; one that is dead) would."""
    os.makedirs(os.path.dirname(wanted.target), exist_ok=True)
    mine = os.path.basename(parts.new(wanted.target))
    own = parts.owner(os.getpid())
    begin = mine.partition(own)[0]
    assert begin != mine
    path = Path(os.path.dirname(wanted.target), f"{begin}{owner or dead_owner()}-{number}-1{parts.SUFFIX}")
    path.write_bytes(data)
    return path


def dead_owner() -> str:
    """Return the owner's name of a process of this machine that has ended."""
    ended = subprocess.Popen([sys.executable, "-S", "-c", ""])
    ended.wait()
    return parts.owner(ended.pid)


def certificate(folder: Path, *, name: str = "127.0.0.1", days: int = 2) -> tuple[str, str]:
    """Make a certificate that signs itself, for an address, until so many days from now; return it and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    folder.mkdir(parents=True, exist_ok=True)
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    how = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(*how))
    return str(paths[0]), str(paths[1])


class Nursery:
    """Processes that fetch from a server to a folder, each with its number; see child.py."""

    def __init__(self, url: str, errors: Path) -> None:
        self._url = url
        self.errors = errors
        errors.touch()
        errors.chmod(0o666)
        command = [sys.executable, str(Path(__file__).with_name("child.py"))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.wait(20)

    def start(self, folder: Path, contents: dict[str, bytes], links: bool = False, **order: Any) -> int:
        """Start a process that fetches contents, each with a link to it if asked for; return its number."""
        wanted = [(name, len(data), sha256(data), f"links{name}" if links else "") for name, data in contents.items()]
        told = {"url": self._url, "folder": str(folder), "errors": str(self.errors), "wanted": wanted, **order}
        return self._asked(told)

    def wait(self, number: int) -> int:
        """Wait for the end of a process and return its exit status; below 0 if a signal ended it."""
        return self._asked({"wait": number})

    def said(self) -> str:
        """Return what the processes wrote to standard error so far, and forget it."""
        text = self.errors.read_text()
        self.errors.write_text("")
        return text

    def _asked(self, order: dict[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())
