"""Files on their way to the server: read once, hashed meanwhile, and not taken if they change while they are read."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING, Any

from hca_core import checksums
from hca_core.errors import HCAError, IntegrityError, UsageError
from hca_shock.forms import BLOCK, Source, file_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_core.files import StrPath

SMALL = BLOCK  # bytes; what has no more is sent from memory
_MOST_UNPACKED = 4 * BLOCK


class Compression:
    """How a file is packed that the server is to unpack: gzip or bzip2; `suffix` is what its name ends with."""

    def __init__(self, name: str) -> None:
        if name not in ("gzip", "bzip2"):
            raise UsageError(f"{name!r} is not a compression that the server unpacks", hint="gzip or bzip2")
        self.name = name
        self.suffix = {"gzip": ".gz", "bzip2": ".bz2"}[name]

    def unpacker(self) -> Any:
        """Return a new object that unpacks one stream: `decompress`, `eof`, `unused_data`."""
        import bz2
        import zlib

        return zlib.decompressobj(31) if self.name == "gzip" else bz2.BZ2Decompressor()


class Digest:
    """MD5 and length of what the server will have of a stream: of its bytes, or of what is packed in them.

    What can't be unpacked is noted, as the server tells it better than an exception in the midst of sending.
    """

    def __init__(self, compression: Compression | None = None) -> None:
        self.size = 0
        self.broken: str | None = None
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._compression = compression
        self._unpacker: Any = compression.unpacker() if compression else None

    def update(self, block: bytes) -> None:
        """Take the next block of the stream."""
        if self._compression is None:
            self._take(block)
        elif self.broken is None:
            try:
                self._unpack(block)
            except (OSError, ValueError, EOFError, _zlib_error()) as error:
                self.broken = str(error)

    def check(self, name: str, size: int, md5: str | None) -> None:
        """Compare what the server has of `name` with what was sent. Raises IntegrityError.

        Parameters: `md5` is None where the server tells none.
        """
        if self.broken or (self._unpacker is not None and not self._unpacker.eof):
            raise IntegrityError(f"{name} can't be unpacked here ({self.broken or 'it ends too early'})")
        if size != self.size or md5 != self.hexdigest():
            raise IntegrityError(
                f"{name}: the server has {size} bytes with md5 {md5}, sent were {self.size} with {self.hexdigest()}"
            )

    def hexdigest(self) -> str:
        """Return the MD5 in lower-case hex."""
        return self._md5.hexdigest()

    def _take(self, block: bytes) -> None:
        self.size += len(block)
        self._md5.update(block)

    def _unpack(self, block: bytes) -> None:
        """Take what is packed in `block`, a few MiB at a time: it may be a thousand times as much."""
        while True:
            if self._unpacker.eof:  # one stream after another makes one file
                self._unpacker = self._compression.unpacker()  # type: ignore[union-attr]
            unpacked = self._unpacker.decompress(block, _MOST_UNPACKED)
            self._take(unpacked)
            ended = self._unpacker.eof
            block = self._unpacker.unused_data if ended else getattr(self._unpacker, "unconsumed_tail", b"")
            if not block and (ended or len(unpacked) < _MOST_UNPACKED):
                return


class Reading:
    """A file that is sent: its `size`, and after it was read once its `digest`.

    Raises UsageError if there is no such file, or it is none that can be read.
    """

    def __init__(self, path: StrPath, compression: Compression | None = None) -> None:
        self.path = os.fspath(path)
        self.compression = compression
        self.digest = Digest(compression)
        try:
            found = os.stat(self.path)
            with open(self.path, "rb"):
                pass
        except OSError as error:
            raise UsageError(f"{self.path} can't be read: {error.strerror}") from error
        if not stat.S_ISREG(found.st_mode):
            raise UsageError(f"{self.path} is not a file", hint="a pipe can be put with - (standard input)")
        self.size = found.st_size
        self._seen = (found.st_size, found.st_mtime_ns, found.st_ino)

    @property
    def name(self) -> str:
        """What the file is called at the server, if nothing else is said."""
        name = os.path.basename(self.path)
        return name.removesuffix(self.compression.suffix) if self.compression else name

    def content(self, told: Callable[[int], None]) -> bytes | Source:
        """Return what is sent; `told` hears how many bytes have gone. A small file is read now. Raises OSError."""
        if self.size <= SMALL:
            data = b"".join(file_blocks(self.path))
            self.digest = Digest(self.compression)
            self.digest.update(data)
            self.check()
            told(len(data))
            return data
        return Source(self.size, lambda: self._blocks(told))

    def check(self) -> None:
        """Raise HCAError if the file is not what it was when this object was made."""
        found = os.stat(self.path)
        if (found.st_size, found.st_mtime_ns, found.st_ino) != self._seen:
            raise HCAError(f"{self.path} changed while it was read; nothing of it is kept", hint="put it once more")

    def _blocks(self, told: Callable[[int], None]) -> Iterator[bytes]:
        self.digest = Digest(self.compression)
        with checksums.beside(self.digest.update, alone=self.size < checksums.WORTH_A_THREAD) as take:
            for block in file_blocks(self.path, 0, self.size):
                take(block)
                yield block
                told(len(block))


def _zlib_error() -> type[Exception]:
    import zlib

    return zlib.error
