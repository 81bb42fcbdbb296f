"""Reads bodies: multipart forms and plain ones, in constant memory."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from hca_local.shock import forms, names
from hca_local.shock.arriving import Arrived
from hca_local.shock.calls import DroppedError, ShockError
from hca_local.shock.forms import Form

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from hca_local.shock.calls import Call

# What is handed to a thread at once; a hop there and back takes about as long as to receive 64 KiB.
_BATCH = 1024 * 1024
# A body that ends before it has so much is read without a thread.
_SMALL = 128 * 1024
_MOST_TEXT = 16 * 1024 * 1024
_MOST_PIECES = 10_000
_LARGEST_NUMBER = 100_000
# The real server reads each value once, from a buffer of this size.
_BUFFER = 4096


async def form(call: Call) -> Form:
    """Return the form that the body of a request is. Raises ShockError (400), ClientGoneError, OSError."""
    kind, options = parse_options_header(call.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or b"boundary" not in options:
        raise ShockError(400, "request Content-Type isn't multipart/form-data")
    reader = _Reader(options[b"boundary"], call.shock.incoming, quirks=call.shock.quirks)
    try:
        await _run(call, reader.feed)
        reader.end()
        files = reader.form.files.values()
        if all(file.is_cheap for file in files):
            _finish(reader.form)
        else:
            await call.shock.run(_finish, reader.form)
    except BaseException:
        reader.form.close()
        raise
    return reader.form


async def plain(call: Call) -> Arrived:
    """Return the file that the body of a request is; close it. Raises ClientGoneError, OSError."""
    found = Arrived(call.shock.incoming, "filename")
    try:
        await _run(call, lambda pieces: found.feed(b"".join(pieces)))
        if found.is_cheap:
            found.finish()
        else:
            await call.shock.run(found.finish)
    except BaseException:
        found.close()
        raise
    return found


async def _run(call: Call, feed: Callable[[list[bytes]], None]) -> None:
    """Give the body to `feed`: here if it is small, else in a thread while the next batch comes."""
    writing: asyncio.Future[None] | None = None
    try:
        async for pieces, is_all in _batches(call):
            if writing:
                await writing
            if is_all:
                feed(pieces)
            else:
                writing = asyncio.ensure_future(call.shock.run(feed, pieces))
        if writing:
            await writing
    except BaseException:
        if writing and not writing.done():
            await asyncio.wait([writing])
        raise


async def _batches(call: Call) -> AsyncIterator[tuple[list[bytes], bool]]:
    """Yield the pieces of the body, about _BATCH bytes at once, each time with True if that is a small body whole."""
    pieces: list[bytes] = []
    size = 0
    is_first = True
    more = True
    while more:
        message = await call.receive()
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        more = message.get("more_body", False)
        if size >= _BATCH or not more:
            yield pieces, is_first and not more and size <= _SMALL
            pieces, size, is_first = [], 0, False


def _finish(form: Form) -> None:
    for file in form.files.values():
        file.finish()


class _Reader:
    """Takes the bytes of a form and sorts them."""

    def __init__(self, boundary: bytes, directory: Path, *, quirks: bool) -> None:
        self.form = Form()
        self._directory = directory
        self._quirks = quirks
        self._position = 0
        self._fed = 0
        self._pieces = 0
        self._texts = 0
        self._is_over = False
        self._header = [bytearray(), bytearray()]
        self._headers: dict[str, bytes] = {}
        self._file: Arrived | None = None
        self._field = ""
        self._text: bytearray | None = None
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._take,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise ShockError(400, f"The form can't be read: {error}.") from error

    def feed(self, pieces: list[bytes]) -> None:
        """Take the next bytes. Raises ShockError (400), DroppedError, OSError."""
        # With the quirks it matters how the bytes have come.
        for data in pieces if self._quirks else [b"".join(pieces)]:
            try:
                self._parser.write(data)
            except FormParserError as error:
                raise ShockError(400, f"The form can't be read: {error}.") from error
            self._position += len(data)

    def end(self) -> None:
        """Raise ShockError (400) unless the form has come to its end."""
        if not self._is_over:
            raise ShockError(400, "multipart: NextPart: unexpected EOF")

    def _begin(self) -> None:
        self._headers = {}
        self._file, self._text = None, None
        self._pieces += 1
        if self._pieces > _MOST_PIECES:
            raise ShockError(400, f"A form may have {_MOST_PIECES} values and files.")

    def _end_header(self) -> None:
        name, value = self._header
        self._headers[name.decode("latin-1").lower()] = bytes(value)
        self._header = [bytearray(), bytearray()]

    def _end_headers(self) -> None:
        """Find out what begins: a value, or a file if it has the name of one. Raises ShockError (400)."""
        _, options = parse_options_header(self._headers.get("content-disposition", b""))
        field = options.get(b"name", b"").decode("utf-8", "replace")
        name = os.path.basename(options.get(b"filename", b"").decode("utf-8", "replace").rstrip("/"))
        if not name:
            if field not in forms.FIELDS:
                raise ShockError(400, f"invalid param: {field}")
            self._field, self._text, self._fed = field, bytearray(), 0
            return
        names.require(name, "The name of a file")
        if field not in forms.FILES:
            field = self._part_number(field)
        elif field in self.form.files:
            raise ShockError(400, "only one upload file allowed" if field == "upload" else f"only one {field} allowed")
        if field in self.form.files:
            raise ShockError(400, f"part {field} comes twice")
        compression = field if field in ("gzip", "bzip2") else None
        self._file = self.form.files[field] = Arrived(self._directory, name, compression)

    def _part_number(self, field: str) -> str:
        """Return the name of a file that is a part, without zeros. Raises ShockError (400), DroppedError."""
        if not (field.isascii() and field.isdecimal() and len(field) <= 10):
            raise ShockError(400, f"invalid file param: {field}")
        number = int(field)
        if number == 0 and self._quirks:
            raise DroppedError
        if not 1 <= number <= _LARGEST_NUMBER:
            raise ShockError(400, f"Parts are numbered from 1 to {_LARGEST_NUMBER}.")
        return str(number)

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._file:
            self._file.feed(memoryview(data)[start:end])
        elif self._text is not None:
            self._texts += end - start
            if self._texts > _MOST_TEXT:
                raise ShockError(400, "The values of a form may have 16 MiB: send attributes as a file.")
            if self._quirks:
                end = self._cut(start, end)
            self._fed += 1
            self._text += data[start:end]

    def _cut(self, start: int, end: int) -> int:
        """Return where the real server stops reading a value: it looks once, into a buffer that may end there."""
        if self._fed:
            return start
        position = self._position + start
        return min(end, start + _BUFFER - position % _BUFFER)

    def _end_part(self) -> None:
        if self._text is not None:
            if self._quirks and not self._text:
                raise ShockError(400, "err@node_ParseMultipartForm: (form.value) EOF")
            try:
                self.form.values[self._field] = self._text.decode()
            except UnicodeDecodeError:
                if not self._quirks:
                    raise ShockError(400, f"The value of {self._field} is not UTF-8.") from None
                self.form.values[self._field] = self._text.decode("utf-8", "replace")
        elif self._file and self._position >= _SMALL:
            self._file.flush()  # many small files must not fill the memory

    def _end(self) -> None:
        self._is_over = True
