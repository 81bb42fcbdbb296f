"""Answers that are asked for once and then known: by several threads, also while they are on their way."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Remembered(Generic[Question, Answer]):
    """Gives what `ask` answers, asked once a question; failures are not kept, so the next one asks again.

    Parameters: `most` is how many answers are kept: those that were wanted last.
    """

    def __init__(self, ask: Callable[[Question], Answer], *, most: int) -> None:
        self._ask = ask
        self._most = most
        self._known: OrderedDict[Question, Future[Answer]] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, question: Question) -> Answer:
        """Return the answer, or raise what asking raised."""
        with self._lock:
            answer = self._known.get(question)
            if answer is not None:
                self._known.move_to_end(question)
            else:
                mine = self._known[question] = Future()
                if len(self._known) > self._most:
                    self._known.popitem(last=False)
        if answer is not None:
            return answer.result()
        try:
            mine.set_result(self._ask(question))
        except BaseException as error:  # noqa: BLE001 - for all who wait
            with self._lock:
                if self._known.get(question) is mine:
                    del self._known[question]
            mine.set_exception(error)
        return mine.result()

    def forget(self, concerns: Callable[[Question], bool]) -> None:
        """Forget the answers to the questions that `concerns` says yes to."""
        with self._lock:
            for question in [one for one in self._known if concerns(one)]:
                del self._known[question]
