"""Which unfinished uploads are under way now: one that somebody sends has not broken off, and is not to be taken up."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from hca_core import locking, log, paths

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def claimed(url: str, node_id: str) -> Iterator[bool]:
    """Claim the upload of a node at the server `url` and tell whether it is ours, until the end or a kill.

    It is not if another thread or process of this machine has claimed it.
    """
    try:
        folder = os.path.join(paths.cache_dir(), "shock", "uploads")
        paths.make_private_dir(folder)
        path = os.path.join(folder, hashlib.sha256(f"{url}/{node_id}".encode()).hexdigest()[:32])
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    except OSError as error:
        log.logger().debug("no claim among processes: %s", error)
        yield True
        return
    ours = locking.taken(descriptor)
    try:
        yield ours
    finally:
        if ours:
            with suppress(OSError):
                os.unlink(path)
        os.close(descriptor)
