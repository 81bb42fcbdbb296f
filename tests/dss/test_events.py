"""`hca dss read-events`: the events that lie in the journals which the service lists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from hca.dss import DSSClient
from hca_core.errors import ExitStatus, HCAError
from hca_core.testing import LoopbackService

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_core.testing import Outcome

PAGED = {"X-OpenAPI-Paginated-Content-Key": "event_streams"}
READ = ("dss", "read-events", "--replica", "aws")


def event(number: int) -> dict[str, Any]:
    return {"event_type": "CREATE", "bundle_info": {"uuid": str(number), "version": "v"}, "text": "ü" * number}


def moment(number: int) -> str:
    return f"2019-08-01T{number:06d}.000000Z"


@pytest.fixture
def store() -> Iterator[LoopbackService]:
    """Another host, which the addresses of the journals lead to."""
    with LoopbackService() as running:
        yield running


@pytest.fixture
def journal(store: LoopbackService) -> Callable[..., dict[str, Any]]:
    """A function that stores events as a journal and returns its entry in the service's list."""

    def add(name: str, numbers: range, **settings: Any) -> dict[str, Any]:
        texts = [json.dumps(event(number)).encode() for number in numbers]
        offsets = [sum(len(text) for text in texts[:place]) for place in range(len(texts))]
        body = b"".join(texts)
        store.on("GET", f"/{name}").reply(body=body, **{"ranges": True, **settings})
        listed = [
            {"event_id": str(number), "timestamp": moment(number), "offset": offset, "size": len(text)}
            for number, offset, text in zip(numbers, offsets, texts, strict=True)
        ]
        return {
            "journal_id": name,
            "from_date": moment(numbers[0]),
            "to_date": moment(numbers[-1]),
            "size": len(body),
            "events": listed,
            "stream_url": f"{store.url}/{name}?signature=x",
        }

    return add


def script(dss: LoopbackService, *streams: dict[str, Any]) -> None:
    """List each stream on a page of its own."""
    route = dss.on("GET", "/v1/events")
    for number, stream in enumerate(streams, 1):
        link = f"{dss.url}/v1/events?token={number}" if number < len(streams) else None
        route.reply(json={"event_streams": [stream]}, headers=PAGED, link=link)


def test_all_events_of_all_journals(
    dss: LoopbackService, store: LoopbackService, journal: Any, hca: Callable[..., Outcome]
) -> None:
    script(dss, journal("one", range(1, 4)), journal("two", range(4, 6)))
    outcome = hca(*READ, env={"HCA_TOKEN": "a-secret-token"})
    assert [json.loads(line) for line in outcome.stdout.splitlines()] == [event(number) for number in range(1, 6)]
    assert len(store.requests) == 2
    assert not any("Authorization" in request.headers for request in store.requests)


def test_only_the_part_that_is_wanted_is_fetched(
    dss: LoopbackService, store: LoopbackService, journal: Any, hca: Callable[..., Outcome]
) -> None:
    first, second = journal("one", range(1, 9)), journal("two", range(9, 12))
    script(dss, first, second)
    outcome = hca(*READ, "--from-date", moment(3), "--to-date", moment(6), "--query", "[].bundle_info.uuid")
    assert outcome.stdout.split() == ['"3"', '"4"', '"5"']
    begin, end = first["events"][2]["offset"], first["events"][5]["offset"] - 1
    assert [request.headers["Range"] for request in store.requests] == [f"bytes={begin}-{end}"]
    assert dict(dss.asked("GET", "/v1/events")[0].query) == {
        "replica": "aws",
        "from_date": moment(3),
        "to_date": moment(6),
        "per_page": "10",
    }


def test_pages_are_fetched_as_they_are_needed(dss: LoopbackService, store: LoopbackService, journal: Any) -> None:
    script(dss, journal("one", range(1, 3)), journal("two", range(3, 5)))
    events = DSSClient().read_events("aws")
    assert next(events) == event(1)
    assert (len(dss.asked("GET", "/v1/events")), len(store.requests)) == (1, 1)
    events.close()


def test_a_server_without_ranges_and_one_that_breaks_off(
    dss: LoopbackService, store: LoopbackService, journal: Any
) -> None:
    stream = journal("one", range(1, 50), ranges=False)
    script(dss, stream)
    assert list(DSSClient().read_events("aws", moment(20), moment(22))) == [event(20), event(21)]
    body = store.on("GET", "/one")._answers[0].body  # type: ignore[union-attr]
    store.on("GET", "/broken").truncate(700, body=body, ranges=True).reply(body=body, ranges=True)
    dss.on("GET", "/v1/events")._answers.clear()
    dss.on("GET", "/v1/events")._given = 0
    script(dss, {**stream, "stream_url": f"{store.url}/broken"})
    assert list(DSSClient().read_events("aws")) == [event(number) for number in range(1, 50)]
    assert len(store.asked("GET", "/broken")) == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"events": [{"timestamp": "x", "offset": 0}]}, "in a form that is not known"),
        ({"events": [{"timestamp": "x", "offset": 0, "size": 10**9}]}, "in a form that is not known"),
        ({"events": [{"timestamp": "x", "offset": -5, "size": 3}]}, "in a form that is not known"),
        ({"events": [{"timestamp": "x", "offset": 1, "size": 3}]}, "not JSON"),
        ({"size": 5, "events": [{"timestamp": "x", "offset": 0, "size": 3}]}, "expected 5 bytes, but there are"),
    ],
)
def test_journals_that_are_not_what_they_should_be(
    dss: LoopbackService, journal: Any, change: dict[str, Any], sentence: str
) -> None:
    script(dss, {**journal("one", range(1, 3)), **change})
    with pytest.raises(HCAError, match=sentence):
        list(DSSClient().read_events("aws"))


def test_wrong_dates_are_told_before_anything_is_sent(dss: LoopbackService, hca: Callable[..., Outcome]) -> None:
    outcome = hca(*READ, "--from-date", "2019-08-01")
    assert (outcome.exit_status, dss.asked("GET", "/v1/events")) == (ExitStatus.USAGE, [])
    assert "from_date is '2019-08-01'" in outcome.stderr
