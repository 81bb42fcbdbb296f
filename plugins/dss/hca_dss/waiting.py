"""How long to wait between looks at something that the service takes its time for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIRST, _BACK_OFF, _MOST = 1.0, 1.618, 60.0


def waits() -> Iterator[float]:
    """Yield the seconds to wait before each look but the first: from 1 on, growing, never more than 60."""
    wait = _FIRST
    while True:
        yield wait
        wait = min(wait * _BACK_OFF, _MOST)
