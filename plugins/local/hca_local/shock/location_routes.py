"""Where else a node's file is kept: its locations, and lists of what a location has (contract §10).

Any location and any type exists here: this deployment has no list of them, and copies nothing anywhere.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

from hca_local.shock import leaves, locating, nodes, rights
from hca_local.shock.calls import Route, ShockError, answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp

    from hca_local.shock.calls import Call
    from hca_local.shock.nodes import Doc

_MOST_BYTES = 64 * 1024
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
# See acl_routes.
_WINDOW = 0.05


async def get_all(call: Call) -> Response:
    """List the locations of a node. Raises ShockError (401, 404)."""
    return answer(rights.load(call, rights.READ)["locations"])


async def get(call: Call) -> Response:
    """Show one location of a node. Raises ShockError (401, 404)."""
    doc = rights.load(call, rights.READ)
    found = [one for one in doc["locations"] if one["id"] == call.ids["loc"]]
    if not found:
        raise _no_location(call)
    return answer(found[0])


async def post(call: Call) -> Response:
    """Add a location to a node, an administrator's task. Raises ShockError (400, 401, 404)."""
    doc = _for_administrators(call)
    location = _location(call, await call.body(_MOST_BYTES))

    def add(doc: Doc) -> None:
        if any(one["id"] == location["id"] for one in doc["locations"]):
            raise _bad(call, f"{location['id']} already exists")
        doc["locations"].append(location)

    return answer((await _changed(call, doc, add))["locations"])


async def delete(call: Call) -> Response:
    """Take a location from a node, an administrator's task. Raises ShockError (401, 404)."""
    doc = _for_administrators(call)

    def take(doc: Doc) -> None:
        left = [one for one in doc["locations"] if one["id"] != call.ids["loc"]]
        if len(left) == len(doc["locations"]):
            raise _no_location(call)
        doc["locations"] = left

    return answer((await _changed(call, doc, take))["locations"])


async def delete_all(call: Call) -> Response:
    """Take all locations from a node, an administrator's task. Raises ShockError (401, 404)."""
    await _changed(call, _for_administrators(call), lambda doc: doc["locations"].clear())
    return answer(None)


async def get_nodes(call: Call) -> ASGIApp:
    """Tell of a location what its path asks for, to administrators. Raises ShockError (400, 401)."""
    _require_admin(call)
    location, wanted = call.ids["loc"], call.ids["function"]
    if wanted == "info":
        return answer({"id": location, "description": "", "type": "", "url": "", "persistent": False, "priority": 0})
    if wanted not in locating.KINDS:
        raise _bad(call, f"(Location) {wanted} not supported")
    if call.shock.quirks:
        return answer([])  # the service asks its database with an operator that there is not
    return await locating.listed(call, location, wanted)


async def get_type(call: Call) -> Response:
    """Describe a type of nodes, to administrators. Raises ShockError (401)."""
    _require_admin(call)
    return answer({"id": call.ids["type"], "description": "", "priority": 0})


def _for_administrators(call: Call) -> Doc:
    doc = rights.load(call, rights.READ)
    rights.require_admin(call)
    return doc


def _require_admin(call: Call) -> None:
    """Raise ShockError (401) unless an administrator asks; the service answers 500 to others who are logged in."""
    if call.shock.quirks and not call.caller.anonymous and not call.caller.admin:
        raise ShockError(500, rights.UNAUTHORIZED)
    rights.require_admin(call)


async def _changed(call: Call, stale: Doc, edit: Callable[[Doc], None]) -> Doc:
    """Change a node and return it; with quirks as acl_routes does, and what others change meanwhile is lost."""
    if not call.shock.quirks:
        return await call.shock.writer.run(lambda it: nodes.change(it, stale["id"], edit))
    edit(stale)

    def save(doc: Doc) -> None:
        doc.clear()
        doc.update(stale)

    async with call.shock.held(stale["id"]):
        await asyncio.sleep(_WINDOW)
        return await call.shock.writer.run(lambda it: nodes.change(it, stale["id"], save))


def _location(call: Call, body: bytes) -> dict[str, Any]:
    """Return the location that a body describes; what is false is left out. Raises ShockError (400)."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _bad(call, 'The body has to be JSON, such as {"id": "archive", "stored": true}.') from error
    if not isinstance(given, dict):
        raise _bad(call, "The body has to be a JSON object.")
    name = given.get("id")
    if not isinstance(name, str) or not name:
        raise _bad(call, "The id of a location is a text that is not empty.")
    location: dict[str, Any] = {"id": leaves.clean(name)}
    # The service forgets `requested`, although it is documented.
    for key in ("stored",) if call.shock.quirks else ("stored", "requested"):
        if not isinstance(given.get(key, False), bool):
            raise _bad(call, f"{key} is true or false.")
        if given.get(key):
            location[key] = True
    if "requestedDate" in given:
        location["requestedDate"] = _date(call, given["requestedDate"])
    return location


def _date(call: Call, text: Any) -> str:
    """Return a date as it is kept. Raises ShockError (400)."""
    is_known = isinstance(text, str) and leaves.seconds(text) is not None
    if not is_known or (call.shock.quirks and text.endswith("Z")):
        raise _bad(call, "requestedDate is a day, 2026-11-22, or a time, 2026-11-22T09:30:00+00:00.")
    return f"{text}T00:00:00Z" if _DAY.fullmatch(text) else str(text)


def _no_location(call: Call) -> ShockError:
    message = f"Location {call.ids['loc']} not found"
    return ShockError(500 if call.shock.quirks else 404, message)


def _bad(call: Call, message: str) -> ShockError:
    """Return the error of a request that makes no sense; the service takes the blame for it."""
    return ShockError(500 if call.shock.quirks else 400, message)


ROUTES = (
    Route("GET", "/node/{id}/locations", get_all),
    Route("GET", "/node/{id}/locations/{loc}", get),
    Route("POST", "/node/{id}/locations", post),
    Route("DELETE", "/node/{id}/locations", delete_all),
    Route("DELETE", "/node/{id}/locations/{loc}", delete),
    Route("GET", "/location/{loc}/{function}", get_nodes),
    Route("GET", "/types/{type}/info", get_type),
)
