"""GET of the event journals, and of one event."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from hca_core import versions
from hca_local.dss import paging
from hca_local.events import journal, journals
from hca_local.objects import signing
from hca_local.server.problems import ProblemError
from hca_local.store import database

if TYPE_CHECKING:
    from hca_local.dss.calls import Call
    from hca_local.events.journals import Journal

_MEDIA_TYPE = "application/octet-stream"


async def get_all(call: Call) -> Response:
    """Answer with a page of the journals that have events between two dates, the oldest first."""
    wanted = call.parameters
    _check_dates(wanted["from_date"], wanted["to_date"])
    records, per_page = call.deployment.records, wanted["per_page"]
    first = _first(call)
    found = [] if first is None else journals.listed(records, call.replica, first, wanted["to_date"], per_page + 1)
    body = {"event_streams": [_stream(call, one) for one in found[:per_page]]}
    following = call.url(token=found[per_page].number) if len(found) > per_page else None
    return paging.response(json.dumps(body), "event_streams", following)


async def get(call: Call) -> Response:
    """Answer with the document of one event; those of deleted bundles are gone."""
    key = f"{call.parameters['uuid'].lower()}.{call.parameters['version']}"
    if not journals.is_recorded(call.deployment.records, call.replica, key):
        raise ProblemError(404, "not_found", "Cannot find event!")
    content = await asyncio.to_thread(_document, call, key)
    return Response(content, media_type="application/json")


def _document(call: Call, key: str) -> bytes:
    with closing(database.connect(call.deployment.directory.store)) as connection:
        return journal.document(connection, call.deployment.directory.blobs, call.replica, key)


def _check_dates(from_date: str | None, to_date: str | None) -> None:
    """Raise ProblemError for dates that are none, which the service can't compare either, or in the wrong order."""
    for date in (from_date, to_date):
        if date is not None and not versions.is_valid(date):
            raise ProblemError(400, "bad_request", f"{date!r} is not a DSS_VERSION timestamp.")
    if from_date is not None and to_date is not None and from_date > to_date:
        raise ProblemError(400, "bad_request", "from_date must not be later than to_date.")


def _first(call: Call) -> int | None:
    """Return the number of the journal that the page begins with, or has after it; None if there is none."""
    token, from_date = call.parameters["token"], call.parameters["from_date"]
    if token is not None:
        if not (token.isascii() and token.isdecimal() and len(token) < 19):
            raise ProblemError(400, "illegal_token", "Could not understand token")
        return int(token)
    return 0 if from_date is None else journals.first_since(call.deployment.records, call.replica, from_date)


def _stream(call: Call, found: Journal) -> dict[str, Any]:
    events, offset = [], 0
    for event in found.events:
        entry = {"event_id": event.key, "timestamp": event.timestamp, "offset": offset, "size": event.size}
        events.append(entry)
        offset += event.size
    key = f"{signing.JOURNALS}{found.id}"
    url = call.deployment.signer.url(call.base, call.replica, key, _MEDIA_TYPE, bucket=signing.MAIN_BUCKET)
    return {
        "journal_id": found.id,
        "from_date": found.from_date,
        "to_date": found.to_date,
        "size": found.size,
        "events": events,
        "stream_url": url,
    }
