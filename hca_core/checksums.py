"""The checksums of the field (sha1, sha256, md5, crc32c, s3_etag) of one stream, in one pass."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hca_core.files import StrPath

MEBIBYTE = 1024 * 1024
PART_SIZE = 64 * MEBIBYTE
MOST_PARTS = 10_000
BLOCK = MEBIBYTE
WORTH_A_THREAD = 8 * MEBIBYTE  # bytes


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


class Whole:
    """sha1, sha256 and crc32c of a stream, whose blocks it takes one by one."""

    def __init__(self) -> None:
        self._sha1, self._sha256, self._crc32c = hashlib.sha1(), hashlib.sha256(), Crc32c()  # noqa: S324
        self._count = 0

    def update(self, block: bytes) -> None:
        """Take the next `block` of the stream."""
        self._count += len(block)
        self._sha1.update(block)
        self._sha256.update(block)
        self._crc32c.update(block)

    def result(self, parts: Sequence[bytes]) -> Checksums:
        """Return the checksums of all that was taken; `parts` are the MD5 digests of its parts."""
        crc32c = self._crc32c.digest().hex()
        return Checksums(self._count, self._sha1.hexdigest(), self._sha256.hexdigest(), crc32c, s3_etag(parts))


def Crc32c() -> Any:  # noqa: N802 - made like the objects of hashlib
    """Return a new crc32c, with `update` and `digest` as in hashlib; it takes bytes only."""
    import google_crc32c

    untyped: Any = google_crc32c
    return untyped.Checksum()


def crc32c(data: bytes) -> bytes:
    """Return the crc32c of `data`, the highest byte first."""
    import google_crc32c

    untyped: Any = google_crc32c
    value: int = untyped.value(data)
    return value.to_bytes(4, "big")


def md5(data: bytes | memoryview) -> bytes:
    """Return the MD5 digest of `data`."""
    return hashlib.md5(data, usedforsecurity=False).digest()


def s3_etag(parts: Sequence[bytes], *, in_parts: bool = False) -> str:
    """Return the `s3_etag` of a file with these MD5 digests of its parts; an empty file has one part, too.

    Parameters: `in_parts` is for what was sent in parts even if there is one only.
    """
    if len(parts) == 1 and not in_parts:
        return parts[0].hex()
    return f"{md5(b''.join(parts)).hex()}-{len(parts)}"


class EtagSummer:
    """The `s3_etag` of a stream of known size, whose blocks it takes one by one."""

    def __init__(self, size: int) -> None:
        self._size = self._left = part_size(size)
        self._md5, self._digests = hashlib.md5(usedforsecurity=False), list[bytes]()

    def update(self, block: bytes) -> None:
        """Take the next `block` of the stream."""
        view = memoryview(block)
        while view:
            if not self._left:
                self._digests.append(self._md5.digest())
                self._md5, self._left = hashlib.md5(usedforsecurity=False), self._size
            piece = view[: self._left]
            self._md5.update(piece)
            self._left -= len(piece)
            view = view[len(piece) :]

    def result(self) -> str:
        """Return the `s3_etag` of all that was taken."""
        return s3_etag(self.digests())

    def digests(self) -> list[bytes]:
        """Return the MD5 digest of each part."""
        return [*self._digests, self._md5.digest()]


class Summer:
    """Takes the blocks of a stream of known size one by one and gives its checksums at the end."""

    def __init__(self, size: int) -> None:
        self._whole = Whole()
        self._parts = EtagSummer(size)

    def update(self, block: bytes) -> None:
        """Take the next `block` of the stream."""
        self._whole.update(block)
        self._parts.update(block)

    def result(self) -> Checksums:
        """Return the checksums of all that was taken."""
        return self._whole.result(self._parts.digests())


def of_bytes(data: bytes) -> Checksums:
    """Return the checksums of `data`."""
    summer = Summer(len(data))
    summer.update(data)
    return summer.result()


def of_file(path: StrPath) -> Checksums:
    """Return the checksums of the file at `path`, read once in blocks. Raises OSError."""
    import os

    size = os.path.getsize(path)
    whole, parts = Whole(), EtagSummer(size)
    # MD5 takes about as long as the three others together: for what lasts, each half has a processor of its own.
    with open(path, "rb", buffering=0) as stream, beside(parts.update, alone=size < WORTH_A_THREAD) as take:
        while block := stream.read(BLOCK):
            take(block)
            whole.update(block)
    return whole.result(parts.digests())


@contextmanager
def beside(work: Callable[[bytes], None], *, alone: bool) -> Iterator[Callable[[bytes], None]]:
    """Give a function that hands a block over to a thread which does `work` on it; with `alone` there is no thread.

    At the end all blocks are done. `work` must not fail.
    """
    if alone:
        yield work
        return
    import queue
    import threading

    waiting: queue.Queue[bytes] = queue.Queue(maxsize=8)

    def loop() -> None:
        while block := waiting.get():
            work(block)

    thread = threading.Thread(target=loop, daemon=True, name="checksums")
    thread.start()
    try:
        yield waiting.put
    finally:
        waiting.put(b"")
        thread.join()
