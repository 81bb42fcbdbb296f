"""Shows the end of a log, and goes on with what is appended."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

_BLOCK = 64 * 1024
_INTERVAL = 0.2


def tail(path: Path, lines: int) -> bytes:
    """Return the last `lines` lines of the file at `path`, read from its end. Raises OSError."""
    with path.open("rb") as stream:
        return _tail(stream, lines)


def follow(path: Path, lines: int) -> Iterator[bytes]:
    """Yield the last `lines` lines of the file at `path`, then for ever what is appended. Raises OSError.

    A file that was put aside and begun anew is followed from its beginning.
    """
    stream = path.open("rb")
    try:
        yield _tail(stream, lines)
        while True:
            block = stream.read(_BLOCK)
            if block:
                yield block
            elif _replaced(path, stream):
                stream.close()
                stream = path.open("rb")
            else:
                time.sleep(_INTERVAL)
    finally:
        stream.close()


def _tail(stream: BinaryIO, lines: int) -> bytes:
    """Return the last `lines` lines of `stream` and leave it at its end."""
    position = end = stream.seek(0, os.SEEK_END)
    found = b""
    while position > 0 and found.count(b"\n") <= lines:
        position = max(0, position - _BLOCK)
        stream.seek(position)
        found = stream.read(end - position)
    stream.seek(end)
    return b"".join(found.splitlines(keepends=True)[-lines:]) if lines else b""


def _replaced(path: Path, stream: BinaryIO) -> bool:
    try:
        return not os.path.samestat(path.stat(), os.fstat(stream.fileno()))
    except FileNotFoundError:
        return False
