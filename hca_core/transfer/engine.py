"""The engine: takes transfers one by one, fetches many side by side, and gives a result for each, in constant memory.

The thread that asks for results looks at the disk (what is there needs no request) and makes links. One lane fetches
the small files, as most of their time is spent in this process; a few others fetch the large ones, as hashing those
leaves Python's lock to others.
"""

from __future__ import annotations

import os
import queue
import stat
import threading
import time
from typing import TYPE_CHECKING

from hca_core.errors import HCAError, NetworkError
from hca_core.transfer import links, parts, seal, sinks
from hca_core.transfer.values import Result, Settings, Transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from hca_core.transfer.machinery import Machinery

_WAKE_SECONDS = 0.2
_READ_AT_ONCE = 4 * 1024 * 1024  # bytes of a file on the disk that the thread of the caller may stop to hash
_DEFAULT = Settings()


def fetch(
    transfers: Iterable[Transfer],
    settings: Settings = _DEFAULT,
    *,
    stopped: threading.Event | None = None,
    on_bytes: Callable[[int], None] | None = None,
) -> Generator[Result, None, None]:
    """Fetch files and yield a Result for each when it is done, in any order.

    A file that is there with the right size and its seal costs no request; one without the seal is read first. What an
    interrupted run left is taken up. Transfers to one target that are under way together are fetched once.
    When the generator is closed (or Ctrl-C arrives) nothing new begins; what has arrived is kept for the next run.

    Parameters: `stopped` ends everything when it is set, with KeyboardInterrupt. `on_bytes` is told of bytes as they
    arrive, from several threads.
    Raises OSError if the disk is full, read-only or gone, which ends the whole run.
    """
    run = _Run(settings, stopped or threading.Event(), on_bytes)
    try:
        yield from run.results(iter(transfers))
    finally:
        run.close()


