"""What to do when this process can't open one more file or connection: wait until it can, for a while."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

Made = TypeVar("Made")
WAIT_SECONDS = 0.2
MOST_WAITS = 50


def are_used_up(error: OSError) -> bool:
    """Tell whether an error says that no file descriptor is left, here or on the whole machine."""
    return error.errno in (errno.EMFILE, errno.ENFILE)


def patiently(make: Callable[[], Made], stopped: threading.Event) -> Made:
    """Return what `make` returns, which is tried again as long as no file descriptor is left for it.

    Raises OSError if that does not end, KeyboardInterrupt if stopped.
    """
    for _ in range(MOST_WAITS):
        try:
            return make()
        except OSError as error:
            if not are_used_up(error):
                raise
            failure = error
        if stopped.wait(WAIT_SECONDS):
            raise KeyboardInterrupt
    raise failure
