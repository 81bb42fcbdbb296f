"""Many pieces of work done side by side by a few threads, in constant memory."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

Item = TypeVar("Item")
Result = TypeVar("Result")
_WAKE_SECONDS = 0.2


def side_by_side(
    items: Iterable[Item],
    work: Callable[[Item], Result],
    *,
    jobs: int,
    stopped: threading.Event | None = None,
    name: str = "worker",
) -> Generator[Result, None, None]:
    """Do `work` on `items` with `jobs` threads and yield each result when it is there, in any order.

    Items (never None) are taken from their iterator as they are needed, in the thread of the caller. An error that
    `work` raises is raised here and ends everything. When the generator is closed (or Ctrl-C arrives) `stopped` is set
    and nothing new begins.
    """
    stopped = stopped or threading.Event()
    waiting: queue.Queue[Item | None] = queue.Queue(maxsize=2 * jobs)
    done: queue.Queue[Result | _Failure] = queue.Queue()

    def loop() -> None:
        while (item := waiting.get()) is not None:
            if stopped.is_set():
                continue
            try:
                done.put(work(item))
            except BaseException as error:  # noqa: BLE001 - carried to the caller's thread
                done.put(_Failure(error))

    # Daemons: a thread that waits for a silent server must not keep the process alive after Ctrl-C.
    workers = [threading.Thread(target=loop, daemon=True, name=f"{name}-{n}") for n in range(jobs)]
    started = 0
    outstanding = 0
    try:
        for item in items:
            if started < jobs:
                workers[started].start()
                started += 1
            waiting.put(item)  # there is room: no more than 2 * jobs are outstanding
            outstanding += 1
            while outstanding >= 2 * jobs or not done.empty():
                yield _unpacked(_next(done))
                outstanding -= 1
        while outstanding:
            yield _unpacked(_next(done))
            outstanding -= 1
    except BaseException:
        stopped.set()
        raise
    finally:
        if outstanding:
            stopped.set()
        _dismiss(waiting, workers[:started])


class _Failure(NamedTuple):
    error: BaseException


def _next(done: queue.Queue[Result | _Failure]) -> Result | _Failure:
    """Return the next outcome.

    The system may give the signal of Ctrl-C to any thread; this one hears of it when it wakes.
    """
    while True:
        try:
            return done.get(timeout=_WAKE_SECONDS)
        except queue.Empty:
            continue


def _unpacked(outcome: Result | _Failure) -> Result:
    if isinstance(outcome, _Failure):
        raise outcome.error
    return outcome


def _dismiss(waiting: queue.Queue[Item | None], workers: list[threading.Thread]) -> None:
    """Tell all workers to end, and give those that are in the middle of something a moment to finish it."""
    with contextlib.suppress(queue.Empty):
        while True:
            waiting.get_nowait()
    for _ in workers:
        waiting.put(None)
    deadline = time.monotonic() + 1.0
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))
