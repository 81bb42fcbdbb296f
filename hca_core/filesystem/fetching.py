"""A file of a service as a file of this machine, fetched by the engine of downloads."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from hca_core.transfer import Settings, Transfer, fetch

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_core.content import Promise
    from hca_core.transfer import Source


def to_path(name: str, source: Source, promise: Promise, target: str, count: Callable[[int], None]) -> None:
    """Write what `source` has to the path `target`, checked against `promise`. Raises HCAError, OSError."""
    os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
    settings = Settings(retries=max(source.request(0).session.policy.tries - 1, 0))
    for result in fetch([Transfer(name, target, source, *promise)], settings, on_bytes=count):
        if result.error is not None:
            raise result.error


def counted(callback: Any, size: int) -> Callable[[int], None]:
    """Return what is told of bytes as they arrive, from several threads, and tells fsspec's `callback` (or None)."""
    lock = threading.Lock()
    if callback is not None:
        callback.set_size(size)

    def count(number: int) -> None:
        if callback is not None:
            with lock:
                callback.relative_update(number)

    return count
