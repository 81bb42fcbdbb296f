"""The bucket of tokens: so many at once, then so many a minute, for all threads."""

from __future__ import annotations

import pytest

from hca_azul import pacing


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch):
    """A clock that goes when a test says so; only a fake one shows minutes in a moment."""

    class Clock:
        now = 1000.0

        def monotonic(self) -> float:
            return self.now

    made = Clock()
    monkeypatch.setattr(pacing, "time", made)
    return made


def test_a_minute_of_requests_may_go_at_once_and_the_next_one_waits(clock):
    pace = pacing.Pacing(60)
    assert [pace.wait_for(number) for number in range(60)] == [0.0] * 60
    assert pace.wait_for("next") == pytest.approx(1.0)
    assert pace.wait_for("after") == pytest.approx(2.0)


def test_who_waits_keeps_the_place(clock):
    pace = pacing.Pacing(60)
    for number in range(60):
        pace.wait_for(number)
    first, second = pace.wait_for("first"), pace.wait_for("second")
    assert pace.wait_for("first") == first
    clock.now += second
    assert (pace.wait_for("second"), pace.wait_for("first")) == (0.0, 0.0)
    assert pace.wait_for("first") == pytest.approx(1.0)  # that was the turn; this is another


def test_the_bucket_fills_again_but_not_over(clock):
    pace = pacing.Pacing(60)
    for number in range(60):
        pace.wait_for(number)
    clock.now += 3600
    assert [pace.wait_for(("again", number)) for number in range(60)] == [0.0] * 60
    assert pace.wait_for("next") > 0


def test_no_limit(clock):
    pace = pacing.Pacing(0)
    assert {pace.wait_for(number) for number in range(10_000)} == {0.0}


def test_how_long_so_many_requests_take_at_least(clock):
    pace = pacing.Pacing(60)
    assert [pace.least_for(number) for number in (0, 60, 61, 180)] == [0.0, 0.0, 1.0, 120.0]
    assert pacing.Pacing(0).least_for(10_000) == 0.0
