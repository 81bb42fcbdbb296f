"""Files of the DSS as values, and the rules that everything a service or a manifest says of one must keep."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from hca_core import names
from hca_core.errors import one_line
from hca_core.transfer import filestore

if TYPE_CHECKING:
    from collections.abc import Callable

SHA256 = re.compile(r"[0-9a-fA-F]{64}")
# Wide on purpose: old services had other ids. What matters is that it is one harmless part of a path.
IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


# A path may have 4,096 bytes on most systems, and the download directory takes some of them.
MOST_NAME = 2048


class DSSFile(NamedTuple):
    """A file of the DSS: which one it is, and what its bytes must be."""

    name: str
    uuid: str
    version: str
    sha256: str
    size: int
    indexed: bool
    replica: str

    @classmethod
    def for_bundle_manifest(cls, manifest_bytes: bytes, bundle_uuid: str, version: str, replica: str) -> DSSFile:
        """Return a bundle's manifest as a file, which it is not in the DSS, so that it can be kept like one."""
        sha256 = hashlib.sha256(manifest_bytes).hexdigest()
        return cls("bundle.json", bundle_uuid, version, sha256, len(manifest_bytes), False, replica)

    @classmethod
    def from_dss_bundle_response(cls, file_dict: Any, replica: str) -> DSSFile:
        """Return a file as a bundle lists it. Raises ValueError that names what is wrong with it."""
        if not isinstance(file_dict, dict):
            raise ValueError(f"{one_line(repr(file_dict))[:60]} is listed, which is no file")
        name, uuid, version = file_dict.get("name"), file_dict.get("uuid"), file_dict.get("version")
        sha256, size = file_dict.get("sha256"), file_dict.get("size")
        if not isinstance(name, str) or (problem := names.problem(name)):
            raise ValueError(f"file name {name!r} {problem if isinstance(name, str) else 'is no text'}")
        if len(name.encode()) > MOST_NAME:
            raise ValueError(f"file name {name[:60]!r}... has more than {MOST_NAME:,} bytes")
        for what, value in (("uuid", uuid), ("version", version)):
            if not isinstance(value, str) or not IDENTIFIER.fullmatch(value):
                raise ValueError(f"file {name!r} has the {what} {value!r}")
        if not isinstance(sha256, str) or not SHA256.fullmatch(sha256):
            raise ValueError(f"file {name!r} has the sha256 {sha256!r}")
        if not is_size(size):
            raise ValueError(f"file {name!r} has the size {size!r}")
        return cls(
            name, str(uuid), str(version), sha256.lower(), int(size or 0), bool(file_dict.get("indexed")), replica
        )


def is_size(value: object) -> bool:
    """Tell whether a value from a JSON document is a number of bytes."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def stored_in(download_dir: str) -> Callable[[str], str]:
    """Return what tells where content with a sha256 lies below `download_dir`: `filestore.path` for many contents."""
    root = filestore.path(download_dir, "")
    separator = os.sep
    return lambda sha256: f"{root}{sha256[:2]}{separator}{sha256[2:6]}{separator}{sha256}"
