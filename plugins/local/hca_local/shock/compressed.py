"""Unpacks gzip and bzip2 streams piece by piece."""

from __future__ import annotations

import bz2
import zlib
from typing import TYPE_CHECKING, Protocol

from hca_local.shock.calls import ShockError

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("gzip", "bzip2")
_AT_ONCE = 1024 * 1024


class _Member(Protocol):
    """Unpacks one stream of those that may follow each other."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class Unpacker:
    """Unpacks a stream, or several that follow each other."""

    def __init__(self, kind: str) -> None:
        """Parameters: `kind` is one of KINDS."""
        self._kind = kind
        self._member: _Member | None = None
        self._is_begun = False

    def feed(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Yield what the next bytes unpack to, in pieces of limited size. Raises ShockError (400)."""
        rest = bytes(data)
        while rest or (self._member and not self._member.eof):
            self._is_begun = True
            self._member = self._member or self._new()
            try:
                found = self._member.decompress(rest, _AT_ONCE)
            except (OSError, zlib.error) as error:
                raise ShockError(400, f"The {self._kind} stream can't be unpacked: {error}.") from error
            if self._member.eof:
                rest, self._member = self._member.unused_data, None
            else:
                rest = getattr(self._member, "unconsumed_tail", b"")
            if found:
                yield found
            elif not rest:
                return

    def finish(self) -> None:
        """Raise ShockError (400) unless the last stream has come to its end."""
        if self._member or not self._is_begun:
            raise ShockError(400, f"The {self._kind} stream can't be unpacked: unexpected EOF.")

    def _new(self) -> _Member:
        return bz2.BZ2Decompressor() if self._kind == "bzip2" else zlib.decompressobj(31)
