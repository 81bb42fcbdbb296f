"""One transfer on many machines: batches of files are handed to an executor, whose workers fetch them.

An executor is anything like `concurrent.futures.Executor`: processes, a cluster's `Client.get_executor()`, MPI. Its
workers need the same packages, a configuration and credentials of their own, and the target folders at the same path.

    with executor_of("dask://scheduler.example.org:8786") as executor:
        for result in fetch_with(executor, transfers, Settings(retries=5)):
            report.add(result)
"""

from __future__ import annotations

import os
import pickle
import queue
import socket
import time
from concurrent.futures import BrokenExecutor, CancelledError
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from hca_core import log
from hca_core.errors import HCAError, NetworkError, UsageError
from hca_core.transfer.batches import Batch, Batches
from hca_core.transfer.clusters import described, executor_of
from hca_core.transfer.engine import fetch
from hca_core.transfer.values import Result, Settings, Transfer

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator, Iterable
    from concurrent.futures import Executor, Future

__all__ = ["Outcome", "Told", "executor_of", "fetch_with", "work"]

_FIRST_WINDOW = 16  # batches that are out at once, until it is known how many are worked on
_TRIES = 4  # of a batch whose workers die
_WAKE_SECONDS = 0.2
_RUN_AGAIN = "run it again: what is done is kept"


def fetch_with(
    executor: Executor,
    transfers: Iterable[Transfer],
    settings: Settings = Settings(),  # noqa: B008 - frozen
    *,
    stopped: threading.Event | None = None,
    on_bytes: Callable[[int], None] | None = None,
) -> Generator[Result, None, None]:
    """Fetch files with the workers of `executor` and yield a Result for each, in any order, in constant memory.

    Parameters: `settings` hold in each worker for itself: with a `max_rate` of R, N workers take up to N times R.
    When `stopped` is set nothing new begins, what runs ends, then KeyboardInterrupt is raised. `on_bytes` is told the
    bytes of a batch when that is done.

    A batch whose worker dies is given to another one, a few times; then its files have failed. Raises HCAError if
    the executor can't be used any more or a worker can't work at all, OSError if the disk refuses there; what was done
    before has been yielded. When the generator is closed what has not begun is cancelled.
    """
    batches = Batches(transfers)
    run = _Run(executor, settings)
    hosts: set[str] = set()
    try:
        while True:
            while run.has_room() and (batch := batches.next()):
                run.hand_out(batch)
            if not run.out:
                break
            future = run.next_done(stopped)
            batch = run.out.pop(future)
            outcome = run.outcome(future, batch)
            if outcome is None:  # handed out once more, or cancelled
                continue
            batches.are_back(batch)
            results = [Result(batch.transfers[told.number], *told[1:]) for told in outcome.told]
            if on_bytes and (arrived := sum(result.fetched for result in results)):
                on_bytes(arrived)
            if outcome.host not in hosts:
                hosts.add(outcome.host)
                _warn_if_out_of_sight(outcome.host, results)
            yield from results
            if outcome.failure:
                run.end(outcome.failure)
    finally:
        run.cancel()
    if run.ending:
        raise run.ending


class Told(NamedTuple):
    """What became of one transfer, as a worker tells it: `number` is its place in the batch."""

    number: int
    status: str
    fetched: int
    linked: str
    error: Exception | None
    origin: str = ""


class Outcome(NamedTuple):
    """What a worker answers: `failure` is what ended its work, `seconds` how long that took."""

    told: list[Told]
    failure: Exception | None
    host: str
    seconds: float


def work(payload: bytes, unique: str) -> Outcome:
    """Fetch one batch; this is what runs in the workers.

    Executors that keep results by their arguments are told by `unique` that no two calls are the same.
    """
    began = time.monotonic()
    told: list[Told] = []
    failure: Exception | None = None
    host = socket.gethostname()
    try:
        transfers, settings, ends = pickle.loads(payload)  # noqa: S301 - our own, made by _payload
    except Exception as error:  # noqa: BLE001 - whatever an import raises
        text = f"the worker on {host} can't read what to fetch ({described(error)})"
        failure = HCAError(text, hint="install the same packages, in the same versions, on all workers")
        return Outcome([], failure, host, 0.0)
    if settings.time_limit is not None:
        settings = replace(settings, time_limit=max(0.0, min(settings.time_limit, ends - time.time())))
    numbers = {id(one): number for number, one in enumerate(transfers)}
    try:
        for one in fetch(transfers, settings):
            told.append(Told(numbers[id(one.transfer)], *one[1:]))
    except Exception as error:  # noqa: BLE001 - carried to the one who waits
        failure = _sent_back(error)
    return Outcome(told, failure, host, time.monotonic() - began)


def _sent_back(error: Exception) -> Exception:
    """Return an error in a form that can be pickled anywhere, and holds no request with its token."""
    if isinstance(error, HCAError):
        return error
    if isinstance(error, OSError) and error.errno is not None:
        return OSError(error.errno, error.strerror, error.filename)
    return HCAError(f"a worker failed: {described(error)}")


