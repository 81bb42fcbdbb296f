"""The lock that says which process serves a data directory. The system releases it when that process ends, however."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hca_core import locking
from hca_core.errors import HCAError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Somebody who only asks whether the lock is held has it for microseconds: no reason to give up.
_PATIENCE_SECONDS = 0.5


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock `path` exclusively while the body runs. Raises HCAError if another process holds it; OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not locking.taken(descriptor, exclusive=True):
            if time.monotonic() > deadline:
                raise HCAError(f"{path.parent} is being served by another process.", hint="hca local status")
            time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Tell whether a process holds the lock `path` exclusively; nothing is made or changed."""
    try:
        descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    except OSError:
        return False
    try:
        return not locking.taken(descriptor, exclusive=False)
    finally:
        os.close(descriptor)
