"""Locations of a node: the places outside of the server that its file is stored at."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hca_core.errors import NotFoundError, UsageError
from hca_shock.metadata.errors import LostChangeError

if TYPE_CHECKING:
    from hca_shock.server import Server

_TRIES = 3


def listed(server: Server, id: str) -> list[dict[str, Any]]:
    """Return the locations of a node: id, and where they are known stored, requested and requestedDate."""
    return list(server.call("GET", "node", id, "locations") or ())


def one(server: Server, id: str, location: str) -> dict[str, Any]:
    """Return a location of a node. Raises NotFoundError if the node is not there."""
    # From the list: the server says of a single one that is missing that it has itself failed.
    found = _find(listed(server, id), location)
    if found is None:
        has = f"hca shock locations list {id} shows those that it has"
        raise NotFoundError(f"node {id} has no location {location!r}", has)
    return found


def add(
    server: Server,
    id: str,
    location: str,
    *,
    stored: bool | None = None,
    requested: bool | None = None,
    requested_date: str | date | None = None,
) -> dict[str, Any]:
    """Add a location to a node, and return it as the server has it. See Administration.add_location."""
    if not location.strip() or "/" in location:
        raise UsageError(f"{location!r} can't be the id of a location")
    moment = None if requested_date is None else _in_server_words(requested_date)
    given = {"stored": stored, "requested": requested, "requestedDate": moment}
    wanted = {"id": location, **{name: value for name, value in given.items() if value is not None}}
    with server.changing(id):
        if _find(listed(server, id), location) is not None:
            raise UsageError(f"node {id} has the location {location!r} already", "remove it first to change it")
        for _ in range(_TRIES):
            server.call("POST", "node", id, "locations", json=wanted)
            found = _find(listed(server, id), location)
            if found is not None:
                _check(id, wanted, found)
                return found
    raise _lost(id, f"get the location {location!r}")


def remove(server: Server, id: str, location: str) -> list[dict[str, Any]]:
    """Remove a location of a node, and return those that are left. Raises NotFoundError if the node is not there."""
    with server.changing(id):
        one(server, id, location)
        for _ in range(_TRIES):
            server.call("DELETE", "node", id, "locations", location)
            left = listed(server, id)
            if _find(left, location) is None:
                return left
    raise _lost(id, f"lose the location {location!r}")


def clear(server: Server, id: str) -> None:
    """Remove all locations of a node."""
    with server.changing(id):
        for _ in range(_TRIES):
            server.call("DELETE", "node", id, "locations")
            if not listed(server, id):
                return
    raise _lost(id, "lose all locations")


def _find(found: list[dict[str, Any]], location: str) -> dict[str, Any] | None:
    return next((entry for entry in found if entry.get("id") == location), None)


def _in_server_words(moment: str | date) -> str:
    """Return a date as YYYY-MM-DD, a moment with the distance to UTC in numbers: the server reads no Z."""
    if isinstance(moment, str):
        try:
            moment = date.fromisoformat(moment) if len(moment) == 10 else datetime.fromisoformat(moment)
        except ValueError as error:
            raise UsageError(f"{moment!r} is no date", "give YYYY-MM-DD, or YYYY-MM-DDTHH:MM:SS+00:00") from error
    if not isinstance(moment, datetime):
        return moment.isoformat()
    distance = moment.utcoffset()
    if distance is None or distance % timedelta(minutes=1):
        raise UsageError(f"{moment.isoformat()} does not tell its distance to UTC", "write +00:00 after it for UTC")
    return moment.isoformat(timespec="seconds")


def _check(id: str, wanted: dict[str, Any], found: dict[str, Any]) -> None:
    """Raise LostChangeError if the server has a location otherwise than it was sent."""
    # It leaves out what is false; that somebody has asked for the file it may not keep at all.
    is_stored = bool(found.get("stored")) is bool(wanted.get("stored"))
    moment = wanted.get("requestedDate")
    if not is_stored or (moment is not None and _moment(found.get("requestedDate")) != _moment(moment)):
        raise LostChangeError(f"node {id} has another location than was sent: {found} instead of {wanted}")


def _moment(text: object) -> datetime | None:
    """Return the moment that a text tells; a date is its beginning in UTC."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else datetime.fromisoformat(f"{found.isoformat()}+00:00")


def _lost(id: str, what: str) -> LostChangeError:
    return LostChangeError(
        f"node {id} should {what}: the server says that it did, but after {_TRIES} tries it has not",
        "somebody else changes the node at the same time: try again",
    )
