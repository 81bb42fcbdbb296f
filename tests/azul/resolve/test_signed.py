"""When signed URLs end, and which are remembered."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from hca_azul.resolve.signed import ASSUMED_SECONDS, Remembered, Signed, expires_at, signed

BEGAN = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("query", "ends"),
    [
        ("X-Goog-Date=20261122T120000Z&X-Goog-Expires=900", BEGAN + 900),
        ("x-amz-expires=3600&x-amz-date=20261122T120000Z", BEGAN + 3600),
        (f"AWSAccessKeyId=x&Expires={BEGAN:.0f}", BEGAN),
        ("X-Goog-Date=20261122T120000Z", None),
        ("X-Goog-Date=yesterday&X-Goog-Expires=900", None),
        ("X-Goog-Date=20261122T120000Z&X-Goog-Expires=-900", None),
        ("X-Goog-Date=20261122T120000Z&X-Goog-Expires=999999999999", None),
        ("Expires=999999999999", None),
        ("Expires=9" + "9" * 400, None),
        ("", None),
    ],
)
def test_when_a_url_ends(query: str, ends: float | None) -> None:
    assert expires_at(f"https://storage.example.org/a%3Ab?{query}") == ends


def test_a_url_that_can_not_be_read_tells_no_end() -> None:
    assert expires_at("https://[x/?Expires=1") is None


def test_what_tells_no_end_is_good_for_ten_minutes() -> None:
    made = signed("https://storage.example.org/x")
    assert made.expires is not None
    assert abs(made.expires - time.time() - ASSUMED_SECONDS) < 60
    assert made.is_good
    assert Signed("x", {}, None).is_good
    assert not Signed("x", {}, time.time() + 5).is_good


def test_a_look_up_is_remembered_while_it_is_good() -> None:
    remembered, made = Remembered(), iter(range(10))

    def ask(left: float = 900.0) -> Signed:
        return Signed(f"https://x/{next(made)}", {}, time.time() + left)

    assert [remembered.get("a", ask).url for _ in range(3)] == ["https://x/0"] * 3
    assert remembered.get("b", ask).url == "https://x/1"
    assert remembered.get("a", ask, anew=True).url == "https://x/2"
    assert remembered.get("a", ask).url == "https://x/2"
    assert remembered.get("c", lambda: ask(1.0)).url == "https://x/3"
    assert remembered.get("c", ask).url == "https://x/4"


def test_failures_are_told_and_not_remembered() -> None:
    remembered = Remembered()

    def fails() -> Signed:
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            remembered.get("a", fails)
    assert remembered.get("a", lambda: signed("https://x/")).url == "https://x/"
    with pytest.raises(ValueError, match="no"):
        remembered.get("a", fails, anew=True)
    assert remembered.get("a", lambda: signed("https://y/")).url == "https://y/"


def test_threads_wait_for_one_look_up() -> None:
    remembered, asked, go = Remembered(), [], threading.Event()

    def ask() -> Signed:
        asked.append(1)
        go.wait(30)
        return signed("https://x/")

    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(remembered.get, "a", ask) for _ in range(4)]
        go.set()
        assert {one.result().url for one in found} == {"https://x/"}
    assert len(asked) == 1


def test_only_the_last_ones_are_kept() -> None:
    remembered = Remembered()
    for number in range(1001):
        remembered.get(number, lambda: signed("https://x/"))
    assert remembered.get(0, lambda: signed("https://again/")).url == "https://again/"
    assert remembered.get(1000, lambda: signed("https://again/")).url == "https://x/"
