"""Memory for what is on its way: reused, and never more of it than allowed, however many threads want some."""

from __future__ import annotations

import threading
from mmap import mmap


class Buffers:
    """Lends out buffers of at most `most` bytes together; who wants more waits. One that is larger goes alone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._allocated = 0
        self._idle: list[mmap] = []
        self._changed = threading.Condition()
        self._turn = threading.Lock()  # first come, first served: small ones must not overtake a large one for ever

    def lend(self, size: int) -> Loan:
        """Return `size` bytes of undefined content as soon as there is room for them."""
        with self._turn, self._changed:
            while (buffer := self._found(max(size, 1))) is None:
                self._changed.wait()
        return Loan(self, buffer, size)

    def _found(self, size: int) -> mmap | None:
        for idle in self._idle:
            if len(idle) >= size:
                self._idle.remove(idle)
                return idle
        if self._allocated + size > self._most:
            self._allocated -= sum(len(idle) for idle in self._idle)
            self._idle.clear()
        if self._allocated and self._allocated + size > self._most:
            return None
        self._allocated += size
        # A map of its own goes back to the system when it is dropped; what threads allocate would stay in their heaps.
        return mmap(-1, size)

    def _returned(self, buffer: mmap, *, reusable: bool) -> None:
        with self._changed:
            if reusable:
                self._idle.append(buffer)
            else:
                self._allocated -= len(buffer)
            self._changed.notify()


class Loan:
    """Memory that was lent: use `view`, then call one of the methods; the first call counts."""

    def __init__(self, owner: Buffers, buffer: mmap, size: int) -> None:
        self.view = memoryview(buffer)[:size]
        self._owner = owner
        self._held = [buffer]

    def give_back(self) -> None:
        """Give the memory back for others to use."""
        self._end(reusable=True)

    def give_up(self) -> None:
        """Give the memory up: a thread may still be reading from it, so nobody else gets it."""
        self._end(reusable=False)

    def _end(self, *, reusable: bool) -> None:
        try:
            buffer = self._held.pop()  # one thread only succeeds
        except IndexError:
            return
        self._owner._returned(buffer, reusable=reusable)
