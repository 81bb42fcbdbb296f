"""Reads a JSON object whose list of files may be longer than memory, however it is laid out in lines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TextIO

from hca_core.errors import HCAError

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK = 1 << 16  # characters
_LONGEST = 1 << 24  # characters of one value


def entries(stream: TextIO, listed: str) -> Iterator[tuple[str, Any]]:
    """Yield each key of the object in `stream` with its value; that of `listed` is a list, whose items come one by one.

    Raises HCAError for what is no such object.
    """
    text = _Text(stream)
    if text.next() != "{":
        raise HCAError("it is no JSON object")
    text.take("{")
    if text.next() == "}":
        return
    while True:
        key = text.value()
        if not isinstance(key, str):
            raise _broken()
        text.take(":")
        if key == listed:
            yield from ((listed, item) for item in _items(text))
        else:
            yield key, text.value()
        if text.take(",}") == "}":
            break
    if text.next():
        raise HCAError("there is more behind its end")


def _items(text: _Text) -> Iterator[Any]:
    text.take("[")
    if text.next() == "]":
        text.take("]")
        return
    while True:
        yield text.value()
        if text.take(",]") == "]":
            return


def _broken() -> HCAError:
    return HCAError("it is only a part of a JSON object, or none")


class _Text:
    """The text of a stream, of which little is in memory."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._text = ""
        self._at = 0
        self._ended = False
        self._decode = json.JSONDecoder().raw_decode

    def next(self) -> str:
        """Return the next character that is no blank, without taking it; "" at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in " \t\r\n":
                self._at += 1
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._read(_BLOCK)

    def take(self, allowed: str) -> str:
        """Take the next character, which must be one of `allowed`."""
        found = self.next()
        if not found or found not in allowed:
            raise _broken()
        self._at += 1
        return found

    def value(self) -> Any:
        """Take the next value."""
        self.next()
        block = _BLOCK
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if self._ended or isinstance(error, RecursionError):
                    raise _broken() from error
            else:
                # A number that ends with the text may have more digits.
                if end < len(self._text) or self._ended:
                    self._at = end
                    return value
            if len(self._text) > _LONGEST:
                raise _broken()
            self._read(block)
            block *= 2

    def _read(self, count: int) -> None:
        more = self._stream.read(count)
        self._ended = not more
        self._text, self._at = self._text[self._at :] + more, 0
