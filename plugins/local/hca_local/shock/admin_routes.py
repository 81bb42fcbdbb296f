"""What tells of the service itself: its locks, and tracing, which is only answered (contract §2)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hca_local.shock import rights
from hca_local.shock.calls import Route, answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.responses import Response

    from hca_local.shock.calls import Call
    from hca_local.shock.nodes import Doc

_METHODS = ("GET", "POST", "PUT", "DELETE")


async def nodes_locked(_call: Call) -> Response:
    """List the nodes that are locked for a change: none, for changes are transactions here."""
    return answer([])


async def files_locked(call: Call) -> Response:
    """Show the locks of files, by the ids of nodes."""
    return answer({doc["id"]: doc["file"]["locked"] for doc in _busy(call) if doc["file"]["locked"]})


async def indexes_locked(call: Call) -> Response:
    """Show the locks of indexes, by the ids of nodes and the names of indexes."""
    found: dict[str, dict[str, Any]] = {}
    for doc in _busy(call):
        locked = {name: index["locked"] for name, index in doc["indexes"].items() if index["locked"]}
        if locked:
            found[doc["id"]] = locked
    return answer(found)


async def trace(call: Call) -> Response:
    """Do nothing: there is no trace to be started or stopped here. Raises ShockError (401)."""
    rights.require_admin(call)
    return answer(None)


def _busy(call: Call) -> Iterator[Doc]:
    """Yield the nodes that have a lock."""
    for row in call.shock.records.execute("SELECT document FROM shock_nodes WHERE is_busy = 1 ORDER BY number"):
        yield json.loads(row[0])


ROUTES = tuple(
    Route(method, pattern, handler, open=is_open)
    for method in _METHODS
    for pattern, handler, is_open in (
        ("/locker", nodes_locked, True),
        ("/locked/node", nodes_locked, True),
        ("/locked/file", files_locked, True),
        ("/locked/index", indexes_locked, True),
        ("/trace/start", trace, False),
        ("/trace/stop", trace, False),
    )
)
