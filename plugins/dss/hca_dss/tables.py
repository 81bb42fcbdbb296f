"""Tab-separated tables, read in blocks of whole lines: by a pattern where a block is plain, by csv where it is not."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import os
import re
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BLOCK = 256 * 1024
_STREAM = re.compile(r"-|/dev/stdin|/dev/fd/\d+|/proc/self/fd/\d+")
_LONGEST = 4 * 1024 * 1024  # bytes of a line


class Piece(NamedTuple):
    """Some rows of a table, the first of them in `line`.

    `found` is what a pattern found, one for each line; None if not all lines fit it. Then `cells` yields (line, cells)
    for each row that is not blank, and must be read to its end before the next piece is asked for.
    """

    line: int
    found: list[Any] | None
    cells: Iterator[tuple[int, list[str]]]


class Table:
    """A table with a header, in an open file that may be read several times and must not change meanwhile.

    `path` may be that of a pipe, or "-" for stdin: what comes from there is put into an unnamed file first. `name` is
    the last part of its path, empty if it comes from a stream.
    `columns` are the cells of its header, the first row that is not blank; none if there is no such row. Raises
    UsageError that says what is wrong, and in which line.
    """

    def __init__(self, path: str) -> None:
        self.path = "the manifest on stdin" if path == "-" else path
        self.name = os.path.basename(path)
        try:
            self._file: IO[bytes] = open(0 if path == "-" else path, "rb", closefd=path != "-")  # noqa: SIM115 - below
            if _STREAM.fullmatch(path) or not self._file.seekable():
                self._file, self.name = _spooled(self._file), ""
        except OSError as error:
            raise self._unreadable(error) from error
        try:
            self._stamp = self._state()
            lines = itertools.chain.from_iterable(_lines(text) for _, text in self._blocks())
            self._header_lines, self.columns = next(self._cells(1, lines), (0, []))
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Table:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def pieces(self, pattern: re.Pattern[str]) -> Iterator[Piece]:
        """Yield all rows behind the header; `pattern` matches a plain line as a whole (re.MULTILINE)."""
        blocks = self._behind_header()
        for line, text in blocks:
            if '"' in text:  # a cell in quotes may go on in the next block: only csv knows where a row ends
                texts = itertools.chain([text], (more for _, more in blocks))
                yield Piece(line, None, self._cells(line, itertools.chain.from_iterable(map(_lines, texts))))
                return
            found = pattern.findall(text)
            if len(found) == _line_count(text):
                yield Piece(line, found, iter(()))
            else:
                yield Piece(line, None, self._cells(line, _lines(text)))

    def _cells(self, first: int, lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
        """Yield (line, cells) for each row of `lines` that is not blank; `first` is the number of the first line."""
        reader = csv.reader(lines, dialect="excel-tab")
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield first - 1 + reader.line_num, cells
        except csv.Error as error:
            line = first - 1 + reader.line_num
            raise UsageError(f"{self.path}, line {line}: not a tab-separated row ({error})") from error

    def _behind_header(self) -> Iterator[tuple[int, str]]:
        """Yield the blocks of the rows."""
        skipped = 0
        for line, text in self._blocks():
            if skipped == self._header_lines:
                yield line, text
                continue
            stream = io.StringIO(text, newline="")
            while skipped < self._header_lines and stream.readline():
                skipped += 1
            if rest := stream.read():
                yield skipped + 1, rest

    def _blocks(self) -> Iterator[tuple[int, str]]:
        """Yield the whole file from its beginning as (number of the first line, some whole lines)."""
        line, rest = 1, b""
        for data in self._read():
            rest += data
            # Old tables end their lines with CR only.
            end = rest.rfind(b"\n") + 1 or rest.rfind(b"\r", 0, -1) + 1 if data else len(rest)
            for text in self._decoded(line, rest[:end]):
                yield line, text
                line += _line_count(text)
            rest = rest[end:]
            if len(rest) > _LONGEST:
                raise UsageError(f"{self.path}, line {line}: it is longer than {_LONGEST:,} bytes; this is no manifest")

    def _read(self) -> Iterator[bytes]:
        """Yield the bytes of the file, an empty block last."""
        mark = codecs.BOM_UTF8
        try:
            self._file.seek(0)
            while True:
                data = self._file.read(_BLOCK)
                if self._state() != self._stamp:
                    raise UsageError(f"{self.path} changed while it was read; run the command again")
                yield data.removeprefix(mark)
                if not data:
                    return
                mark = b""
        except OSError as error:
            raise self._unreadable(error) from error

    def _decoded(self, line: int, data: bytes) -> Iterator[str]:
        """Yield the text of some whole lines; before the error what comes before the line that is no text."""
        try:
            if data:
                yield data.decode()
        except UnicodeDecodeError as error:
            good = data[: data.rfind(b"\n", 0, error.start) + 1].decode()
            if good:
                yield good
            bad = line + _line_count(good)
            raise UsageError(f"{self.path} is not UTF-8 text (near line {bad})") from error

    def _state(self) -> tuple[int, int]:
        found = os.fstat(self._file.fileno())
        return found.st_size, found.st_mtime_ns

    def _unreadable(self, error: OSError) -> UsageError:
        return UsageError(f"{self.path} can't be read: {error.strerror}")


def _spooled(stream: IO[bytes]) -> IO[bytes]:
    """Return an unnamed file with what comes from `stream`, which is closed. Raises OSError.

    It ends behind a line that is too long, which will be told when it is read: no disk has room for a pipe without end.
    """
    import tempfile

    spool = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the table
    length = 0
    with stream:
        while length <= _LONGEST and (data := stream.read(_BLOCK)):
            spool.write(data)
            ended = max(data.rfind(b"\n"), data.rfind(b"\r"))
            length = len(data) - ended - 1 if ended >= 0 else length + len(data)
    spool.flush()  # its state is looked at, to see whether somebody changes it
    return spool


def line_of(cells: Iterable[str]) -> str:
    """Return a row as csv's excel-tab writes it, with CRLF."""
    text = io.StringIO(newline="")
    csv.writer(text, dialect="excel-tab").writerow(cells)
    return text.getvalue()


def _lines(text: str) -> Iterator[str]:
    """Yield lines as files have them: a line ends with LF, CRLF or CR."""
    return io.StringIO(text, newline="")


def _line_count(text: str) -> int:
    """Return how many lines `_lines` yields, without making them."""
    ends = text.count("\n")
    if "\r" in text:
        ends += text.count("\r") - text.count("\r\n")
    return ends + (text != "" and text[-1] not in "\r\n")
