"""Opens what storage and mirror give out: files of the disk, short documents, and bytes that were spoiled."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from hca_local.objects import files

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from hca_local.objects.content import Content


def opened(path: Path) -> Content:
    """Return the content of the file `path`, which is named by its digest. Raises LookupError."""
    return files.opened(path, etag(path.name))


def etag(text: str) -> str:
    """Return the ETag of what `text` names: of the kind that is no MD5 (an upload of many parts)."""
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}-2"'


class Document:
    """The content of a short `text`."""

    modified = 1_700_000_000  # any moment that stays the same

    def __init__(self, text: bytes) -> None:
        self.etag = f'"{hashlib.md5(text, usedforsecurity=False).hexdigest()}"'
        self.size = len(text)
        self._text = text

    async def pieces(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `start` to `end`."""
        yield self._text[start:end]

    def close(self) -> None:
        """Do nothing: nothing is kept open."""


class Spoiled:
    """The content `of` something with its first byte changed, which only a digest tells."""

    def __init__(self, of: Content) -> None:
        self.etag = of.etag
        self.modified = of.modified
        self.size = of.size
        self._of = of

    async def pieces(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `start` to `end`. Raises OSError if the file ends before them."""
        async for piece in self._of.pieces(start, end):
            yield bytes([piece[0] ^ 0xFF]) + piece[1:] if start == 0 and piece else piece
            start += len(piece)

    def close(self) -> None:
        """Let go of what it was read from."""
        self._of.close()
