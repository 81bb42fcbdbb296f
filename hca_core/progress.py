"""A progress bar on a terminal, nothing in a pipe."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from hca_core import colors, log

if TYPE_CHECKING:
    from collections.abc import Iterator

_DRAWN_SECONDS = 0.1


class Bar:
    """What a progress bar counts; may be told by several threads. This one draws nothing."""

    def __call__(self, number: int) -> None:
        """Count so many bytes."""

    def file(self) -> None:
        """Count a file that is done."""

    def expect(self, files: int, size: int) -> None:
        """Learn how many files and bytes there are."""

    def done(self, size: int | None, received: int, *, failed: bool = False) -> None:
        """Count a file of `size` bytes that is done, of which `received` were counted as they came.

        What was there already moves the bar, but is no speed.
        """


@contextmanager
def bytes_bar(total: int | None, *, enabled: bool = True, files: int = 0) -> Iterator[Bar]:
    """Give what counts bytes on a bar of `total` bytes (None: not known), which tells the time left.

    Parameters: `files` is how many there are; 0 if these are not counted.
    The bar is drawn on stderr only if that is a terminal and `enabled`, and the level of the log is INFO or DEBUG.
    """
    if not enabled or not sys.stderr.isatty() or log.is_quiet():
        yield Bar()
        return
    from tqdm import tqdm

    colour = "green" if colors.on(sys.stderr) else None
    with tqdm(
        total=total, unit="B", unit_scale=True, colour=colour, leave=False, file=sys.stderr, dynamic_ncols=True
    ) as drawn:
        bar = _Drawn(drawn, files)
        try:
            yield bar
        finally:
            bar.stop()


class _Drawn(Bar):
    """Counts only; a thread of its own draws, ten times a second, so that counting costs next to nothing."""

    def __init__(self, drawn: Any, files: int) -> None:
        self._drawn = drawn
        self._files = files
        self._counts_files = files > 0
        self._done = 0
        self._received = self._there = 0  # bytes that are not drawn yet
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        # tqdm would guess after how many bytes it is worth while to look at the clock; here somebody looks already.
        drawn.mininterval, drawn.miniters, drawn.dynamic_miniters = 0, 0, False
        self._tell()
        self._thread = threading.Thread(target=self._draw_on, daemon=True, name="progress")
        self._thread.start()

    def __call__(self, number: int) -> None:
        with self._lock:
            self._received += number

    def file(self) -> None:
        with self._lock:
            self._done += 1

    def expect(self, files: int, size: int) -> None:
        with self._lock:
            self._files = files
            self._counts_files = True
            self._drawn.total = size

    def done(self, size: int | None, received: int, *, failed: bool = False) -> None:
        with self._lock:
            self._done += 1
            self._counts_files = True
            if size is not None and not failed:
                self._there += size - received

    def stop(self) -> None:
        """Draw no more."""
        self._stopped.set()
        self._thread.join()
        self._draw()

    def _draw_on(self) -> None:
        while not self._stopped.wait(_DRAWN_SECONDS):
            self._draw()

    def _draw(self) -> None:
        with self._lock:
            received, there = self._received, self._there
            self._received = self._there = 0
            self._tell()
        drawn = self._drawn
        # So tqdm takes what was there for where it began: neither its rate nor its time left know of it.
        drawn.n += there
        drawn.initial += there
        drawn.last_print_n += there
        if received:
            drawn.update(received)
        else:
            drawn.refresh()

    def _tell(self) -> None:
        if self._counts_files:
            told = f"{self._done:,}/{self._files:,} files" if self._files else f"{self._done:,} files"
            self._drawn.set_postfix_str(told, refresh=False)


@contextmanager
def aside() -> Iterator[None]:
    """Let something be written to the terminal: a bar that is drawn there is taken away meanwhile."""
    if "tqdm" not in sys.modules:
        yield
        return
    from tqdm import tqdm

    with tqdm.external_write_mode():
        yield


def stderr() -> TextIO:
    """Return the stream of messages, for what is told there and is no bar."""
    return sys.stderr


def say(text: str) -> None:
    """Tell a person at a terminal something when the bar is gone; nothing in a pipe."""
    if sys.stderr.isatty() and not log.is_quiet():
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
