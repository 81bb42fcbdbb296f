"""/preauth/{id}: what a pre-authorized URL opens (contract §6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_local.shock import archives, downloading, nodes, permits
from hca_local.shock.calls import Route, ShockError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from hca_local.shock.calls import Call


async def get(call: Call) -> ASGIApp:
    """Send what a URL opens, and close it for good. Raises ShockError."""
    permit = await permits.taken(call)
    if permit.archive:
        return await archives.send(call.shock, permit)
    doc = nodes.get(call.shock.records, permit.nodes[0])
    if doc is None:
        raise ShockError(500 if call.shock.quirks else 404, "Node not found")
    manner = downloading.Manner(permit.name, permit.filter, permit.compression)
    return await downloading.send(call.shock, doc, manner)


async def other(call: Call) -> ASGIApp:
    """Refuse what is not GET; the real server takes any method for that. Raises ShockError."""
    if call.shock.quirks:
        return await get(call)
    raise ShockError(400, "A pre-authorized URL is for GET only; it was not used up.")


ROUTES = (
    Route("GET", "/preauth/{id}", get, open=True),
    *(Route(method, "/preauth/{id}", other, open=True) for method in ("HEAD", "POST", "PUT", "DELETE")),
)
