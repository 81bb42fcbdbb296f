"""A file that comes with a request: hashed while it comes, in memory while it is small, on disk otherwise."""

from __future__ import annotations

import hashlib
import io
import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

from hca_local.shock.calls import ShockError
from hca_local.shock.compressed import Unpacker

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from hca_local.shock.shock import Shock

# What is written at once.
_BLOCK = 1024 * 1024


class Arrived:
    """One file of a request; `name` is what its sender calls it, `md5` and `size` are those of what it unpacks to.

    All of it that touches the disk is for threads, but `close`.
    """

    def __init__(self, directory: Path, name: str, compression: str | None = None) -> None:
        """Parameters: `directory` is where it may lie; `compression` is gzip or bzip2 if it is to be unpacked."""
        self.name = name
        self.size = 0
        self._directory = directory
        self._unpacker = Unpacker(compression) if compression else None
        self._hash = hashlib.md5(usedforsecurity=False)
        self._waiting: list[bytes | memoryview] = []
        self._waits = 0
        self._counted = 0
        self._written: list[bytes | memoryview] = []
        self._path: str | None = None
        self._descriptor = -1
        self.is_complete = False

    @property
    def md5(self) -> str:
        """The md5 in hexadecimal digits."""
        return self._hash.hexdigest()

    @property
    def is_cheap(self) -> bool:
        """Tell whether `finish` takes no time worth a thread."""
        return self._unpacker is None and self._path is None

    def feed(self, data: bytes | memoryview) -> None:
        """Take the next bytes. Raises ShockError (400) if they can't be unpacked, OSError."""
        self._waiting.append(data)
        self._waits += len(data)
        if self._waits >= _BLOCK:
            self.flush()

    def count(self, data: bytes) -> None:
        """Take the next bytes of a file that lies elsewhere: what is asked for is its size and its md5."""
        self._hash.update(data)
        self._counted += len(data)

    def flush(self) -> None:
        """Write to the disk what waits in memory. Raises ShockError (400), OSError."""
        self._open()
        waiting, self._waiting, self._waits = self._waiting, [], 0
        for data in waiting:
            for block in self._unpacker.feed(data) if self._unpacker else (data,):
                self._hash.update(block)
                self.size += len(block)
                _write(self._descriptor, block)

    def finish(self) -> None:
        """Take it that all bytes are there. Raises ShockError (400) if that can't be, OSError."""
        if self.is_complete:
            return
        if self.is_cheap:
            for data in self._waiting:
                self._hash.update(data)
            self.size = self._waits + self._counted
            self._written, self._waiting = self._waiting, []
        else:
            self.flush()
            if self._unpacker:
                self._unpacker.finish()
        self.is_complete = True

    def read(self, most: int) -> bytes:
        """Return the content. Raises ShockError (400) if it has more than `most` bytes, OSError."""
        if self.size > most:
            raise ShockError(400, f"The file {self.name!r} may have {most} bytes here.")
        if self._path is None:
            return b"".join(self._written)
        with open(self._path, "rb") as file:
            return file.read()

    def open(self) -> BinaryIO:
        """Return the content as an open file. Raises OSError."""
        return io.BytesIO(b"".join(self._written)) if self._path is None else open(self._path, "rb")

    def keep(self, shock: Shock) -> str:
        """Make it a data file that outlasts a crash, and return the name of that. Raises OSError."""
        name = new_name()
        self.move_to(shock.path_of(name))
        return name

    def move_to(self, path: Path) -> None:
        """Give it a place where it outlasts a crash; what was there is replaced. Raises OSError."""
        self._open()
        for data in self._written:
            _write(self._descriptor, data)
        self._written = []
        os.fsync(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = -1
        assert self._path is not None  # noqa: S101 - it was opened
        move(self._path, path)
        self._path = None

    def close(self) -> None:
        """Remove it, unless it was moved."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._path is not None:
            with suppress(FileNotFoundError):
                os.unlink(self._path)
            self._path = None

    def _open(self) -> None:
        if self._path is None:
            path = os.path.join(self._directory, secrets.token_hex(16))
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            self._path = path


def new_name() -> str:
    """Return a name that no data file has."""
    return secrets.token_hex(16)


def move(source: str | Path, target: Path) -> None:
    """Rename a file so that the new name outlasts a crash, making the directory for it. Raises OSError."""
    try:
        os.rename(source, target)
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        sync_directory(target.parent.parent)
        os.rename(source, target)
    sync_directory(target.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory last. Raises OSError."""
    if os.name == "nt":
        return  # there a directory can't be synced, and need not be
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(descriptor: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
