"""A progress bar on a terminal, nothing in a pipe."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def bytes_bar(total: int | None, *, enabled: bool = True) -> Iterator[Callable[[int], None]]:
    """Give a function that counts bytes, from any thread, on a bar of `total` bytes (None: not known).

    The bar is drawn on stderr only if that is a terminal and `enabled`.
    """
    if not enabled or not sys.stderr.isatty():
        yield lambda count: None
        return
    from tqdm import tqdm

    lock = threading.Lock()
    colour = None if os.environ.get("NO_COLOR") else "green"
    with tqdm(total=total, unit="B", unit_scale=True, colour=colour, leave=False, file=sys.stderr) as bar:

        def count(number: int) -> None:
            with lock:
                bar.update(number)

        yield count