class _Run:
    """One call of `fetch`."""

    def __init__(self, settings: Settings, stopped: threading.Event, on_bytes: Callable[[int], None] | None) -> None:
        self._settings = settings
        self._stopped = stopped
        self._on_bytes = on_bytes
        self._listing = parts.Listing()
        self._outcomes: queue.SimpleQueue[Sequence[Result | BaseException]] = queue.SimpleQueue()
        self._waiting: dict[str, list[Transfer]] = {}  # target -> what is to be there, the first one is under way
        self._deadline = time.monotonic() + settings.time_limit if settings.time_limit is not None else None
        self._machinery: Machinery | None = None

    def results(self, transfers: Iterator[Transfer]) -> Iterator[Result]:
        """Yield all results."""
        for transfer in transfers:
            under_way = self._waiting.get(transfer.target)
            if under_way is not None:
                under_way.append(transfer)
            elif (found := self._looked_at(transfer)) is not None:
                yield found
            else:
                self._waiting[transfer.target] = [transfer]
                self._machine.put(transfer)
            while self._waiting and self._machine.is_full(len(self._waiting)):
                yield from self._next()
            while not self._outcomes.empty():
                yield from self._next()
        while self._waiting:
            yield from self._next()

    @property
    def _machine(self) -> Machinery:
        if self._machinery is None:
            from hca_core.transfer.machinery import Machinery  # here: what is all there already does not need it

            self._machinery = Machinery(self._settings, self._listing, self._outcomes.put, self._on_bytes)
        return self._machinery

    def _looked_at(self, transfer: Transfer) -> Result | None:
        """Do what `_at_once` does; a place or a digest that nobody can use is a failure of this file."""
        try:
            return self._at_once(transfer)
        except ValueError as error:
            return Result(transfer, "failed", error=HCAError(f"{transfer.name}: {error}"))
        except OSError as error:
            told = sinks.told(error, transfer.target)
            if not isinstance(told, HCAError):
                raise
            return Result(transfer, "failed", error=told)

    def _at_once(self, transfer: Transfer) -> Result | None:
        """Return the result of a transfer that takes no request and no time; None if it has to be worked on."""
        try:
            found = os.stat(transfer.target)
        except (FileNotFoundError, NotADirectoryError):
            return self._too_late(transfer)
        if not stat.S_ISREG(found.st_mode):
            return Result(transfer, "failed", error=HCAError(f"{transfer.target} is there, and is no regular file"))
        if transfer.digest is None or (transfer.size is not None and found.st_size != transfer.size):
            return self._too_late(transfer)
        if self._settings.verify or not seal.is_sealed(found, transfer.digest):
            if found.st_size > _READ_AT_ONCE:
                return None
            if not seal.is_complete(transfer.target, transfer.promise, verify=True):
                return self._too_late(transfer)
        if transfer.link and links.shows(transfer.link, found):
            return Result(transfer, "present")
        return self._linked(transfer, "present", 0)

    def _too_late(self, transfer: Transfer) -> Result | None:
        """Return a failure if the time for all is over."""
        if self._deadline is None or time.monotonic() < self._deadline:
            return None
        return Result(transfer, "failed", error=self._over())

    def _over(self) -> HCAError:
        return NetworkError(f"not done within the time limit of {self._settings.time_limit:g} s")

    def _next(self) -> Iterator[Result]:
        """Wait for outcomes and yield their results."""
        outcomes = self._wait()
        if outcomes is None:
            yield from self._give_up()
            return
        yield from self._told(outcomes)

    def _told(self, outcomes: Sequence[Result | BaseException]) -> Iterator[Result]:
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
            yield from self._of(outcome)

    def _of(self, result: Result) -> Iterator[Result]:
        """Yield the results for all that wanted what there is a `result` for."""
        first, *others = self._waiting.pop(result.transfer.target)
        if result.status == "failed":
            yield Result(first, "failed", result.fetched, error=result.error)
            for transfer in others:
                yield Result(transfer, "failed", error=HCAError("the same file failed when it was asked for before"))
            return
        yield self._linked(first, result.status, result.fetched)._replace(origin=result.origin)
        for transfer in others:
            if transfer.promise != first.promise and not seal.is_complete(transfer.target, transfer.promise):
                text = f"{transfer.target}: another file, of other content, is wanted at the same place"
                yield Result(transfer, "failed", error=HCAError(text))
            else:
                yield self._linked(transfer, "present", 0)

    def _wait(self) -> Sequence[Result | BaseException] | None:
        """Return the next outcomes, none if nothing happens; None when the time for all is over.

        Raises KeyboardInterrupt if stopped.
        """
        if self._deadline is not None and time.monotonic() >= self._deadline:
            return None
        if self._stopped.is_set():
            raise KeyboardInterrupt
        try:
            # The system may give the signal of Ctrl-C to any thread; this one hears of it when it wakes. And files that
            # wait for their service make room for others, which no outcome tells.
            return self._outcomes.get(timeout=_WAKE_SECONDS)
        except queue.Empty:
            return ()

    def _give_up(self) -> Iterator[Result]:
        """End all that is under way, as its time is over."""
        self.close()
        # What the old threads still have to say goes to a queue that nobody reads any more.
        outcomes, self._outcomes, self._machinery = self._outcomes, queue.SimpleQueue(), None
        while not outcomes.empty():
            yield from self._told(outcomes.get())
        given_up = [transfer for waiting in self._waiting.values() for transfer in waiting]
        self._waiting.clear()
        for transfer in given_up:
            yield Result(transfer, "failed", error=self._over())

    def _linked(self, transfer: Transfer, status: str, fetched: int) -> Result:
        """Return the result of a transfer whose file is there, after its link was made. Raises OSError."""
        if not transfer.link:
            return Result(transfer, status, fetched)
        try:
            linked = links.link(transfer.target, transfer.link, transfer.promise)
        except HCAError as error:
            return Result(transfer, "failed", fetched, error=error)
        except OSError as error:
            if error.errno not in sinks.OF_THIS_PLACE:
                raise
            failure = HCAError(f"{transfer.link} can't be made: {error.strerror}")
            return Result(transfer, "failed", fetched, error=failure)
        return Result(transfer, status, fetched, linked)

    def close(self) -> None:
        """End everything; what has arrived is kept."""
        if self._machinery is not None:
            self._machinery.close()
