"""The threads of one run: lanes that fetch, and those that read what there is of a large file before it is fetched."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from typing import TYPE_CHECKING

from hca_core.errors import HCAError
from hca_core.transfer import descriptors, pace, parts, seal
from hca_core.transfer.jobs import Job
from hca_core.transfer.lanes import Lane
from hca_core.transfer.values import Result, Settings, Transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_AHEAD = 256  # files that wait for a connection: so the threads need not talk to each other for each of them
_MOST_PARKED = 5000  # files that wait for their service, beside those that are being fetched


class Machinery:
    """Lanes, and the threads that read what is on the disk before a large file is fetched; made when needed.

    `done` gets what became of files, several at a time, or the error that ends everything; from any thread.
    """

    def __init__(
        self,
        settings: Settings,
        listing: parts.Listing,
        done: Callable[[Sequence[Result | BaseException]], None],
        on_bytes: Callable[[int], None] | None,
    ) -> None:
        self._settings, self._listing = settings, listing
        self._done = done
        self._on_bytes = on_bytes
        self._ended = threading.Event()
        self._pace = pace.Pace(settings.jobs, _most_connections(pace.MOST))
        self._hosts = pace.Hosts()
        self._rate = pace.Rate(settings.max_rate)
        self._lanes: dict[str, Lane] = {}
        self._lock = threading.Lock()  # held while a job is handed over, and to say that there will be no more
        self._large = 0
        self._to_open: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._openers: list[threading.Thread] = []

    def is_full(self, under_way: int) -> bool:
        """Tell whether no more should be taken in now."""
        return under_way >= self._pace.parked + 4 * self._pace.limit + _AHEAD or under_way >= _MOST_PARKED

    def put(self, transfer: Transfer) -> None:
        """Begin with a transfer."""
        job = Job(transfer, self._settings, self._listing, self._hosts)
        if job.is_small:
            self._hand_over(job, "small")
        else:
            if len(self._openers) < _lanes():
                thread = threading.Thread(target=self._open_loop, daemon=True, name="transfer-open")
                thread.start()
                self._openers.append(thread)
            self._to_open.put(job)

    def _hand_over(self, job: Job, name: str) -> None:
        """Put a job into a lane, which is made if there is none of that name."""
        with self._lock:
            if self._ended.is_set():
                job.sink.keep()
                return
            lane = self._lanes.get(name)
            if lane is None:
                lane = self._lanes[name] = descriptors.patiently(lambda: self._new_lane(name), self._ended)
            lane.put(job)

    def _new_lane(self, name: str) -> Lane:
        return Lane(f"transfer-{name}", self._pace, self._rate, self._ended, self._done, self._arrived)

    def _open_loop(self) -> None:
        while (job := self._to_open.get()) is not None and not self._ended.is_set():
            try:
                self._open(job)
            except (HCAError, ValueError) as error:
                failure = error if isinstance(error, HCAError) else HCAError(f"{job.transfer.name}: {error}")
                self._done([Result(job.transfer, "failed", error=failure)])
            except KeyboardInterrupt:
                return  # it is over
            except BaseException as error:  # noqa: BLE001 - carried to who waits for the results
                self._done([error])

    def _open(self, job: Job) -> None:
        """Read what there is of a large file, and hand it to a lane. Raises OSError, KeyboardInterrupt."""
        transfer = job.transfer
        if seal.is_complete(transfer.target, transfer.promise, verify=self._settings.verify):
            self._done([Result(transfer, "present")])
            return
        job.open(self._ended)
        self._large += 1
        self._hand_over(job, f"large-{self._large % _lanes()}")

    def _arrived(self, size: int) -> None:
        self._pace.arrived(size)
        if self._on_bytes is not None:
            self._on_bytes(size)

    def close(self) -> None:
        """End all threads; give those that are in the middle of something a moment to finish it."""
        if sys.is_finalizing():
            return  # all other threads are frozen, with what they hold
        # Not for ever: a generator that nobody finished may be closed in any thread, also in one that holds it.
        held = self._lock.acquire(timeout=1.0)
        self._ended.set()
        if held:
            self._lock.release()
        for _ in self._openers:
            self._to_open.put(None)
        for lane in self._lanes.values():
            lane.wake()
        deadline = time.monotonic() + 1.0
        for thread in (*(lane.thread for lane in self._lanes.values()), *self._openers):
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))


def _lanes() -> int:
    """Return how many lanes large files have: each hashes on a processor of its own."""
    return max(2, min(4, os.cpu_count() or 2))


def _most_connections(most: int) -> int:
    """Return how many connections this process may have at most: each takes a file descriptor, and so may its file."""
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return most
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most if allowed == resource.RLIM_INFINITY else max(1, min(most, (allowed - 64) // 3))
