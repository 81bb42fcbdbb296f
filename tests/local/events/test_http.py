"""GET /events, GET /events/{uuid}, and the journals behind their signed URLs."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from hca_local.identity.issuer import FIRST_USER, Issuer, load_key

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from hca_local.launch import Launched

    Api = Callable[..., requests.Response]
    Launch = Callable[..., Launched]

BEFORE, AFTER = "2000-01-01T000000.000000Z", "2999-01-01T000000.000000Z"


@pytest.fixture
def journaled(read_journaled: Any) -> Any:
    """Return what the deployment serves."""
    return read_journaled[0]


@pytest.fixture
def events(read_journaled: Any, http: requests.Session) -> Api:
    """Return a function that asks the deployment for journals, or with a path for an event."""
    return asking(read_journaled[1], http)


def asking(launched: Launched, http: requests.Session) -> Api:
    def ask(path: str = "", **query: Any) -> requests.Response:
        return http.get(f"{launched.url}/v1/events{path}", params={"replica": "aws", **query}, timeout=30)

    return ask


def streams(answer: requests.Response) -> list[dict[str, Any]]:
    assert answer.status_code in (200, 206), answer.text
    found: list[dict[str, Any]] = answer.json()["event_streams"]
    return found


def test_pages_lead_through_all_journals(events: Api, journaled: Any, http: requests.Session) -> None:
    answer = events()
    found = streams(answer)
    while answer.status_code == 206:
        assert answer.headers["X-OpenAPI-Pagination"] == "true"
        link = re.fullmatch(r"<(.+)>; rel='next'", answer.headers["Link"])
        assert link
        answer = http.get(link[1], timeout=30)
        found += streams(answer)
    assert answer.headers["X-OpenAPI-Pagination"] == "false"
    assert answer.headers["X-OpenAPI-Paginated-Content-Key"] == "event_streams"
    assert [len(one["events"]) for one in found] == [3, 3, 2]
    assert [event["event_id"] for one in found for event in one["events"]] == journaled.keys
    # The addresses are signed anew for each answer.
    told = [[{**one, "stream_url": ""} for one in some] for some in (found, streams(events(per_page=10)))]
    assert told[0] == told[1], "which is one page"
    assert events(per_page=3).status_code == 200


def test_a_page_keeps_to_the_dates_it_was_asked_for(events: Api, http: requests.Session) -> None:
    first, second, _ = unsigned(streams(events(per_page=10)))
    answer = events(to_date=second["to_date"])
    assert unsigned(streams(answer)) == [first]
    assert unsigned(streams(http.get(answer.links["next"]["url"], timeout=30))) == [second]


@pytest.mark.parametrize("per_page", [0, 11, "x"])
def test_pages_have_one_to_ten_journals(events: Api, per_page: object) -> None:
    answer = events(per_page=per_page)
    assert (answer.status_code, answer.json()["code"]) == (400, "illegal_arguments")


@pytest.mark.parametrize("token", ["", "x", "-1", "9" * 30])
def test_a_token_of_somebody_else_is_refused(events: Api, token: str) -> None:
    answer = events(token=token)
    assert (answer.status_code, answer.json()["code"]) == (400, "illegal_token")


def unsigned(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return streams without their URLs, whose signatures are those of a moment."""
    return [{name: value for name, value in one.items() if name != "stream_url"} for one in found]


def test_the_dates_choose_journals(events: Api) -> None:
    one, two, three = unsigned(streams(events(per_page=10)))

    def chosen(**dates: str) -> list[Any]:
        return unsigned(streams(events(per_page=10, **dates)))

    assert chosen(from_date=AFTER) == []
    assert chosen(to_date=BEFORE) == []
    assert chosen(from_date=BEFORE, to_date=AFTER) == [one, two, three]
    assert chosen(from_date=one["to_date"]) == [one, two, three]
    assert chosen(from_date=two["events"][1]["timestamp"]) == [two, three]
    assert chosen(to_date=two["from_date"]) == [one]
    assert chosen(to_date=two["to_date"]) == [one, two]
    assert chosen(from_date=two["from_date"], to_date=two["to_date"]) == [two]


@pytest.mark.parametrize(
    "dates", [{"from_date": AFTER, "to_date": BEFORE}, {"from_date": "2019-01-01"}, {"to_date": "yesterday"}]
)
def test_dates_that_make_no_sense_are_refused(events: Api, dates: dict[str, str]) -> None:
    answer = events(**dates)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


