"""Removes nodes when their time is over."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING

from hca_local.shock import nodes
from hca_local.shock.calls import ShockError

if TYPE_CHECKING:
    from sqlite3 import Connection

    from hca_local.shock.shock import Shock


async def reap(shock: Shock) -> None:
    """Remove what has expired, now and again and again."""
    while True:
        await remove_expired(shock)
        await asyncio.sleep(max(shock.settings.shock_reap_seconds, 1))


async def remove_expired(shock: Shock) -> None:
    """Remove the nodes that have expired, but those that others are made of. Raises sqlite3.Error, OSError."""
    rows = shock.records.execute("SELECT id FROM shock_nodes WHERE expires <= ?", (time.time(),))
    for (id,) in rows.fetchall():
        try:
            data = await shock.writer.run(partial(_remove, id=id))
        except ShockError:
            continue  # it is needed, or somebody else was faster
        await shock.discard(id, data)


def _remove(connection: Connection, id: str) -> list[str]:
    """Remove a node, unless its time was changed in the last moment. Raises ShockError: see nodes.remove."""
    row = connection.execute("SELECT 1 FROM shock_nodes WHERE id = ? AND expires <= ?", (id, time.time())).fetchone()
    if row is None:
        raise ShockError(404, "Node not found")
    return nodes.remove(connection, id)
