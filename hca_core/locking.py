"""Locks on open files. The system releases one when its process ends, however that happens."""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

if sys.platform == "win32":
    import msvcrt

    def _try(descriptor: int, exclusive: bool) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try(descriptor: int, exclusive: bool) -> None:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)


def taken(descriptor: int, *, exclusive: bool = True) -> bool:
    """Take the lock of an open file without waiting; tell whether nobody else has it.

    A file system that knows no locks has none that others could hold.
    """
    try:
        _try(descriptor, exclusive)
    except OSError as error:
        return error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)
    return True


@contextmanager
def held(path: str, patience: float) -> Iterator[None]:
    """Hold the lock of the file `path`, which is made for its owner only; the lock goes when the process ends.

    Raises TimeoutError if others hold it for more than `patience` seconds, OSError if the file can't be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        deadline = time.monotonic() + patience
        wait = 0.002
        while not taken(descriptor):
            if time.monotonic() > deadline:
                raise TimeoutError(errno.ETIMEDOUT, f"another process has held it for {patience:.0f} s", path)
            time.sleep(wait)
            wait = min(wait * 2, 0.05)
        yield
    finally:
        os.close(descriptor)
