"""Collections: lists of files, bundles, collections and parts of JSON files, private to who made them (contract §9)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from hca_core import versions
from hca_local import landing
from hca_local.dss import links, paging
from hca_local.server.problems import ProblemError, illegal_arguments
from hca_local.store import reading

if TYPE_CHECKING:
    from sqlite3 import Connection

    from hca_local.dss.calls import Call

_UUID = re.compile(r"[a-z0-9]{8}(-[a-z0-9]{4}){3}-[a-z0-9]{12}", re.ASCII | re.IGNORECASE)
_FIELDS = ("name", "description", "details")
_LATEST = "SELECT key, owner, document FROM collections WHERE replica=? AND key>? AND key<? ORDER BY key DESC LIMIT 1"
_ONE = "SELECT key, owner, document FROM collections WHERE replica=? AND key=?"
_BURIED = "SELECT 1 FROM collection_tombstones WHERE replica=? AND uuid=?"
_OWNED = "SELECT key FROM owned_collections WHERE owner=? ORDER BY key LIMIT ? OFFSET ?"


async def get_all(call: Call) -> Response:
    """Answer with a page of the versions that the caller has put."""
    start, count = max(call.parameters["start_at"] or 0, 0), call.parameters["per_page"]
    rows = call.deployment.records.execute(_OWNED, (call.email, count + 1, start)).fetchall()
    items = [dict(zip(("uuid", "version"), reading.split_key(row[0]), strict=True)) for row in rows[:count]]
    following = call.url(start_at=start + count) if len(rows) > count else None
    return paging.response(json.dumps({"collections": items}), "collections", following)


async def put(call: Call) -> Response:
    """Make a version of a collection; one of the same version is replaced."""
    wanted, body, replica, owner = call.parameters, call.body, call.replica, call.email
    if not _UUID.fullmatch(wanted["uuid"]):  # it stands in the query here, where the description has no pattern for it
        raise illegal_arguments(f"{wanted['uuid']!r} is not a UUID")
    key = f"{wanted['uuid'].lower()}.{wanted['version']}"
    contents = links.without_duplicates(body["contents"])
    links.check(call.deployment, replica, contents)
    document = {name: body[name] for name in _FIELDS} | {"contents": contents, "owner": owner}
    ground = call.deployment.ground

    def change(connection: Connection) -> None:
        _check_owner(connection, replica, reading.split_key(key)[0], owner)
        landing.collection(connection, ground, replica, key, owner, json.dumps(document))
        connection.execute("INSERT OR IGNORE INTO owned_collections VALUES (?,?)", (owner, key))

    await call.deployment.writer.run(change)
    call.deployment.changed()
    return JSONResponse(_identity(key), 201)


async def get(call: Call) -> Response:
    """Answer with the document of a collection."""
    _, document = _owned(call.deployment.records, call, call.parameters["version"])
    return JSONResponse(document)


async def patch(call: Call) -> Response:
    """Make a new version of a collection with items added and removed and fields replaced."""
    body, replica, owner = call.body, call.replica, call.email
    adding, removing = body.get("add_contents", []), body.get("remove_contents", [])
    _owned(call.deployment.records, call, None)
    _, document = _owned(call.deployment.records, call, call.parameters["version"])
    document |= {name: body[name] for name in _FIELDS if name in body}
    links.check(call.deployment, replica, adding)
    kept = [item for item in document["contents"] if item not in removing]
    document["contents"] = links.without_duplicates([*kept, *adding])
    key = f"{call.parameters['uuid'].lower()}.{versions.now()}"
    ground = call.deployment.ground
    await call.deployment.writer.run(
        lambda connection: landing.collection(connection, ground, replica, key, owner, json.dumps(document))
    )
    call.deployment.changed()
    return JSONResponse(_identity(key))


async def delete(call: Call) -> Response:
    """Delete all versions of a collection."""
    owner, replica, ground = call.email, call.replica, call.deployment.ground
    identifier = call.parameters["uuid"].lower()
    _owned(call.deployment.records, call, None)

    def change(connection: Connection) -> None:
        landing.collection_tombstone(connection, ground, replica, identifier)
        span = (owner, f"{identifier}.", f"{identifier}/")
        connection.execute("DELETE FROM owned_collections WHERE owner=? AND key>? AND key<?", span)

    await call.deployment.writer.run(change)
    call.deployment.changed()
    return JSONResponse({})


def _owned(connection: Connection, call: Call, version: str | None) -> tuple[str, dict[str, Any]]:
    """Return key and document of a version, or the latest, of the caller's collection. Raises ProblemError."""
    identifier = call.parameters["uuid"].lower()
    row = _found(connection, call.replica, identifier, version)
    if row is None:
        raise ProblemError(404, "not_found", f"Could not find collection for UUID {identifier}")
    if row[1] != call.email:
        raise ProblemError(403, "forbidden", "Collection access denied")
    return row[0], json.loads(row[2])


def _found(connection: Connection, replica: str, identifier: str, version: str | None) -> tuple[str, str, str] | None:
    """Return key, owner and document of a collection that is not deleted, the latest for no `version`."""
    if connection.execute(_BURIED, (replica, identifier)).fetchone():
        return None
    if version is None:
        found = connection.execute(_LATEST, (replica, f"{identifier}.", f"{identifier}/")).fetchone()
    else:
        found = connection.execute(_ONE, (replica, f"{identifier}.{version}")).fetchone()
    row: tuple[str, str, str] | None = found
    return row


def _check_owner(connection: Connection, replica: str, identifier: str, owner: str) -> None:
    """Raise ProblemError (403) if the collection is there and somebody else's."""
    row = _found(connection, replica, identifier, None)
    if row is not None and row[1] != owner:
        raise ProblemError(403, "forbidden", "Collection access denied")


def _identity(key: str) -> dict[str, str]:
    return dict(zip(("uuid", "version"), reading.split_key(key), strict=True))
