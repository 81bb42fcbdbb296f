"""Events: what happened to bundles, read from the journals that the service lists."""

from __future__ import annotations

import json
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from hca_core import content, versions
from hca_core.errors import HCAError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hca_core.http import Session
    from hca_dss.client import DSSClient


class _Journal(NamedTuple):
    """A journal: where it is, its size in bytes, and the places of those of its events that are wanted."""

    url: str
    size: int
    wanted: list[_Place]


class _Place(NamedTuple):
    offset: int
    size: int


def read(client: DSSClient, replica: str, from_date: str | None, to_date: str | None) -> Iterator[Any]:
    """Yield the documents of the events from `from_date` on and before `to_date`, in the order of the journals.

    Raises UsageError for a date that is no version, HCAError.
    """
    for name, date in (("from_date", from_date), ("to_date", to_date)):
        if date is not None and not versions.is_valid(date):
            raise UsageError(f"{name} is {date!r}, but must be like 1985-04-12T232050.520000Z")
    for page in client.pages("get_events", replica=replica, from_date=from_date, to_date=to_date, per_page=10):
        for stream in page.items:
            journal = _journal(stream, from_date, to_date)
            if journal.wanted:
                yield from _events(client.session, journal)


def _journal(stream: Any, from_date: str | None, to_date: str | None) -> _Journal:
    try:
        wanted = [
            _Place(int(event["offset"]), int(event["size"]))
            for event in stream["events"]
            if (not from_date or from_date <= event["timestamp"]) and (not to_date or event["timestamp"] < to_date)
        ]
        journal = _Journal(stream["stream_url"], int(stream["size"]), sorted(wanted))
        ends = [0, *(place.offset + place.size for place in journal.wanted)]
        if any(place.offset < end for place, end in zip(journal.wanted, ends, strict=False)) or ends[-1] > journal.size:
            raise ValueError("events that overlap or lie outside")
        return journal
    except (KeyError, TypeError, ValueError) as error:
        raise HCAError(f"the service lists events in a form that is not known ({error!r})") from error


def _events(session: Session, journal: _Journal) -> Iterator[Any]:
    """Yield the wanted events of one journal, with one request for the part of it that has them."""
    first, last = journal.wanted[0], journal.wanted[-1]

    def open_at(offset: int) -> Any:
        headers = {"Range": f"bytes={offset}-{last.offset + last.size - 1}", "Accept-Encoding": "identity"}
        return session.request("GET", journal.url, headers=headers, stream=True, tries=1)

    stopped = threading.Event()
    quota = content.Quota(10, 0.25)
    with closing(content.blocks(open_at, first.offset, journal.size, quota, stopped)) as blocks:
        for text in _cut(blocks, first.offset, journal.wanted):
            try:
                yield json.loads(text)
            except ValueError as error:
                raise HCAError(f"a journal of events has something in it that is not JSON ({error})") from error


def _cut(blocks: Iterator[bytes], at: int, places: Sequence[_Place]) -> Iterator[bytes]:
    """Yield what lies at `places` of a stream whose `blocks` begin at the offset `at`; one place is in memory."""
    kept = bytearray()
    for place in places:
        while at + len(kept) < place.offset + place.size:
            kept += next(blocks)
        start = place.offset - at
        yield bytes(kept[start : start + place.size])
        del kept[: start + place.size]
        at = place.offset + place.size
