"""Downloads as gzip and zip, and archives as zip and tar: made while they are sent, in constant memory."""

from __future__ import annotations

import os
import tarfile
import time
import unicodedata
import zipfile
import zlib
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from typing import IO

    from hca_local.shock.shock import Shock

NAMES = ("gzip", "zip")
ARCHIVES = ("zip", "tar")
_GZIP_START = b"\x1f\x8b\x08"
_HAS_NAME = 8
_UNKNOWN_SYSTEM = 255
_OLDEST = 315619200.0  # 1980, the first year of zip
_MOST_TIME = 2**32 - 1
_LONGEST_NAME = 240
_TAR_BLOCK = 512


class Archive(Protocol):
    """An archive that is being written; all its functions return what is to be sent next."""

    def begin(self, name: str, size: int | None, modified: float) -> bytes:
        """Begin a file; `size` None says that it is not known (zip only), `modified` is in seconds since 1970."""

    def write(self, block: bytes) -> bytes:
        """Go on with it."""

    def end(self) -> bytes:
        """End it."""

    def close(self) -> bytes:
        """End the archive."""


class Zip:
    """A zip archive of files that are not compressed."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w")
        self._entry: IO[bytes] | None = None

    def begin(self, name: str, size: int | None, modified: float) -> bytes:
        """Begin a file."""
        info = zipfile.ZipInfo(name, time.gmtime(min(max(modified, _OLDEST), _MOST_TIME))[:6])
        info.external_attr = 0o644 << 16
        info.file_size = size or 0
        self._entry = self._zip.open(info, "w", force_zip64=size is None)
        return self._sink.taken()

    def write(self, block: bytes) -> bytes:
        """Go on with it."""
        assert self._entry is not None  # noqa: S101 - one has begun
        self._entry.write(block)
        return self._sink.taken()

    def end(self) -> bytes:
        """End it."""
        assert self._entry is not None  # noqa: S101 - one has begun
        self._entry.close()
        return self._sink.taken()

    def close(self) -> bytes:
        """End the archive."""
        self._zip.close()
        return self._sink.taken()


class Tar:
    """A tar archive."""

    def __init__(self) -> None:
        self._padding = b""
        self._sent = 0

    def begin(self, name: str, size: int | None, modified: float) -> bytes:
        """Begin a file, whose size must be known."""
        assert size is not None  # noqa: S101 - it stands before the bytes
        info = tarfile.TarInfo(name)
        info.size = size
        info.mtime = int(modified)
        self._padding = bytes(-size % _TAR_BLOCK)
        return self._counted(info.tobuf(tarfile.PAX_FORMAT))

    def write(self, block: bytes) -> bytes:
        """Go on with it."""
        return self._counted(block)

    def end(self) -> bytes:
        """End it."""
        return self._counted(self._padding)

    def close(self) -> bytes:
        """End the archive: two empty blocks, and up to a whole record."""
        ending = bytes(2 * _TAR_BLOCK)
        return ending + bytes(-(self._sent + len(ending)) % tarfile.RECORDSIZE)

    def _counted(self, block: bytes) -> bytes:
        self._sent += len(block)
        return block


def archive(format: str) -> Archive:
    """Return a new archive of a format, one of ARCHIVES."""
    return Zip() if format == "zip" else Tar()


async def compressed(
    shock: Shock, format: str, pieces: AsyncGenerator[bytes, None], name: str, size: int | None, modified: float
) -> AsyncGenerator[bytes, None]:
    """Yield `pieces` as gzip or zip. Raises what they raise.

    Parameters: `name` is that of the file inside, `size` its size, None if that is not known, `modified` when it was
    made, in seconds since 1970.
    """
    name = plain(name) or "file"
    if format == "zip":
        made = Zip()
        yield made.begin(name, size, modified)
        async with aclosing(pieces):
            async for piece in pieces:
                yield await shock.run(made.write, piece)
        yield made.end() + made.close()
        return
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    crc, total = 0, 0
    yield _gzip_header(name, modified)
    async with aclosing(pieces):
        async for piece in pieces:
            crc, total = zlib.crc32(piece, crc), total + len(piece)
            if block := await shock.run(packer.compress, piece):
                yield block
    yield packer.flush() + crc.to_bytes(4, "little") + (total % 2**32).to_bytes(4, "little")


def plain(name: str) -> str:
    """Return the last part of a path, without what no name of a file should have; empty if nothing is left."""
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(letter for letter in name if unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    kept = kept.strip(" ")
    stem, suffix = os.path.splitext(kept)
    if len(kept.encode()) > _LONGEST_NAME:
        kept = stem.encode()[: _LONGEST_NAME - len(suffix.encode())].decode(errors="ignore") + suffix
        kept = kept.encode()[:_LONGEST_NAME].decode(errors="ignore")
    return "" if kept in (".", "..") else kept


def _gzip_header(name: str, modified: float) -> bytes:
    """Return how a gzip file begins, with the name of what is in it if that can be written there (RFC 1952)."""
    try:
        stored = name.encode("latin-1") + b"\0"
    except UnicodeEncodeError:
        stored = b""
    time_of_file = int(min(max(modified, 0), _MOST_TIME)).to_bytes(4, "little")
    return _GZIP_START + bytes([_HAS_NAME if stored else 0]) + time_of_file + bytes([0, _UNKNOWN_SYSTEM]) + stored


class _Sink:
    """A file that can only be written to; gives away what was written."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []

    def write(self, block: bytes) -> int:
        """Take a block."""
        self._blocks.append(block)
        return len(block)

    def flush(self) -> None:
        """Do nothing: there is nowhere to flush to."""

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def taken(self) -> bytes:
        """Return what was written since this was called last."""
        blocks, self._blocks = self._blocks, []
        return b"".join(blocks)