def test_a_journal_is_read_in_parts(events: Api, journaled: Any, http: requests.Session) -> None:
    for stream in streams(events(per_page=10)):
        whole = http.get(stream["stream_url"], timeout=30)
        assert (whole.status_code, len(whole.content)) == (200, stream["size"])
        assert int(whole.headers["Content-Length"]) == stream["size"]
        assert stream["size"] == sum(event["size"] for event in stream["events"])
        for event in stream["events"]:
            start, end = event["offset"], event["offset"] + event["size"]
            part = http.get(stream["stream_url"], headers={"Range": f"bytes={start}-{end - 1}"}, timeout=30)
            assert part.status_code == 206
            assert part.headers["Content-Range"] == f"bytes {start}-{end - 1}/{stream['size']}"
            assert part.headers["ETag"] == whole.headers["ETag"]
            assert part.content == whole.content[start:end]
            uuid, _, version = event["event_id"].partition(".")
            assert part.content == events(f"/{uuid}", version=version).content
            assert json.loads(part.content)["bundle_info"] == {"uuid": uuid, "version": version}


def test_a_journal_is_an_object_like_others(events: Api, http: requests.Session) -> None:
    stream = streams(events())[0]
    url, size = stream["stream_url"], stream["size"]
    whole = http.get(url, timeout=30)
    across = stream["events"][1]["offset"]

    def get(**headers: str) -> requests.Response:
        return http.get(url, headers={name.replace("_", "-"): value for name, value in headers.items()}, timeout=30)

    assert get(Range=f"bytes={across - 3}-{across + 3}").content == whole.content[across - 3 : across + 4]
    assert get(Range="bytes=-5").content == whole.content[-5:]
    assert get(Range=f"bytes={size}-").status_code == 416
    assert get(If_None_Match=whole.headers["ETag"]).status_code == 304
    assert get(If_Match='"another"').status_code == 412
    assert get(Range="bytes=0-0", If_Range='"another"').content == whole.content
    assert "Last-Modified" in whole.headers


def test_a_journal_opens_with_its_signature_only(events: Api, http: requests.Session) -> None:
    first, second = (one["stream_url"] for one in streams(events(per_page=2)))
    path, query = first.split("?")
    assert http.get(path, timeout=30).status_code == 403
    assert http.get(f"{second.split('?')[0]}?{query}", timeout=30).status_code == 403
    assert http.get(f"{path.replace('/s3/', '/gs/')}?{query}", timeout=30).status_code == 403


def test_an_event_is_the_whole_metadata_of_a_bundle(events: Api, journaled: Any) -> None:
    bundle = journaled.bundles[2]
    answer = events(f"/{bundle.uuid.upper()}", version=bundle.version)
    assert answer.headers["Content-Type"] == "application/json"
    document = answer.json()
    assert document["event_type"] == "CREATE"
    assert document["files"] == {"note_json": [{"number": 2, "größe": "µµ", "text": "x" * 2000}]}
    assert [file["name"] for file in document["manifest"]["files"]] == ["note_0.json"]


def test_an_event_that_never_was_is_not_found(events: Api, journaled: Any) -> None:
    answer = events(f"/{journaled.bundles[0].uuid}", version=BEFORE)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.json()["title"] == "Cannot find event!"


def test_the_other_replica_has_journals_of_its_own(events: Api, journaled: Any, http: requests.Session) -> None:
    found = streams(events(replica="gcp", per_page=10))
    assert [event["event_id"] for one in found for event in one["events"]] == journaled.keys
    assert "/gs/" in found[0]["stream_url"]
    assert len(http.get(found[0]["stream_url"], timeout=30).content) == found[0]["size"]


def test_a_deleted_bundle_leaves_the_journal(tmp_path: Any, launched: Launch, http: requests.Session) -> None:
    served = launched(tmp_path / "data")
    ask = asking(served, http)
    (before,) = streams(ask(per_page=10))
    assert len(before["events"]) >= 3, "the sample dataset is journaled"
    gone, following = before["events"][1:3]
    uuid, _, version = gone["event_id"].partition(".")
    token = Issuer(load_key(served.directory.issuer_key), served.url).token(FIRST_USER, "hca", 600)
    answer = http.delete(
        f"{served.url}/v1/bundles/{uuid}",
        params={"replica": "aws", "version": version},
        json={"reason": "a test"},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    assert answer.status_code == 200
    (after,) = streams(ask(per_page=10))
    assert after["journal_id"] != before["journal_id"]
    assert after["size"] == before["size"] - gone["size"]
    assert after["events"][1] == {**following, "offset": gone["offset"]}
    assert ask(f"/{uuid}", version=version).status_code == 404
    old = http.get(before["stream_url"], timeout=30)
    assert (old.status_code, "NoSuchKey" in old.text) == (404, True)
    assert len(http.get(after["stream_url"], timeout=30).content) == after["size"]
