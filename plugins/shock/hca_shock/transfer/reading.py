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
_FINGERPRINTED = 64 * 1024  # bytes at each end


class ChangedError(HCAError):
    """A file changed, or was taken away, while it was sent."""


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
        self.check_packed(name)
        if size != self.size or md5 != self.hexdigest():
            raise IntegrityError(
                f"{name}: the server has {size} bytes with md5 {md5}, sent were {self.size} with {self.hexdigest()}"
            )

    def check_packed(self, name: str) -> None:
        """Raise IntegrityError if `name`, which has been taken to its end, is not packed as it should be."""
        if self.broken or (self._unpacker is not None and not self._unpacker.eof):
            raise IntegrityError(f"{name} can't be unpacked ({self.broken or 'it ends too early'})")

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
    """A file that is sent: its `size`, and the `digest` of what was read of it; `is_read` once that is all of it.

    Raises UsageError if there is no such file, or it is none that can be read.
    """

    def __init__(self, path: StrPath, compression: Compression | None = None) -> None:
        self.path = os.fspath(path)
        self.compression = compression
        self.digest = Digest(compression)
        self.is_read = False
        try:
            found = os.stat(self.path)
            if not stat.S_ISREG(found.st_mode):  # first: to open a pipe may take for ever
                raise UsageError(f"{self.path} is not a file", hint="a pipe can be put with - (standard input)")
            with open(self.path, "rb"):
                pass
        except OSError as error:
            hint = "give the files in it" if os.path.isdir(self.path) else None
            raise UsageError(f"{self.path} can't be read: {error.strerror}", hint) from error
        self.size = found.st_size
        self._seen = (found.st_size, found.st_mtime_ns, found.st_ino)

    @property
    def name(self) -> str:
        """What the file is called at the server, if nothing else is said."""
        name = os.path.basename(self.path)
        return name.removesuffix(self.compression.suffix) if self.compression else name

    def content(self, told: Callable[[int], None]) -> bytes | Source:
        """Return what is sent; `told` hears how many bytes have gone. A small file is read now.

        Raises ChangedError, for one that is not small while it is sent; what sends it makes a NetworkError of that.
        """
        self.is_read = False
        if self.size <= SMALL:
            data = self.piece(0, self.size)
            self.digest = Digest(self.compression)
            self.digest.update(data)
            self.is_read = True
            self.check()
            told(len(data))
            return data
        return Source(self.size, lambda: self._blocks(told))

    def piece(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset` on. Raises ChangedError if they are not there any more."""
        try:
            return b"".join(file_blocks(self.path, offset, size))
        except OSError as error:
            raise self._changed(error) from error

    def fingerprint(self) -> str:
        """Return 12 hexadecimal digits of the beginning and the end of the file, which tell it from most others.

        Raises ChangedError.
        """
        some = min(_FINGERPRINTED, self.size)
        ends = self.piece(0, some) + self.piece(self.size - some, some)
        return hashlib.md5(ends, usedforsecurity=False).hexdigest()[:12]

    def check(self) -> None:
        """Raise ChangedError if the file is not what it was when this object was made."""
        try:
            found = os.stat(self.path)
        except OSError as error:
            raise self._changed(error) from error
        if (found.st_size, found.st_mtime_ns, found.st_ino) != self._seen:
            raise self._changed(None)

    def _changed(self, error: OSError | None) -> ChangedError:
        reason = f" ({error.strerror})" if error and error.strerror else ""
        return ChangedError(
            f"{self.path} changed while it was read{reason}; nothing of it is kept", hint="put it once more"
        )

    def _blocks(self, told: Callable[[int], None]) -> Iterator[bytes]:
        self.is_read = False
        self.digest = Digest(self.compression)
        with checksums.beside(self.digest.update, alone=self.size < checksums.WORTH_A_THREAD) as take:
            for block in file_blocks(self.path, 0, self.size):
                take(block)
                yield block
                told(len(block))
        self.is_read = True


class Held:
    """Bytes in memory that are sent as a file is: `path` is for messages, `name` for the server."""

    def __init__(self, path: str, name: str, data: bytes, compression: Compression | None = None) -> None:
        self.path = path
        self.name = name
        self.compression = compression
        self.digest = Digest(compression)
        self.digest.update(data)
        self.is_read = True
        self._data = data

    def content(self, told: Callable[[int], None]) -> bytes:
        """Return what is sent, and tell its length."""
        told(len(self._data))
        return self._data

    def check(self) -> None:
        """Do nothing: these bytes don't change."""


def _zlib_error() -> type[Exception]:
    import zlib

    return zlib.error
