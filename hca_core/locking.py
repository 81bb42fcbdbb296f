"""Locks on open files. The system releases one when its process ends, however that happens."""

from __future__ import annotations

import errno
import sys

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
