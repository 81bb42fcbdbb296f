"""The checksums that S3 knows of the bytes of an object."""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

# The algorithms of `x-amz-checksum-...` that can be computed here. CRC64NVME is missing: Python has no fast one but
# awscrt's, and with that installed botocore signs and sends in another way for everybody.
ADDITIONAL = ("crc32", "crc32c", "sha1", "sha256")
_BLOCK = 1024 * 1024


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc32:
    """zlib's CRC-32 in the form of a hash."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


class Digests:
    """Several checksums of one stream in one pass."""

    def __init__(self, names: Iterable[str]) -> None:
        """Parameters: `names` are some of ADDITIONAL and `md5`."""
        self._hashes = {name: _new(name) for name in names}

    def update(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        for one in self._hashes.values():
            one.update(data)

    def digest(self, name: str) -> bytes:
        """Return one checksum of all that was taken."""
        return self._hashes[name].digest()

    def base64(self, name: str) -> str:
        """Return one checksum as headers have it."""
        return b64encode(self.digest(name)).decode()


def of_bytes(data: bytes, name: str) -> bytes:
    """Return the checksum `name` of `data`."""
    one = _new(name)
    one.update(data)
    return one.digest()


def of_files(paths: Iterable[str], names: Iterable[str]) -> Digests:
    """Return the checksums `names` of the bytes of all files at `paths`, in this order. Raises OSError."""
    digests = Digests(names)
    for path in paths:
        with open(path, "rb") as stream:
            while block := stream.read(_BLOCK):
                digests.update(block)
    return digests


def composite(parts: Iterable[str], name: str) -> str:
    """Return the checksum `name` of the checksums (in base64) of `parts`, as S3 gives it to an object in parts."""
    raw = [b64decode(part) for part in parts]
    return f"{b64encode(of_bytes(b''.join(raw), name)).decode()}-{len(raw)}"


def _new(name: str) -> _Hash:
    if name == "crc32":
        return _Crc32()
    if name == "crc32c":
        import google_crc32c

        checksum: Any = google_crc32c.Checksum  # it has no types
        made: _Hash = checksum()
        return made
    return hashlib.new(name, usedforsecurity=False)