class _Run:
    """The batches that are out, and what is known of the executor."""

    def __init__(self, executor: Executor, settings: Settings) -> None:
        self.out: dict[Future[Outcome], Batch] = {}
        self.ending: BaseException | None = None  # why nothing more is handed out
        self._executor = executor
        self._settings = settings
        self._ends = time.time() + (settings.time_limit or 0.0)
        self._done: queue.SimpleQueue[Future[Outcome]] = queue.SimpleQueue()
        self._window = _FIRST_WINDOW

    def has_room(self) -> bool:
        """Tell whether one more batch may be handed out."""
        return not self.ending and len(self.out) < self._window

    def hand_out(self, batch: Batch) -> None:
        """Give a batch to the executor; if that takes none, this is the end of the run. Raises UsageError."""
        payload = _payload(batch.transfers, self._settings, self._ends)
        batch.tries += 1
        batch.handed_out = time.monotonic()
        batch.full = len(self.out) + 1 >= self._window
        try:
            future = self._executor.submit(work, payload, uuid4().hex)
        except Exception as error:  # noqa: BLE001 - each executor has kinds of its own
            self.end(_unusable(error))
            return
        self.out[future] = batch
        future.add_done_callback(self._done.put)

    def next_done(self, stopped: threading.Event | None) -> Future[Outcome]:
        """Wait for one of the batches that are out, and return its future."""
        while True:
            if stopped is not None and stopped.is_set() and not self.ending:
                self.end(KeyboardInterrupt())
            try:
                # The system may give the signal of Ctrl-C to any thread; this one hears of it when it wakes.
                return self._done.get(timeout=_WAKE_SECONDS)
            except queue.Empty:
                continue

    def outcome(self, future: Future[Outcome], batch: Batch) -> Outcome | None:
        """Return what became of a batch; None if it was cancelled or handed out once more."""
        error = CancelledError() if future.cancelled() else future.exception()
        if error is None:
            outcome = future.result()
            self._learn(time.monotonic() - batch.handed_out - outcome.seconds, outcome.seconds, batch.full)
            return outcome
        if isinstance(error, CancelledError):
            # If it was not us, then whoever did it has cancelled, or will, all that is out.
            self.ending = self.ending or _unusable(error)
        elif isinstance(error, BrokenExecutor | ImportError | KeyboardInterrupt):
            self.end(_unusable(error))
        if self.ending:
            return None
        if batch.tries < _TRIES:
            log.logger().warning(
                "a worker was lost (%s); its %d files are given to another one", described(error), len(batch.transfers)
            )
            self.hand_out(batch)
            return None
        lost = NetworkError(f"the workers that had it were lost {batch.tries} times ({described(error)})")
        told = [Told(number, "failed", 0, "", lost) for number in range(len(batch.transfers))]
        return Outcome(told, None, "", 0.0)

    def end(self, why: BaseException) -> None:
        """Hand out nothing more, and cancel what has not begun; the first reason counts."""
        self.ending = self.ending or why
        self.cancel()

    def cancel(self) -> None:
        """Cancel what has not begun."""
        for future in list(self.out):
            future.cancel()

    def _learn(self, waited: float, worked: float, full: bool) -> None:
        """Let more batches be out at once if one was taken up sooner than a worker needs for one.

        So there is about one in work and one in reserve for each worker, however many there are; nobody tells.
        """
        if full and waited < worked:
            self._window += 1


def _payload(transfers: list[Transfer], settings: Settings, ends: float) -> bytes:
    """Return a batch as it goes to a worker, whose current directory is another one. Raises UsageError."""
    absolute = [
        one._replace(target=os.path.abspath(one.target), link=one.link and os.path.abspath(one.link))
        for one in transfers
    ]
    try:
        return pickle.dumps((absolute, settings, ends))
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        text = f"{transfers[0].name} can't be given to another process ({described(error)})"
        raise UsageError(text, hint="its source must be one that can be pickled") from error


def _unusable(error: BaseException) -> BaseException:
    """Return what a run ends with if an executor fails with `error`."""
    if isinstance(error, KeyboardInterrupt):
        return error
    if isinstance(error, BrokenExecutor):
        text = f"a worker process died, and its pool can't be used any more ({described(error)})"
        return HCAError(text, hint=f"make a new pool and {_RUN_AGAIN}")
    if isinstance(error, ImportError):
        text = f"a worker lacks a package ({described(error)})"
        return HCAError(text, hint="install the same packages, in the same versions, on all workers")
    if isinstance(error, CancelledError):
        return NetworkError("the executor dropped its work: it was shut down, or its scheduler is gone", _RUN_AGAIN)
    return HCAError(f"the executor takes no more work ({described(error)})", hint=_RUN_AGAIN)


def _warn_if_out_of_sight(host: str, results: list[Result]) -> None:
    """Say it, once, if what a machine fetched is not here: its folders are not ours."""
    fetched = next((one.transfer.target for one in results if one.status == "fetched"), "")
    if fetched and not os.path.exists(fetched):
        log.logger().warning("%s fetched %s, which is not to be seen here: is the folder shared?", host, fetched)
