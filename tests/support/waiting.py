"""Waits for what nobody tells: what another process, a browser or a thread does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
PATIENCE = 90.0  # seconds; a busy machine is no failure


def until(condition: Callable[[], Found], seconds: float = PATIENCE) -> Found:
    """Return the first value of `condition` that is true. Raises AssertionError if there is none in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"it did not happen within {seconds:g} s"
        time.sleep(0.01)
    return value
