"""The bytes of an object as one stream, though they are in several files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Joined:
    """The bytes of several files, one after the other; one of them is open at a time."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._waiting = iter(paths)
        self._open = open(os.devnull, "rb", buffering=0)  # noqa: SIM115 - closed in `close`

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end. Raises OSError."""
        while not (block := self._open.read(size)):
            following = next(self._waiting, None)
            if following is None:
                return b""
            self._open.close()
            self._open = open(following, "rb", buffering=0)  # noqa: SIM115 - as above
        return block

    def close(self) -> None:
        """Close the file that is open."""
        self._open.close()
