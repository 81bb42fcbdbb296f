"""Stores the files of an archive one after another, in constant memory. Nothing in it is believed."""

from __future__ import annotations

import io
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, NamedTuple

from hca_local.shock import names
from hca_local.shock.arriving import Arrived
from hca_local.shock.calls import ShockError
from hca_local.shock.compressed import Unpacker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_local.shock.content import Content
    from hca_local.shock.shock import Shock

KINDS = ("zip", "tar", "tar.gz", "tar.bz2")
_COMPRESSION = {"tar.gz": "gzip", "tar.bz2": "bzip2"}
_BLOCK = 1024 * 1024
_MOST_MEMBERS = 100_000
# Headers of a tar that carry names; the library reads them into memory, however long they say that they are.
_LONG_HEADERS = frozenset({
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
})  # fmt: skip
_LONGEST_HEADER = 1024 * 1024
# So is the list of the members of a zip; one of them needs about 100 bytes there.
_LONGEST_LIST = 64 * 1024 * 1024
_SEPARATORS = re.compile(r"[/\\]")


class Member(NamedTuple):
    """A file of an archive: its name without directories, and the data file that it is now."""

    name: str
    size: int
    md5: str
    data: str


class _Budget:
    """How many bytes may still come out of an archive."""

    def __init__(self, most: int) -> None:
        self._left = most

    def take(self, count: int) -> None:
        """Count bytes. Raises ShockError (400) when there are too many."""
        self._left -= count
        if self._left < 0:
            raise ShockError(400, "The archive unpacks to more than this server takes: it looks like a bomb.")


def members(shock: Shock, source: Content, kind: str, most: int) -> Iterator[Member]:
    """Yield the regular files of an archive, each of them stored by then; hidden ones and links are left out.

    Call it in a thread. Parameters: `kind` is one of KINDS; `most` is how many bytes may come out of it.
    Raises ShockError (400) if the archive is damaged or a bomb, OSError.
    """
    found = _of_zip(source, most) if kind == "zip" else _of_tar(source, _COMPRESSION.get(kind), most)
    try:
        for number, (name, stream) in enumerate(found):
            if number >= _MOST_MEMBERS:
                raise ShockError(400, f"The archive has more than {_MOST_MEMBERS} files.")
            with stream:
                yield _stored(shock, names.require(name, "A name in the archive"), stream)
    except OSError as error:
        # The bzip2 library has no error of its own; one of the disk has a number.
        if error.errno is not None:
            raise
        raise ShockError(400, f"The archive can't be unpacked as {kind}: {error}.") from error
    except (
        zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError,
        ValueError,
    ) as error:  # fmt: skip
        # The last ones are what zipfile raises for a password, for a compression that it lacks, and for odd numbers.
        raise ShockError(400, f"The archive can't be unpacked as {kind}: {error}.") from error


def _stored(shock: Shock, name: str, stream: _Counted) -> Member:
    """Store what a stream has as a data file."""
    arrived = Arrived(shock.incoming, name)
    try:
        while block := stream.read(_BLOCK):
            arrived.feed(block)
        arrived.finish()
        return Member(name, arrived.size, arrived.md5, arrived.keep(shock))
    finally:
        arrived.close()


def _of_zip(source: Content, most: int) -> Iterator[tuple[str, _Counted]]:
    budget = _Budget(most)
    with zipfile.ZipFile(_Archive(_Seekable(source), _BLOCK)) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            name = _name(info.filename)
            if name and not info.is_dir() and kind in (0, stat.S_IFREG):
                yield name, _Counted(archive.open(info), budget)


def _of_tar(source: Content, compression: str | None, most: int) -> Iterator[tuple[str, _Counted]]:
    # Two accounts: a sparse file is longer than what the archive has of it.
    stream, budget = _Stream(source, compression, _Budget(most)), _Budget(most)
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as archive:
        for info in archive:
            name = _name(info.name)
            file = archive.extractfile(info) if name and info.isreg() else None
            if file:
                yield name, _Counted(file, budget)
    stream.finish()


def _name(path: str) -> str:
    """Return the last part of a path in an archive; empty for a hidden file, and for what has no name."""
    name = _SEPARATORS.split(path)[-1].encode("utf-8", "replace").decode()
    return "" if name.startswith(".") else name


class _Counted(io.RawIOBase):
    """A file of an archive whose bytes are counted."""

    def __init__(self, file: IO[bytes], budget: _Budget) -> None:
        self._file = file
        self._budget = budget

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes. Raises ShockError (400) if that makes too many."""
        block = self._file.read(size)
        self._budget.take(len(block))
        return block

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


class _Archive(io.BufferedReader):
    """A zip whose list of members is not read if it is too long."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes. Raises ShockError (400) if they are too many at once."""
        if size is not None and size > _LONGEST_LIST:
            raise ShockError(400, "The archive can't be unpacked: its list of files is too long.")
        return super().read(size)


class _Seekable(io.RawIOBase):
    """The bytes of a node as a file: the list of a zip is at its end."""

    def __init__(self, source: Content) -> None:
        self._source = source
        self._position = 0

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be read from anywhere."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go on reading elsewhere. Raises ValueError for a place before the beginning."""
        position = offset + (0, self._position, self._source.size)[whence]
        if position < 0:
            raise ValueError("its list of members is damaged")
        self._position = position
        return position

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Read the next bytes. Raises OSError."""
        end = min(self._position + len(buffer), self._source.size)
        block = self._source.read_sync(self._position, end) if end > self._position else b""
        buffer[: len(block)] = block
        self._position += len(block)
        return len(block)


class _Stream(io.RawIOBase):
    """The bytes of a tar, unpacked and counted."""

    def __init__(self, source: Content, compression: str | None, budget: _Budget) -> None:
        self._blocks = source.blocks()
        self._unpacker = Unpacker(compression) if compression else None
        self._budget = budget
        self._unpacked = self._of_blocks()
        self._rest = memoryview(b"")

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, at most `size`. Raises ShockError (400), OSError."""
        if not self._rest:
            self._rest = memoryview(next(self._unpacked, b""))
        block, self._rest = self._rest[:size], self._rest[size:]
        return bytes(block)

    def finish(self) -> None:
        """Read what is left: only at the end it turns out whether the bytes were right. Raises ShockError (400)."""
        while next(self._unpacked, b""):
            pass

    def _of_blocks(self) -> Iterator[bytes]:
        for packed in self._blocks:
            for block in self._unpacker.feed(packed) if self._unpacker else (packed,):
                self._budget.take(len(block))
                yield block
        if self._unpacker:
            self._unpacker.finish()


class _Header(tarfile.TarInfo):
    """The header of a member of a tar; one that is damaged is an error, not the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        """Return what a header says. Raises ShockError (400), tarfile.HeaderError at the end of the archive."""
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if not any(buf):
                raise  # a block of zeros, or no block at all, is the end
            raise ShockError(400, f"The archive can't be unpacked: a header is damaged ({error}).") from error
        if header.type in _LONG_HEADERS and header.size > _LONGEST_HEADER:
            raise ShockError(400, "The archive can't be unpacked: it has a name of more than a megabyte.")
        return header
