"""The routes of nodes, and the page that tells what the service is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hca_local.shock import accounts, creating, downloading, listing, nodes, rights, times, updating
from hca_local.shock.calls import Route, answer, document

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from hca_local.shock.calls import Call

# The commit of the server whose routes these are.
_VERSION = "ae28f64"
_DOWNLOADS = ("download", "download_raw", "download_url", "download_post", "download_idx")


async def describe(call: Call) -> ASGIApp:
    """Tell what the service is; this answer has no envelope."""
    shock = call.shock
    content = {
        "attribute_indexes": [""],
        "anonymous_permissions": {right: right in shock.anonymous for right in ("read", "write", "delete")},
        "auth": [*accounts.BEARERS],
        "contact": "",
        "documentation": f"{call.base}/documentation.html",
        "id": "Shock",
        "resources": ["node"],
        "server_time": times.now(),
        "type": "Shock",
        "url": f"{call.base}/",
        "uptime": _duration(time.monotonic() - shock.started),
        "version": _VERSION,
    }
    if not shock.quirks:
        content["implementation"] = "hca local"
    return document(content)


async def show(call: Call) -> ASGIApp:
    """Return a node, or its bytes if the query asks for them. Raises ShockError."""
    doc = rights.load(call, rights.READ)
    if any(call.has(key) for key in _DOWNLOADS):
        return await downloading.get(call, doc)
    return answer(nodes.shown(doc))


async def delete(call: Call) -> ASGIApp:
    """Delete a node. Raises ShockError, OSError."""
    id = rights.load(call, rights.DELETE)["id"]
    async with call.shock.held(id):
        data = await call.shock.writer.run(lambda connection: nodes.remove(connection, id))
    await call.shock.discard(id, data)
    return answer(None)


def _duration(seconds: float) -> str:
    """Return a time as Go writes it."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if hours or minutes else "", f"{rest:.9g}s"]
    return "".join(parts)


ROUTES = (
    Route("GET", "/", describe, open=True),
    Route("HEAD", "/", describe, open=True),
    Route("POST", "/node", creating.create),
    Route("GET", "/node", listing.get),
    Route("GET", "/node/{id}", show),
    Route("PUT", "/node/{id}", updating.update),
    Route("DELETE", "/node/{id}", delete),
)
