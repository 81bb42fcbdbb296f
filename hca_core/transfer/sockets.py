"""Waiting for many sockets at once; what can be done with them is counted as libcurl does: 1 reads, 2 writes."""

from __future__ import annotations

import select
import selectors
from typing import Protocol

READ = 1
WRITE = 2


class Watcher(Protocol):
    """Knows what is waited for at which sockets."""

    def change(self, descriptor: int, what: int) -> None:
        """Wait for `what` at a socket; for nothing more if it is 0."""

    def wait(self, seconds: float) -> list[tuple[int, int]]:
        """Return the sockets that something can be done with, and what; wait for at most so long."""

    def close(self) -> None:
        """Forget all."""


def watcher() -> Watcher:
    """Return the best watcher of this system."""
    return _Epoll() if hasattr(select, "epoll") else _Portable()


class _Epoll:
    """Linux. The standard library's selectors take three times as long, which shows at two changes a request."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._known: dict[int, int] = {}  # what is waited for; 0: nothing any more, but the system does not know yet

    def change(self, descriptor: int, what: int) -> None:
        if not what:
            # Nearly always it is waited for again at once: for the next answer of the same connection.
            self._known[descriptor] = 0
            return
        mask = (select.EPOLLIN if what & READ else 0) | (select.EPOLLOUT if what & WRITE else 0)
        if descriptor in self._known:
            try:
                self._epoll.modify(descriptor, mask)
            except FileNotFoundError:  # it was closed meanwhile, and this is another one of that number
                self._epoll.register(descriptor, mask)
        else:
            self._epoll.register(descriptor, mask)
        self._known[descriptor] = what

    def wait(self, seconds: float) -> list[tuple[int, int]]:
        found = []
        for descriptor, mask in self._epoll.poll(seconds):
            if self._known.get(descriptor):
                # What is neither is an error or an end: whoever reads or writes finds out.
                what = (READ if mask & ~select.EPOLLOUT else 0) | (WRITE if mask & ~select.EPOLLIN else 0)
                found.append((descriptor, what))
            else:
                self._known.pop(descriptor, None)
                self._epoll.unregister(descriptor)
        return found

    def close(self) -> None:
        self._epoll.close()


class _Portable:
    """Everywhere else."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def change(self, descriptor: int, what: int) -> None:
        known = descriptor in self._selector.get_map()
        if not what:
            if known:
                self._selector.unregister(descriptor)
        elif known:
            self._selector.modify(descriptor, what)
        else:
            self._selector.register(descriptor, what)

    def wait(self, seconds: float) -> list[tuple[int, int]]:
        return [(key.fd, mask) for key, mask in self._selector.select(seconds)]

    def close(self) -> None:
        self._selector.close()
