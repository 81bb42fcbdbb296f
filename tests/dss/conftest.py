"""A DSS whose files and bundles the test makes up, and real `hca` processes."""

from __future__ import annotations

import hashlib
import itertools
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hca_core.testing import Reply, Request, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hca_core.testing import LoopbackService

VERSION = "2019-08-01T200147.836832Z"
PAGED = {"X-OpenAPI-Paginated-Content-Key": "bundle.files"}
COLUMNS = ("bundle_uuid", "bundle_version", "file_name", "file_uuid", "file_version", "file_sha256", "file_size")


@dataclass(frozen=True)
class Bundle:
    """A bundle that the service has."""

    uuid: str
    version: str
    files: tuple[dict[str, Any], ...]

    @property
    def fqid(self) -> str:
        return f"{self.uuid}.{self.version}"

    def rows(self) -> list[dict[str, str]]:
        """Return a manifest's row for each file."""
        return [
            {
                "bundle_uuid": self.uuid,
                "bundle_version": self.version,
                "file_name": file["name"],
                "file_uuid": file["uuid"],
                "file_version": file["version"],
                "file_sha256": file["sha256"],
                "file_size": str(file["size"]),
            }
            for file in self.files
        ]


class Shelf:
    """Puts files and bundles into a scripted service that describes itself as a DSS."""

    def __init__(self, service: LoopbackService) -> None:
        self.service = service
        self._numbers = itertools.count(1)
        self._bundles: dict[str, list[Bundle]] = {}

    def uuid(self) -> str:
        return f"00000000-0000-4000-8000-{next(self._numbers):012d}"

    def file(self, name: str, data: bytes = b"", /, *, indexed: bool = False, **other: Any) -> dict[str, Any]:
        """Add a file with the content `data` and return it as bundles list it, with `other` fields changed."""
        digest = hashlib.sha256(data).hexdigest()
        entry = {
            "name": name,
            "uuid": self.uuid(),
            "version": VERSION,
            "content-type": 'application/json; dcp-type="metadata/file"' if indexed else "text/plain; dcp-type=data",
            "size": len(data),
            "indexed": indexed,
            "crc32c": "00000000",
            "s3_etag": "0" * 32,
            "sha1": "0" * 40,
            "sha256": digest,
        }
        location = f"{self.service.url}/blobs/{digest}"
        headers = {"Location": location, "X-DSS-SHA256": digest, "X-DSS-SIZE": str(len(data))}
        self.service.on("GET", f"/v1/files/{entry['uuid']}").reply(status=302, headers=headers)
        self.content(digest).reply(body=data, ranges=True)
        return entry | other

    def content(self, sha256: str) -> Any:
        """Return the script of the address that the content with this sha256 is fetched from."""
        return self.service.on("GET", f"/blobs/{sha256}")

    def bundle(self, *files: dict[str, Any], uuid: str = "", version: str = VERSION) -> Bundle:
        """Add a version of a bundle."""
        made = Bundle(uuid or self.uuid(), version, files)
        if made.uuid not in self._bundles:
            self._bundles[made.uuid] = []
            self.service.on("GET", f"/v1/bundles/{made.uuid}").reply(lambda request: self._found(made.uuid, request))
        self._bundles[made.uuid].append(made)
        return made

    def _found(self, uuid: str, request: Request) -> Reply:
        asked = dict(request.query).get("version")
        fitting = [one for one in self._bundles[uuid] if asked in (None, one.version)]
        if not fitting:
            return reply(status=404, json={"status": 404, "code": "not_found", "title": "Cannot find bundle!"})
        found = max(fitting, key=lambda one: one.version)
        return reply(json=document(found), headers=PAGED)

    def fetched(self) -> list[str]:
        """Return the sha256 of every content that was asked for so far."""
        return [one.path.removeprefix("/blobs/") for one in self.service.requests if one.path.startswith("/blobs/")]


def document(bundle: Bundle) -> dict[str, Any]:
    return {"bundle": {"uuid": bundle.uuid, "version": bundle.version, "creator_uid": 1, "files": list(bundle.files)}}


@pytest.fixture
def shelf(dss: LoopbackService) -> Shelf:
    return Shelf(dss)


@pytest.fixture
def write_manifest() -> Callable[..., str]:
    """A function that writes rows as a manifest to the current directory and returns its name."""

    def write(
        rows: Sequence[dict[str, str]],
        name: str = "manifest.tsv",
        columns: Sequence[str] = COLUMNS,
        end: str = "\n",
    ) -> str:
        lines = ["\t".join(columns), *("\t".join(row.get(column, "") for column in columns) for row in rows)]
        Path(name).write_bytes("".join(line + end for line in lines).encode())
        return name

    return write


@pytest.fixture
def start_hca() -> Callable[..., subprocess.Popen[str]]:
    """A function that starts `hca` as a process of its own."""

    def start(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "hca_core", *words]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


def tree(folder: str | Path = ".") -> dict[str, bytes]:
    """Return all files below `folder` with their content."""
    root = Path(folder)
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture(name="tree")
def _tree() -> Callable[..., dict[str, bytes]]:
    return tree


@pytest.fixture
def stored() -> Callable[[bytes], str]:
    """A function that returns where content lies in the filestore."""

    def path(data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        return f".hca/v2/files_2_4/{digest[:2]}/{digest[2:6]}/{digest}"

    return path
