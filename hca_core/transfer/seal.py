"""Seals: how a file shows that its content was checked and not touched since, without a record beside it.

A file that was verified gets a modification time whose fraction of a second is computed from its size and digest. Who
writes to it later changes that time, and the file is read again before it is trusted. It costs one look at the file
(stat), needs no lock and no database, survives renames, hard links and copies that keep times, and where a file system
keeps no fractions nothing is ever taken for sealed, which is safe.
"""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hca_core.content import Promise
    from hca_core.files import StrPath

_SECOND = 1_000_000_000
# Windows keeps times in steps of 100 ns; the smallest step that all common file systems with fractions keep.
_STEP = 100


def fraction(size: int, digest: str) -> int:
    """Return the nanoseconds (0 to 999,999,900) that seal content of `size` bytes and `digest` (hex)."""
    number = int(digest[-15:], 16) ^ (size * 0x9E3779B97F4A7C15)  # sizes differ where digests of zeros would not
    # Never 0: many tools write whole seconds.
    return (number % (_SECOND // _STEP - 1) + 1) * _STEP


def put(path: StrPath, size: int, digest: str) -> None:
    """Seal a file whose content was just verified, and that nobody has open for writing (NFS writes when it is closed).

    A file system that refuses leaves it unsealed, so it will be read again.
    """
    try:
        found = os.stat(path)
        seconds = found.st_mtime_ns // _SECOND
        os.utime(path, ns=(found.st_atime_ns, seconds * _SECOND + fraction(size, digest)))
    except OSError:
        pass


def tear(path: StrPath) -> None:
    """Take the seal from a file whose content turned out to be wrong, though nobody wrote to it."""
    try:
        os.utime(path)
    except OSError:
        pass


def is_sealed(found: os.stat_result, digest: str) -> bool:
    """Tell whether the file that `found` describes was verified to have `digest`, and not written to since."""
    return found.st_mtime_ns % _SECOND == fraction(found.st_size, digest)


def is_complete(path: StrPath, promise: Promise, *, verify: bool = False) -> bool:
    """Tell whether a file is there with the promised size and digest.

    It is read unless it is sealed, or always if `verify`; one that is found right is sealed, another is so no more.
    Without a digest it may be any file: False. Raises OSError for what stands in the way of everything, such as a
    folder that may not be read.
    """
    if promise.digest is None:
        return False
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    if not stat.S_ISREG(found.st_mode) or (promise.size is not None and found.st_size != promise.size):
        return False
    if not verify and is_sealed(found, promise.digest):
        return True
    try:
        return read(path, promise.digest, promise.algorithm) == promise.digest
    except FileNotFoundError:
        return False


def read(path: StrPath, expected: str, algorithm: str = "sha256") -> str | None:
    """Read a file and return its digest; one that has the `expected` digest is sealed, another is so no more.

    None if somebody wrote to it meanwhile, or put another one there: nobody knows what it is. Who seals it, as it is
    read by another of its names too, writes nothing. Raises OSError.
    """
    with open(path, "rb") as stream:
        before = os.fstat(stream.fileno())
        digest = hashlib.file_digest(stream, algorithm).hexdigest()
    after = os.stat(path)
    if _state(before) != _state(after):
        same = os.path.samestat(before, after) and before.st_size == after.st_size
        return digest if same and digest == expected and is_sealed(after, expected) else None
    if digest == expected:
        put(path, after.st_size, expected)
    elif is_sealed(after, expected):
        tear(path)
    return digest


def _state(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
