"""A progress bar on a terminal, nothing in a pipe."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class Bar:
    """What a progress bar counts; may be told by several threads. This one draws nothing."""

    def __call__(self, number: int) -> None:
        """Count so many bytes."""

    def file(self) -> None:
        """Count a file that is done."""


@contextmanager
def bytes_bar(total: int | None, *, enabled: bool = True, files: int = 0) -> Iterator[Bar]:
    """Give what counts bytes on a bar of `total` bytes (None: not known), which tells the time left.

    Parameters: `files` is how many there are; 0 if these are not counted.
    The bar is drawn on stderr only if that is a terminal and `enabled`.
    """
    if not enabled or not sys.stderr.isatty():
        yield Bar()
        return
    from tqdm import tqdm

    colour = None if os.environ.get("NO_COLOR") else "green"
    with tqdm(
        total=total, unit="B", unit_scale=True, colour=colour, leave=False, file=sys.stderr, dynamic_ncols=True
    ) as drawn:
        yield _Drawn(drawn, files)


class _Drawn(Bar):
    def __init__(self, drawn: Any, files: int) -> None:
        self._drawn = drawn
        self._files = files
        self._done = 0
        self._lock = threading.Lock()
        self._tell()

    def __call__(self, number: int) -> None:
        with self._lock:
            self._drawn.update(number)

    def file(self) -> None:
        with self._lock:
            self._done += 1
            self._tell()

    def _tell(self) -> None:
        if self._files:
            self._drawn.set_postfix_str(f"{self._done}/{self._files} files", refresh=False)


@contextmanager
def aside() -> Iterator[None]:
    """Let something be written to the terminal: a bar that is drawn there is taken away meanwhile."""
    if "tqdm" not in sys.modules:
        yield
        return
    from tqdm import tqdm

    with tqdm.external_write_mode():
        yield
