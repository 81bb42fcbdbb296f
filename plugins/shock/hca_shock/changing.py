"""One change of a node after another.

The server reads a node, changes it and writes all of it back without a lock in between (service contract §0.6): of two
changes at the same time one is lost. So those that come from this machine wait for each other, whichever process.
"""

from __future__ import annotations

import os
import threading
import zlib
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from hca_core import locking, log, paths
from hca_shock.errors import ShockError

if TYPE_CHECKING:
    from collections.abc import Iterator

_STRIPES = 1024  # files are few and stay; two nodes that share one wait for each other, which does no harm
_PATIENCE_SECONDS = 1800.0  # as long as the server itself waits for a node


class _Stripe:
    """The right to change the nodes of one stripe: by one thread of one process, which may take it again inside."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.depth = 0


_stripes = [_Stripe() for _ in range(_STRIPES)]


@contextmanager
def changing(url: str, node_id: str) -> Iterator[None]:
    """Hold the right to change a node of the server at `url`.

    Raises ShockError if another process has it for half an hour.
    """
    number = zlib.crc32(f"{url}/{node_id}".encode()) % _STRIPES
    stripe = _stripes[number]
    with stripe.lock, ExitStack() as held:
        if stripe.depth == 0:
            _lock_file(held, number, node_id)
        stripe.depth += 1
        try:
            yield
        finally:
            stripe.depth -= 1


def _lock_file(held: ExitStack, number: int, node_id: str) -> None:
    folder = os.path.join(paths.cache_dir(), "shock", "locks")
    try:
        paths.make_private_dir(folder)
        held.enter_context(locking.held(os.path.join(folder, f"{number:04}"), _PATIENCE_SECONDS))
    except TimeoutError as error:
        raise ShockError(f"another hca process has been changing {node_id} for half an hour", hint="end it") from error
    except OSError as error:
        log.logger().debug("no lock among processes: %s", error)
