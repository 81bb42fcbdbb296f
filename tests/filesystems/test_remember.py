"""Answers that are asked for once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from hca_core.filesystem.remembering import Remembered


def test_a_question_is_asked_once_by_many_threads():
    asked, together = [], threading.Barrier(8)
    remembered = Remembered(lambda question: asked.append(question) or question * 2, most=3)

    def ask(question):
        together.wait()
        return remembered(question)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, [4] * 8)) == [8] * 8
    assert asked == [4]


def test_a_failure_is_not_kept():
    answers = [ValueError("no"), 7]

    def ask(_):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    remembered = Remembered(ask, most=3)
    with pytest.raises(ValueError, match="no"):
        remembered(1)
    assert remembered(1) == remembered(1) == 7


def test_what_was_not_wanted_for_long_is_forgotten():
    asked = []
    remembered = Remembered(lambda question: asked.append(question), most=2)
    for question in (1, 2, 1, 3, 1, 2):
        remembered(question)
    assert asked == [1, 2, 3, 2]
    remembered.forget(lambda question: question == 2)
    remembered(2)
    remembered(1)
    assert asked == [1, 2, 3, 2, 2]
