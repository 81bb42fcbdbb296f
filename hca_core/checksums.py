"""The checksums of the field (sha1, sha256, md5, crc32c, s3_etag) of one stream, in one pass."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hca_core.files import StrPath

MEBIBYTE = 1024 * 1024
PART_SIZE = 64 * MEBIBYTE
MOST_PARTS = 10_000
BLOCK = MEBIBYTE


@dataclass(frozen=True)
class Checksums:
    """Size in bytes and checksums in lower-case hexadecimal of one file."""

    size: int
    sha1: str
    sha256: str
    crc32c: str
    s3_etag: str


def part_size(size: int) -> int:
    """Return the S3 part size in bytes for a file of `size` bytes (service contract §4.1).

    64 MiB up to 640,000 MiB; above that a 10,000th of the file, rounded up to a whole MiB.
    """
    if size <= PART_SIZE * MOST_PARTS:
        return PART_SIZE
    smallest = -(-size // MOST_PARTS)
    return -(-smallest // MEBIBYTE) * MEBIBYTE


class Summer:
    """Takes the blocks of a stream of known size one by one and gives its checksums at the end."""

    def __init__(self, size: int) -> None:
        import google_crc32c

        crc32c: Any = google_crc32c  # it has no types

        self._part = part_size(size)
        self._left = self._part
        self._count = 0
        self._sha1, self._sha256, self._crc32c = hashlib.sha1(), hashlib.sha256(), crc32c.Checksum()  # noqa: S324
        self._md5, self._part_digests = hashlib.md5(usedforsecurity=False), list[bytes]()

    def update(self, block: bytes) -> None:
        """Take the next `block` of the stream."""
        self._count += len(block)
        self._sha1.update(block)
        self._sha256.update(block)
        self._crc32c.update(block)
        view = memoryview(block)
        while view:
            if not self._left:
                self._part_digests.append(self._md5.digest())
                self._md5, self._left = hashlib.md5(usedforsecurity=False), self._part
            piece = view[: self._left]
            self._md5.update(piece)
            self._left -= len(piece)
            view = view[len(piece) :]

    def result(self) -> Checksums:
        """Return the checksums of all that was taken."""
        etag = self._md5.hexdigest()
        if self._part_digests:
            digests = [*self._part_digests, self._md5.digest()]
            etag = f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"
        crc32c = self._crc32c.digest().hex()
        return Checksums(self._count, self._sha1.hexdigest(), self._sha256.hexdigest(), crc32c, etag)


def of_bytes(data: bytes) -> Checksums:
    """Return the checksums of `data`."""
    summer = Summer(len(data))
    summer.update(data)
    return summer.result()


def of_file(path: StrPath) -> Checksums:
    """Return the checksums of the file at `path`, read once in blocks. Raises OSError."""
    import os

    summer = Summer(os.path.getsize(path))
    with open(path, "rb") as stream:
        while block := stream.read(BLOCK):
            summer.update(block)
    return summer.result()
