"""How often a service may be asked: its firewall blocks addresses that ask too much (contract §1)."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable


class Pacing:
    """A bucket of tokens for all threads: so many requests at once, then so many a minute.

    Parameters: `per_minute` is how many, 0 for no limit; the bucket holds those of one minute.
    """

    def __init__(self, per_minute: float) -> None:
        self._every = 60.0 / per_minute if per_minute else 0.0
        self._burst = max(1.0, per_minute) * self._every
        self._next = time.monotonic() - self._burst
        self._slots: dict[Hashable, float] = {}
        self._lock = threading.Lock()

    def least_for(self, requests: int) -> float:
        """Return how many seconds so many requests take at least, if nothing was asked for a while."""
        return max(0.0, requests * self._every - self._burst) if self._every else 0.0

    def wait_for(self, who: Hashable) -> float:
        """Return for how many seconds `who` must wait until it may ask; 0 means: now, and that was its turn.

        Who has to wait keeps its place, and asks again after that time.
        """
        if not self._every:
            return 0.0
        now = time.monotonic()
        with self._lock:
            slot = self._slots.get(who)
            if slot is None:
                self._next = slot = max(self._next, now - self._burst) + self._every
            if slot > now:
                self._slots[who] = slot
                return slot - now
            self._slots.pop(who, None)
            return 0.0
