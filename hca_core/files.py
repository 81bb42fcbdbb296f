"""Writing files so that a reader, or a crash, never meets half of one."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import io
    from collections.abc import Iterable, Iterator

StrPath = str | os.PathLike[str]


def temporary_beside(path: StrPath) -> str:
    """Return a new name in the directory of `path`: a rename from there to `path` is atomic. Nothing is made."""
    import secrets  # here: a help page loads this module and makes no file

    folder, name = os.path.split(os.fspath(path))
    # Names have room for 255 bytes, and a character takes up to four.
    start = name.encode(errors="surrogateescape")[:100].decode(errors="ignore")
    return os.path.join(folder, f".{start}.{secrets.token_hex(6)}.tmp")


def remove_temporaries(path: StrPath) -> None:
    """Remove what writers of `path` left that were killed; call it only while nobody writes. Raises OSError."""
    folder, name = os.path.split(os.fspath(path))
    try:
        found = os.listdir(folder)
    except FileNotFoundError:
        return
    for one in found:
        if one.startswith(f".{name}.") and one.endswith(".tmp"):
            os.unlink(os.path.join(folder, one))


def write_atomic(path: StrPath, data: bytes | Iterable[bytes], mode: int = 0o600) -> None:
    """Write `data` to `path`, as `replacing` does. Raises OSError; the old file is then still there."""
    with replacing(path, mode) as stream:
        for block in [data] if isinstance(data, bytes) else data:
            stream.write(block)


@contextmanager
def replacing(path: StrPath, mode: int = 0o600) -> Iterator[io.BufferedWriter]:
    """Give a temporary file beside `path`, with `mode` from its first byte, which is renamed to `path` at the end.

    Raises OSError; then, and when the block raises, the old file is still there and the temporary one is not.
    """
    temporary = temporary_beside(path)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
        os.replace(temporary, path)
    except BaseException:
        try:
            os.unlink(temporary)
        except OSError:
            pass
        raise
