"""Work done side by side: all of it, in constant memory, and no further than its reader wants."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from waiting import until

from hca_core.workers import side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_all_of_it_is_done() -> None:
    assert sorted(side_by_side(range(1000), lambda number: 2 * number, jobs=7)) == list(range(0, 2000, 2))
    assert list(side_by_side([], str, jobs=7)) == []


def test_items_are_taken_as_they_are_needed() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    with closing(side_by_side(items(), str, jobs=3)) as results:
        next(results)
        assert len(taken) <= 2 * 3
    # They are given a second to end, which may be too short on a busy machine.
    until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("worker-")])


def test_work_goes_side_by_side() -> None:
    together = threading.Barrier(4)
    assert len(list(side_by_side(range(4), lambda _: together.wait(60), jobs=4))) == 4


def test_an_error_ends_everything() -> None:
    done, stopped = [], threading.Event()

    def work(number: int) -> int:
        done.append(number)
        if number == 5:
            raise RuntimeError("five")
        if number > 5:
            stopped.wait(60)  # else the other thread could go on for as long as the error is on its way
        return number

    with pytest.raises(RuntimeError, match="five"):
        list(side_by_side(range(1000), work, jobs=2, stopped=stopped))
    assert stopped.is_set()
    assert len(done) < 20
