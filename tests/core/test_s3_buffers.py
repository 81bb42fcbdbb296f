"""Memory for uploads: bounded, reused, and nobody waits for ever."""

from __future__ import annotations

import random
import threading

from waiting import until

from hca_core.s3.buffers import Buffers


def test_memory_is_reused() -> None:
    buffers = Buffers(100)
    first = buffers.lend(60)
    first.view[0] = 7
    first.give_back()
    second = buffers.lend(50)
    assert (len(second.view), second.view[0]) == (50, 7)


def test_idle_memory_makes_room_for_another_size() -> None:
    buffers = Buffers(100)
    for loan in [buffers.lend(30) for _ in range(3)]:
        loan.give_back()
    assert len(buffers.lend(90).view) == 90


def test_something_larger_than_all_goes_alone() -> None:
    buffers = Buffers(100)
    large = buffers.lend(1000)
    waiting = _later(buffers, 10)
    assert not waiting.wait(0.05)
    large.give_back()
    assert waiting.wait(60)


def test_who_wants_much_is_not_overtaken() -> None:
    buffers = Buffers(100)
    small = buffers.lend(60)
    large = _later(buffers, 90)
    late = _later(buffers, 10)
    assert not large.wait(0.05)
    assert not late.is_set(), "there is room for it, but it came later"
    small.give_back()
    assert large.wait(60)
    assert late.wait(60)


def test_what_was_given_up_is_not_lent_again() -> None:
    buffers = Buffers(100)
    lost = buffers.lend(100)
    lost.give_up()
    lost.give_back()
    lost.view[0] = 7
    again = buffers.lend(100)
    assert again.view[0] == 0
    waiting = _later(buffers, 1)
    assert not waiting.wait(0.05), "the room is counted once"
    again.give_back()
    assert waiting.wait(60)


def test_many_threads_never_have_more_than_allowed() -> None:
    buffers = Buffers(100)
    held, most, lock = [0], [0], threading.Lock()

    def work(seed: int) -> None:
        sizes = random.Random(seed)
        for _ in range(300):
            loan = buffers.lend(size := sizes.randint(0, 60))
            with lock:
                held[0] += size
                most[0] = max(most[0], held[0])
            with lock:
                held[0] -= size
            loan.give_back()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert most[0] <= 100


def _later(buffers: Buffers, size: int) -> threading.Event:
    """Ask for memory in another thread; return what is set when it is there."""
    there = threading.Event()

    def ask() -> None:
        loan = buffers.lend(size)
        there.set()
        loan.give_back()

    threading.Thread(target=ask, daemon=True).start()
    until(lambda: there.is_set() or buffers._turn.locked())  # it is in line, or behind somebody who is
    return there
