"""What the object service sends: the content of one object, wherever it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Content(Protocol):
    """The content of an object: its quoted `etag`, when it was `modified` (seconds since 1970), its `size`."""

    etag: str
    modified: int
    size: int

    def pieces(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `start` to `end`, in pieces that memory always has room for; at least one."""

    def close(self) -> None:
        """Let go of what it was read from."""
