"""The journal in the store: its order, and its bytes."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any

import pytest

from hca_core import versions
from hca_local.events import journal, journals
from hca_local.objects.journals import JournalContent
from hca_local.store import database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from sqlite3 import Connection


@pytest.fixture
def connection(journaled: Any) -> Iterator[Connection]:
    with closing(database.connect(journaled.directory.store)) as opened:
        yield opened


def listed(connection: Connection) -> list[journals.Journal]:
    return journals.listed(connection, "aws", 0, None, 100)


def test_a_journal_has_a_number_of_events_in_the_order_in_which_they_came(
    journaled: Any, connection: Connection
) -> None:
    found = listed(connection)
    assert [len(one.events) for one in found] == [3, 3, 2]
    assert [event.key for one in found for event in one.events] == journaled.keys
    moments = [event.timestamp for one in found for event in one.events]
    assert moments == sorted(moments)


def test_a_clock_that_is_set_back_keeps_the_order(
    journaled: Any, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = listed(connection)[-1].to_date
    real = versions.now
    monkeypatch.setattr(versions, "now", lambda: f"2000{real()[4:]}")
    journaled.add({})
    assert listed(connection)[-1].to_date == last


def test_an_event_that_is_removed_takes_its_bytes_with_it(journaled: Any, connection: Connection) -> None:
    before = listed(connection)
    journal.forget(connection, "aws", journaled.keys[4])
    after = listed(connection)
    assert [event.key for event in after[1].events] == [journaled.keys[3], journaled.keys[5]]
    assert after[1].size == before[1].size - before[1].events[1].size
    assert after[1].id != before[1].id
    assert (after[0], after[2]) == (before[0], before[2])
    assert journals.named(connection, "aws", before[1].id) is None
    assert journals.named(connection, "aws", after[1].id) == after[1]


def test_a_journal_without_events_is_none(journaled: Any, connection: Connection) -> None:
    before = listed(connection)
    for key in journaled.keys[3:6]:
        journal.forget(connection, "aws", key)
    assert listed(connection) == [before[0], before[2]]
    assert journals.listed(connection, "aws", 1, None, 1) == [before[2]]
    assert journals.named(connection, "aws", before[1].id) is None


def test_what_is_appended_leaves_the_name_and_the_bytes_of_what_was_there(
    journaled: Any, connection: Connection
) -> None:
    before = listed(connection)[-1]
    journaled.add({})
    after = listed(connection)[-1]
    assert after.id != before.id
    assert journals.named(connection, "aws", before.id) == before
    assert after.events[: len(before.events)] == before.events


def test_a_place_that_is_given_again_is_another_event(journaled: Any, connection: Connection) -> None:
    before = listed(connection)[-1]
    journal.forget(connection, "aws", journaled.keys[-1])
    journaled.add({})
    assert listed(connection)[-1].events[-1].place == before.events[-1].place
    assert journals.named(connection, "aws", before.id) is None


def test_the_bytes_are_the_documents_one_at_a_time(journaled: Any, connection: Connection) -> None:
    found = listed(connection)[0]
    content = JournalContent(journaled.directory, "aws", found)

    async def pieces(start: int, end: int) -> list[bytes]:
        async with aclosing(content.pieces(start, end)) as parts:
            return [part async for part in parts]

    whole = asyncio.run(pieces(0, found.size))
    assert [len(piece) for piece in whole] == [event.size for event in found.events]
    assert [json.loads(piece)["bundle_info"]["uuid"] for piece in whole] == [b.uuid for b in journaled.bundles[:3]]
    everything = b"".join(whole)
    first, second = found.events[0].size, found.events[0].size + found.events[1].size
    for start, end in ((0, 1), (first - 1, first + 1), (first, second), (5, second + 5), (second, found.size)):
        assert b"".join(asyncio.run(pieces(start, end))) == everything[start:end]
    assert len(asyncio.run(pieces(first, second))) == 1, "and nothing is put together that nobody asked for"


def test_metadata_with_half_a_character_is_journaled(journaled: Any, connection: Connection) -> None:
    bundle = journaled.add({"a": "\ud800"})
    document = journal.document(connection, journaled.directory.blobs, "aws", journaled.keys[-1])
    assert listed(connection)[-1].events[-1].size == len(document)
    assert json.loads(document)["files"] == {"note_json": [{"a": "\ud800"}]}
    assert json.loads(document)["bundle_info"] == {"uuid": bundle.uuid, "version": bundle.version}


def test_an_event_of_what_never_was_is_an_error(journaled: Any, connection: Connection) -> None:
    with pytest.raises(LookupError):
        journal.document(connection, journaled.directory.blobs, "aws", "nobody.2019")
