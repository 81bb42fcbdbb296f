"""Lists of nodes by what a location has of them (contract §10)."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

from hca_local.search.searcher import connected
from hca_local.shock import finding, leaves, listing, search

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import ASGIApp

    from hca_local.shock.calls import Call
    from hca_local.shock.nodes import Doc

# Has it, lacks it, is to get it, is to give it back.
PRESENT, MISSING, INFLIGHT, RESTORE = "present", "missing", "inflight", "restore"
KINDS = (PRESENT, MISSING, INFLIGHT, RESTORE)
_NAMING = f"""SELECT number, document FROM shock_nodes WHERE number IN
  (SELECT node FROM shock_leaves WHERE path='locations.id' AND kind={leaves.TEXT} AND value=?)"""  # noqa: S608


async def listed(call: Call, location: str, kind: str) -> ASGIApp:
    """Answer with the nodes of one of KINDS, the last one first. Raises sqlite3.Error."""
    return listing.shown(call, await call.shock.run(_numbers, call.shock.store, location, kind))


def _numbers(store: Path, location: str, kind: str) -> list[int]:
    """Return the numbers of the nodes, the highest first; call it in a thread."""
    with closing(connected(store)) as connection:
        connection.execute("BEGIN")
        naming = connection.execute(_NAMING, (leaves.clean(location),))
        has = PRESENT if kind == MISSING else kind
        found = {number for number, text in naming if _is(json.loads(text), location, has)}
    if kind != MISSING:
        return sorted(found, reverse=True)
    every = finding.page(store, finding.Search((search.ADMINISTRATORS,)), finding.ALL, 0)
    return [number for number in every.numbers if number not in found]


def _is(doc: Doc, location: str, kind: str) -> bool:
    """Tell whether a node that names a location is of one of KINDS, MISSING left out."""
    stored = any(one["id"] == location and one.get("stored", False) for one in doc["locations"])
    if kind == INFLIGHT:
        return not stored
    return stored and (kind == PRESENT or bool(doc["restore"]))
