"""Whether text is coloured: one answer for error messages, help pages, tables and progress bars."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO


def forced() -> bool | None:
    """Return what the environment says: False for `NO_COLOR`, True for `FORCE_COLOR`, None for neither.

    Empty values count for nothing (no-color.org, force-color.org); `NO_COLOR` wins.
    """
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def on(stream: TextIO) -> bool:
    """Tell whether text that is written to `stream` may be coloured; without an order, terminals only."""
    said = forced()
    return stream.isatty() if said is None else said
