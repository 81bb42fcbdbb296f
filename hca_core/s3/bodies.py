"""What is sent: files that are read once, and pieces of them that tell how far they have gone."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hca_core.checksums import MEBIBYTE
from hca_core.errors import HCAError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from hca_core.files import StrPath

SMALL = MEBIBYTE  # bytes that are not worth to be sent in pieces
_PIECE = MEBIBYTE
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_BLOCK = MEBIBYTE // 4  # that is read at one time: it fits a processor's cache, and each thread's heap keeps some


class Body:
    """Bytes to be sent that tells, while they are read, how many have gone."""

    def __init__(self, data: memoryview, told: Callable[[int], None]) -> None:
        self._data = data
        self._at = 0
        self._told = told

    def __len__(self) -> int:
        return len(self._data)

    def read(self, size: int = -1) -> memoryview:
        """Return the next piece, whatever its size: the small ones that an HTTP library asks for cost much time."""
        piece = self._data[self._at : self._at + _PIECE]
        self._at += len(piece)
        self._told(len(piece))
        return piece

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go back to the beginning, for another try; what had gone has not."""
        self._told(offset - self._at)
        self._at = offset
        return offset

    def tell(self) -> int:
        """Return how many bytes have been read."""
        return self._at


@contextmanager
def sending(data: memoryview | bytes, on_bytes: Callable[[int], None]) -> Iterator[Body | bytes]:
    """Give what boto3 takes as a body; `on_bytes` counts what has gone."""
    if len(data) <= SMALL:
        yield data if isinstance(data, bytes) else bytes(data)  # what is small goes at once
        on_bytes(len(data))
        return
    body = Body(memoryview(data), on_bytes)
    try:
        yield body
    except BaseException:
        body.seek(0)  # nothing of it counts
        raise


class Source:
    """A file that is read once, from its beginning, and must stay what it was when it was listed.

    `size` in bytes and `changed` (nanoseconds since 1970) are those of that moment. When `stopped` is set, reading
    raises KeyboardInterrupt. All methods raise HCAError.
    """

    def __init__(self, path: StrPath, size: int, changed: int, stopped: threading.Event) -> None:
        self.size = size
        self.path = path
        self._changed = changed
        self._stopped = stopped

    def __enter__(self) -> Source:
        with _read_errors():
            # Without waiting: a named pipe that has taken the place of a file would wait for somebody to write to it.
            self._stream = open(
                self.path, "rb", buffering=0, opener=lambda path, flags: os.open(path, flags | _NO_WAIT)
            )
        if not stat.S_ISREG(os.fstat(self._stream.fileno()).st_mode):
            self._stream.close()
            raise HCAError("it changed while it was being sent")
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def peek(self, count: int) -> bytes:
        """Return the first `count` bytes, or as many as there are; to be called before anything else is read."""
        with _read_errors():
            block = self._stream.read(count)
            self._stream.seek(0)
        return block

    def whole(self) -> bytes:
        """Return all of a small file; to be called before anything else is read."""
        with _read_errors():
            data = self._stream.read(self.size)
            self.check(is_complete=len(data) == self.size)
        return data

    def fill(self, view: memoryview, take: Callable[[bytes], None]) -> None:
        """Fill `view` with what comes next in the file, and give every block of it to `take`."""
        at = 0
        with _read_errors():
            while at < len(view):
                if self._stopped.is_set():
                    raise KeyboardInterrupt
                block = self._stream.read(min(_BLOCK, len(view) - at))
                if not block:
                    break
                take(block)
                view[at : at + len(block)] = block
                at += len(block)
            self.check(is_complete=at == len(view))

    def check(self, *, is_complete: bool = True) -> None:
        """Raise HCAError if the file is not what it was, or not all was there that was to be read."""
        now = os.fstat(self._stream.fileno())
        if not is_complete or (now.st_size, now.st_mtime_ns) != (self.size, self._changed):
            raise HCAError("it changed while it was being sent")


@contextmanager
def _read_errors() -> Iterator[None]:
    """Tell that a file can't be read: it alone fails, where an OSError would end the whole run."""
    try:
        yield
    except OSError as error:
        raise HCAError(f"it can't be read: {error.strerror}") from error
