"""TaskRunner, the published wrapper of a thread pool."""

from __future__ import annotations

import threading

import pytest

from hca.dss import TaskRunner


def test_a_task_may_submit_tasks():
    done: list[int] = []

    def task(depth: int) -> None:
        done.append(depth)
        if depth:
            runner.submit("left", task, depth - 1)
            runner.submit("right", task, depth=depth - 1)

    with TaskRunner(threads=2) as runner:
        runner.submit("root", task, 5)
        runner.wait_for_futures()
        runner.raise_if_errors()
    assert len(done) == 2**6 - 1


def test_the_end_of_the_block_waits_for_tasks_of_tasks():
    done = threading.Event()
    begun = threading.Event()

    def first() -> None:
        begun.wait(60)
        runner.submit("second", done.set)

    with TaskRunner(threads=1) as runner:
        runner.submit("first", first)
        begun.set()
    assert done.is_set()
    runner.raise_if_errors()


def test_failures_are_counted_and_named(caplog):
    def fail() -> None:
        raise ValueError("why")

    with TaskRunner() as runner:
        for number in range(3):
            runner.submit(f"task {number}", fail)
        runner.submit("good", int)
        runner.wait_for_futures()
        with pytest.raises(RuntimeError, match="3 task"):
            runner.raise_if_errors()
    assert "task failed: task 2: why" in caplog.text


def test_an_error_in_the_block_drops_what_has_not_begun(caplog):
    released, holding = threading.Event(), threading.Event()
    begun: list[int] = []

    def hold(number: int) -> None:
        begun.append(number)
        holding.set()
        released.wait(60)

    def fail() -> None:
        for number in range(5):
            runner.submit(str(number), hold, number)
        holding.wait(60)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), TaskRunner(threads=1) as runner:
        fail()
    released.set()
    runner.wait_for_futures()  # it returns: nothing counts as open for ever
    assert begun == [0]
    assert caplog.text == ""


def test_a_task_for_a_runner_that_has_ended_is_refused():
    with TaskRunner(threads=1) as runner:
        pass
    with pytest.raises(RuntimeError):
        runner.submit("late", int)
    runner.wait_for_futures()
