"""How many connections are used, and how fast: found out while it runs, or as somebody ordered."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable

FIRST = 16
MOST = 128
_MEASURE_SECONDS = 0.2
_TRY_AGAIN_SECONDS = 5.0
_IDLE_SHARE = 0.25
_WORTH_IT = 1.1  # so much more must come of twice the connections, or they do not stay
_FILE_BYTES = 65_536  # what a small file counts for, beside its bytes: the requests it takes


class Pace:
    """How many connections may be busy. May be used by several threads.

    It begins with FIRST of them, doubles as long as more arrives by that, goes back where nothing is won, and halves
    when the service says that it is too much (429, 503) or connections fail. `jobs` fixes the number; there are never
    more than `most`, which this process can have.
    """

    def __init__(self, jobs: int | None = None, most: int = MOST) -> None:
        self._most = min(jobs or MOST, most)
        self._fixed = jobs is not None
        self.limit = min(jobs or FIRST, most)
        self.busy = 0
        self.parked = 0  # files that wait for a moment to come
        self._lock = threading.Lock()
        self._hungry: dict[Hashable, Callable[[], None]] = {}
        self._resume_at: dict[str, float] = {}  # by the origin of sources
        self._refused: deque[float] = deque(maxlen=MOST)  # when
        self._halved_at = -1.0
        self._done = 0
        self._measured_at = time.monotonic()
        self._idle = 0.0
        self._before: tuple[int, float] | None = None  # the limit before the last step, and what came of it
        self._try_at = 0.0

    def take(self, who: Hashable, call: Callable[[], None]) -> bool:
        """Tell whether one more connection may be used; if not, `who` is called once when there may be one."""
        with self._lock:
            if self.busy < self.limit:
                self.busy += 1
                return True
            self._hungry[who] = call
            return False

    def give(self) -> None:
        """Give back what `take` took."""
        with self._lock:
            self.busy -= 1
            calls = list(self._hungry.values()) if self.busy < self.limit else []
            if calls:
                self._hungry.clear()
        for call in calls:
            call()

    def park(self, change: int) -> None:
        """Note that so many files more (or less) wait for a moment to come, and use no connection."""
        with self._lock:
            self.parked += change

    def has_room(self) -> bool:
        """Tell whether there are connections that nobody uses."""
        return self.busy < self.limit

    def paused(self, origin: str) -> float:
        """Return for how many seconds nobody may ask sources of `origin`, because their service asked for that."""
        until = self._resume_at.get(origin)
        return max(0.0, until - time.monotonic()) if until else 0.0

    def throttled(self, wait: float, origin: str) -> None:
        """Note that the service behind sources of `origin` finds this too much, and asks for a `wait` (seconds)."""
        now = time.monotonic()
        with self._lock:
            self._resume_at[origin] = max(self._resume_at.get(origin, 0.0), now + wait)
            self._refused.append(now)
            # One burst of refusals is one refusal: all those requests were under way together. And a single file that
            # is refused again and again says nothing of the others.
            lately = sum(now - at < 1.0 for at in self._refused)
            if not self._fixed and now - self._halved_at > max(1.0, wait) and lately > self.limit // 8:
                self._halved_at = now
                self.limit = max(1, self.limit // 2)
                self._before = None
                self._try_at = now + wait + _TRY_AGAIN_SECONDS

    def crowded(self) -> None:
        """Note that this process could not have one more connection, or file."""
        with self._lock:
            self.limit = max(1, min(self.limit - 1, self.busy))
            self._before = None

    def idled(self, seconds: float) -> None:
        """Note that somebody slept for so long, with work to do and no connection to do it with."""
        self._idle += seconds

    def arrived(self, size: int) -> None:
        """Note that a file is done, or `size` bytes more of a large one."""
        self._done += _FILE_BYTES + size  # a lost update between threads does not matter here

    def adapt(self) -> None:
        """Change the number of connections if it is time to; call it often."""
        if self._fixed:
            return
        now = time.monotonic()
        if now - self._measured_at < _MEASURE_SECONDS:
            return
        with self._lock:
            score = self._done / (now - self._measured_at)
            # Where this process has no time left, more connections would only take more of it.
            is_idle, self._idle = self._idle > _IDLE_SHARE * (now - self._measured_at), 0.0
            self._done, self._measured_at = 0, now
            if is_idle and now >= self._try_at:
                self._step(score, now)

    def _step(self, score: float, now: float) -> None:
        if self._before is not None and score < self._before[1] * _WORTH_IT:
            # The step before this one brought nothing. Later it may: others may have gone.
            self.limit = self._before[0]
            self._before = None
            self._try_at = now + _TRY_AGAIN_SECONDS
        elif self.limit < self._most:
            self._before = (self.limit, score)
            self.limit = min(self._most, self.limit * 2)


class Hosts:
    """Which hosts do not answer any more, so that not every file has to find that out with all its patience."""

    def __init__(self) -> None:
        self._answered: dict[str, float] = {}
        self._given_up: set[str] = set()

    def answered(self, where: str) -> None:
        """Note that a host has just answered."""
        self._answered[where] = time.monotonic()
        self._given_up.discard(where)

    def gave_up(self, where: str, since: float) -> None:
        """Note that a file was given up, as nothing worked with a host since then (monotonic seconds)."""
        if self._answered.get(where, 0.0) < since:
            self._given_up.add(where)

    def are_given_up(self, where: str) -> bool:
        """Tell whether a host that fails once more is not worth another try."""
        return where in self._given_up


class Rate:
    """At most so many bytes a second, over all connections: who is ahead of it sleeps. None: no limit."""

    _BURST_SECONDS = 0.1

    def __init__(self, most: float | None) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._free_at = time.monotonic()

    def took(self, size: int) -> None:
        """Note that `size` bytes have arrived."""
        if self._most is not None:
            with self._lock:
                now = time.monotonic()
                self._free_at = max(self._free_at, now - self._BURST_SECONDS) + size / self._most

    def is_free(self) -> bool:
        """Tell whether there is no limit."""
        return self._most is None

    def is_ahead(self) -> bool:
        """Tell whether no more should be read until `debt` is 0. A little ahead is allowed, as each wait takes time."""
        return self._most is not None and self._free_at > time.monotonic() + self._BURST_SECONDS

    def debt(self) -> float:
        """Return in how many seconds what was read is no more than what was allowed."""
        return max(0.0, self._free_at - time.monotonic()) if self._most is not None else 0.0
