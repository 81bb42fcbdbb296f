"""Answers that are asked for ahead: in order, some at once, never many, and no thread that outlives its use."""

from __future__ import annotations

import itertools
import threading
from types import SimpleNamespace

import pytest
from waiting import until

from hca_dss.ahead import AT_ONCE, Remembered, ahead


def test_items_come_in_order_with_their_answers():
    gates = [threading.Event() for _ in range(10)]

    def ask(number: int) -> int:
        if number:
            gates[number - 1].wait(60)  # each one only after the one behind it: answers come in reverse order
        return number * 2

    for gate in gates:
        gate.set()
    assert list(ahead(range(10), ask)) == [(number, number * 2) for number in range(10)]


def test_a_slow_answer_lets_others_pass():
    released = threading.Event()

    def ask(number: int) -> int:
        if number == 3:
            assert released.wait(60)
        return number

    found = ahead(range(100), ask)
    assert [number for number, _ in itertools.islice(found, 99)] == [*range(3), *range(4, 100)]
    released.set()
    assert list(found) == [(3, 3)]


def test_what_is_not_there_in_time_is_late(monkeypatch):
    """The time is over when the first one has been answered, however long that takes here."""
    from hca_dss import ahead as module

    released = threading.Event()
    asked, found = [], {}

    def ask(number: int) -> str:
        asked.append(number)
        if number:
            released.wait(60)
        return "answer"

    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 10.0 if found else 0.0))
    for number, answer in ahead(range(100), ask, ends=5.0, late="late"):
        found[number] = answer
    assert found == {0: "answer", **dict.fromkeys(range(1, 100), "late")}
    assert not released.is_set()
    assert len(asked) <= AT_ONCE + 1
    released.set()


def test_what_needs_no_answer_waits_for_nobody_before_it_is_asked_for():
    asked = []
    found = ahead(range(6), lambda number: asked.append(number) or "answer", lambda number: number == 3)
    assert [next(found) for _ in range(3)] == [(0, None), (1, None), (2, None)]
    assert asked == []
    assert list(found) == [(3, "answer"), (4, None), (5, None)]


def test_a_few_are_asked_for_at_once_and_few_items_are_taken():
    taken, now, most = [], [0], [0]
    lock, together, released = threading.Lock(), threading.Semaphore(0), threading.Event()

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    def ask(number: int) -> int:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        together.release()
        released.wait(60)
        with lock:
            now[0] -= 1
        return number

    found = ahead(items(), ask)
    first = []  # any of those that were asked for
    consumer = threading.Thread(target=lambda: first.append(next(found)[0]))
    consumer.start()
    for _ in range(AT_ONCE):
        assert together.acquire(timeout=60)
    until(lambda: len(taken) >= 16)
    consumer.join(0.1)  # who takes more than it may does so now
    assert (most[0], len(taken)) == (AT_ONCE, 16)
    released.set()
    consumer.join(60)
    assert sorted(first + [number for number, _ in found]) == list(range(100))
    assert most[0] == AT_ONCE


def test_an_error_is_raised_when_it_is_its_turn_and_ends_it():
    def ask(number: int) -> int:
        if number == 2:
            raise ValueError("two")
        return number

    found = ahead(range(5), ask)
    assert [next(found), next(found)] == [(0, 0), (1, 1)]
    with pytest.raises(ValueError, match="two"):
        next(found)


def test_who_stops_leaves_nothing_behind_that_asks():
    asked = []
    all_taken, released = threading.Event(), threading.Event()

    def items():
        for number in range(100):
            if number == 15:
                all_taken.set()
            yield number

    def ask(number: int) -> None:
        asked.append(number)
        (released if number else all_taken).wait(60)

    found = ahead(items(), ask)
    next(found)
    found.close()
    released.set()
    for thread in threading.enumerate():
        if thread.name == "ahead":
            thread.join(60)
    assert len(asked) <= AT_ONCE + 1  # those that were waiting for their turn did not take it


def test_an_answer_is_asked_for_once_by_many():
    asked = []
    released = threading.Event()

    def ask(question: str) -> str:
        asked.append(question)
        released.wait(60)
        return question.upper()

    remembered = Remembered(ask)
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(remembered("a"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    released.set()
    for thread in threads:
        thread.join(60)
    assert (asked, answers) == (["a"], ["A"] * 8)


def test_an_error_is_the_answer_for_all_and_old_answers_are_forgotten():
    asked = []

    def ask(question: int) -> int:
        asked.append(question)
        return 1 // question

    remembered = Remembered(ask, most=2)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            remembered(0)
    assert asked == [0]
    assert [remembered(number) for number in (1, 2, 1, 2)] == [1, 0, 1, 0]
    assert asked == [0, 1, 2]
    with pytest.raises(ZeroDivisionError):
        remembered(0)
    assert asked == [0, 1, 2, 0]
