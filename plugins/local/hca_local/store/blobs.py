"""The bytes of the store: one file per content, named by its checksums, never changed once it is there."""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hca_core.checksums import BLOCK, Checksums, Summer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    class Readable(Protocol):
        """What bytes are read from: a file, the body of an answer."""

        def read(self, size: int, /) -> bytes:
            """Return up to `size` bytes, none at the end."""
            ...


INCOMING = "incoming"
STALE_SECONDS = 24 * 3600


def path_of(root: Path, key: str) -> Path:
    """Return where the bytes of the object `key` (`blobs/<sha256>...`) lie below the directory `root`."""
    name = key.removeprefix("blobs/")
    return root / name[:2] / name


def key_of(sums: Checksums) -> str:
    """Return the object key of bytes with the checksums `sums`."""
    return f"blobs/{sums.sha256}.{sums.sha1}.{sums.s3_etag}.{sums.crc32c}"


def add_stream(root: Path, stream: Readable, size: int, promised: str | None = None) -> Checksums:
    """Copy `stream` of `size` bytes into the store below `root`, hashing on the way, and return its checksums.

    The bytes are on disk when it returns, their name is after `sync`. With `promised`, the object key that they
    should have, other bytes are not kept. Raises OSError; also when the source has not `size` bytes.
    """
    incoming = root / INCOMING
    incoming.mkdir(parents=True, exist_ok=True)
    temporary = incoming / secrets.token_hex(12)
    try:
        with temporary.open("xb") as target:
            summer = Summer(size)
            while block := stream.read(BLOCK):
                summer.update(block)
                target.write(block)
            target.flush()
            os.fsync(target.fileno())
        sums = summer.result()
        if sums.size != size:
            raise OSError(f"it has {sums.size} bytes and not {size}, so it changed while it was read")
        if promised in (None, key_of(sums)):
            _keep(temporary, path_of(root, key_of(sums)), sums.size)
    finally:
        temporary.unlink(missing_ok=True)
    return sums


def _keep(temporary: Path, final: Path, size: int) -> None:
    """Give a finished file its name; bytes that are there already stay, unless they are visibly damaged."""
    if final.exists() and final.stat().st_size == size:
        return
    final.parent.mkdir(exist_ok=True)
    temporary.replace(final)


def has(root: Path, key: str, size: int) -> bool:
    """Tell whether the bytes of the object `key`, `size` of them, are there."""
    try:
        return path_of(root, key).stat().st_size == size
    except FileNotFoundError:
        return False


def sync(root: Path, keys: Iterable[str]) -> None:
    """Make the names of the objects `keys` last below `root`; their bytes already do. Raises OSError."""
    if os.name == "nt":
        return  # there a directory can't be synced, and need not be
    for directory in {root, *(path_of(root, key).parent for key in keys)}:
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_stale(root: Path) -> None:
    """Remove what processes that were killed left half-copied a day ago or earlier; a running copy is younger."""
    incoming = root / INCOMING
    if not incoming.is_dir():
        return
    limit = time.time() - STALE_SECONDS
    for path in incoming.iterdir():
        if path.stat().st_mtime < limit:
            path.unlink(missing_ok=True)
