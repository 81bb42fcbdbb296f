"""Events through the client: journals, the documents in them, one event (DC-068 to DC-076)."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
import requests  # noqa: TID253 - a client that is not ours

from hca_core import versions


@pytest.fixture
def deployment(writable):
    return writable


def events(document) -> list[str]:
    return [event["event_id"] for stream in document["event_streams"] for event in stream["events"]]


def test_journals_are_where_their_addresses_say(answer, new_bundle):
    since = versions.now()
    uuid, version = new_bundle({"donor_organism_0.json": b'{"sex": "female"}', "notes.txt": b"x"})
    document = answer("get-events", "--replica", "aws", "--from-date", since)
    assert f"{uuid}.{version}" in events(document)
    (stream,) = [one for one in document["event_streams"] if f"{uuid}.{version}" in str(one["events"])]
    (event,) = [one for one in stream["events"] if one["event_id"] == f"{uuid}.{version}"]
    part = {"Range": f"bytes={event['offset']}-{event['offset'] + event['size'] - 1}"}
    with requests.Session() as session:
        content = session.get(stream["stream_url"], headers=part, timeout=60).json()
    assert content["bundle_info"] == {"uuid": uuid, "version": version}
    assert content["files"] == {"donor_organism_json": [{"sex": "female"}]}
    where = ("--replica", "aws", "--uuid", uuid, "--version", version)
    assert answer("get-event", *where) == content
    assert len(content["manifest"]["files"]) == 2


def test_journals_between_dates(answer, new_bundle):
    """Whole journals, of which some events may lie outside."""
    first, second = ".".join(new_bundle()), ".".join(new_bundle())
    words = ("get-events", "--replica", "aws", "--per-page", "10")
    assert events(answer(*words, "--from-date", versions.now())) == []
    assert events(answer(*words, "--to-date", "1970-01-01T000000.000000Z")) == []
    everything = events(answer(*words))
    assert everything.index(first) < everything.index(second)


def test_the_documents_of_events(ask, answer, new_bundle):
    before = versions.now()
    made = [new_bundle({"a.json": b'{"n": %d}' % number}) for number in range(3)]
    after = versions.now()
    new_bundle()
    outcome = ask("dss", "read-events", "--replica", "aws", "--from-date", before, "--to-date", after)
    assert (outcome.exit_status, outcome.stderr) == (0, "")
    documents = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert [(one["bundle_info"]["uuid"], one["bundle_info"]["version"]) for one in documents] == made
    assert [one["files"] for one in documents] == [{"a_json": [{"n": number}]} for number in range(3)]
    answer("delete-bundle", "--reason", "test", "--replica", "aws", "--uuid", made[0][0])
    left = ask("dss", "read-events", "--replica", "aws", "--from-date", before, "--to-date", after).stdout
    assert [json.loads(line)["bundle_info"]["uuid"] for line in left.splitlines()] == [uuid for uuid, _ in made[1:]]


def test_pages_of_journals(answer):
    words = ("get-events", "--replica", "aws", "--per-page", "1")
    every, first = answer(*words), answer(*words, "--no-paginate")
    assert len(first["event_streams"]) == 1
    assert every["event_streams"][0]["journal_id"] == first["event_streams"][0]["journal_id"]


def test_an_event_that_never_was(ask):
    words = ("--replica", "aws", "--uuid", str(uuid4()), "--version", versions.now())
    outcome = ask("dss", "get-event", *words)
    assert outcome.exit_status == 4
    assert outcome.stderr.startswith("hca: not_found: Cannot find event! (HTTP 404")


@pytest.mark.parametrize("name", ["--from-date", "--to-date"])
def test_dates_that_are_none(ask, name):
    outcome = ask("dss", "get-events", "--replica", "aws", name, "2019-08-01")
    assert outcome.exit_status in (1, 2)
    assert "2019-08-01" in outcome.stderr
