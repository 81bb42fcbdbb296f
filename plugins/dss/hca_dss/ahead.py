"""Answers that are asked for before they are needed, so that the time each takes does not add up."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Item = TypeVar("Item")
Answer = TypeVar("Answer")
AT_ONCE = 8
_WAITING = 16
_WAKE_SECONDS = 0.2  # the system may give the signal of Ctrl-C to any thread; this one hears of it when it wakes


def ahead(
    items: Iterable[Item],
    ask: Callable[[Item], Answer],
    asks: Callable[[Item], bool] = lambda item: True,
    *,
    ends: float | None = None,
    late: Answer | None = None,
) -> Iterator[tuple[Item, Answer | None]]:
    """Yield each item with what `ask` returns for it, asking in threads for a few items to come.

    They come in order, but one whose answer takes long lets others pass. Items that `asks` says no to need no answer:
    None. When the time `ends` (monotonic) what has no answer gets the answer `late`. Raises what `ask` raises when it
    is the item's turn.
    """
    free = threading.Semaphore(AT_ONCE)
    stopped = threading.Event()

    def work(item: Item, answer: Future[Answer | None]) -> None:
        with free:
            if stopped.is_set():
                return
            try:
                answer.set_result(ask(item))
            except BaseException as error:  # noqa: BLE001 - carried to the thread that waits
                answer.set_exception(error)

    waiting: deque[tuple[Item, Future[Answer | None]]] = deque()
    try:
        for item in items:
            is_asked = asks(item)
            if not is_asked and not waiting:
                yield item, None
                continue
            answer: Future[Answer | None] = Future()
            if not is_asked:
                answer.set_result(None)
            elif not _is_over(ends):
                # A daemon: a thread that waits for a silent server must not keep the process alive after Ctrl-C.
                threading.Thread(target=work, args=(item, answer), daemon=True, name="ahead").start()
            waiting.append((item, answer))
            while waiting and (len(waiting) >= _WAITING or waiting[0][1].done()):
                yield _next(waiting, ends, late)
        while waiting:
            yield _next(waiting, ends, late)
    finally:
        stopped.set()


def _next(
    waiting: deque[tuple[Item, Future[Answer | None]]], ends: float | None, late: Answer | None
) -> tuple[Item, Answer | None]:
    """Take the first item that has its answer, when there is one; the first of all when the time is over."""
    while True:
        for place, (item, answer) in enumerate(waiting):
            if answer.done():
                del waiting[place]
                return item, answer.result()
        if _is_over(ends):
            return waiting.popleft()[0], late
        wait([answer for _, answer in waiting], timeout=_WAKE_SECONDS, return_when=FIRST_COMPLETED)


def _is_over(ends: float | None) -> bool:
    return ends is not None and time.monotonic() >= ends


class Remembered(Generic[Item, Answer]):
    """Remembers the last answers by what was asked, also while they are on their way; for several threads."""

    def __init__(self, ask: Callable[[Item], Answer], most: int = 2 * _WAITING) -> None:
        self._ask = ask
        self._most = most
        self._known: dict[Item, Future[Answer]] = {}
        self._lock = threading.Lock()

    def __call__(self, question: Item) -> Answer:
        """Return the answer, or raise what asking raised."""
        with self._lock:
            answer = self._known.get(question)
            is_first = answer is None
            if answer is None:
                answer = self._known[question] = Future()
                if len(self._known) > self._most:
                    del self._known[next(iter(self._known))]
        if is_first:
            try:
                answer.set_result(self._ask(question))
            except BaseException as error:  # noqa: BLE001 - for all who wait
                answer.set_exception(error)
        return answer.result()
