"""URLs that open one download to whoever has them, once (contract §6)."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hca_local.shock.calls import ShockError

if TYPE_CHECKING:
    from sqlite3 import Connection

    from hca_local.shock.calls import Call

LIFETIME = 24 * 3600
# What the real server tells, and never looks at again.
_TOLD_LIFETIME = 30 * 24 * 3600
_BYTES = 32


@dataclass(frozen=True)
class Permit:
    """What a URL opens: one file, or an archive of several if it has an `archive` format."""

    nodes: tuple[str, ...]
    name: str
    filter: str | None = None
    compression: str | None = None
    archive: str | None = None


async def make(call: Call, permit: Permit) -> dict[str, Any]:
    """Return a new URL for what `permit` says, and until when it is good."""
    quirks = call.shock.quirks
    secret = secrets.token_urlsafe(_BYTES)
    now = time.time()
    expires = now + (_TOLD_LIFETIME if quirks else LIFETIME)
    row = (_hash(secret), expires, json.dumps(asdict(permit)))

    def insert(connection: Connection) -> None:
        connection.execute("DELETE FROM shock_preauth WHERE expires < ?", (now,))
        connection.execute("INSERT INTO shock_preauth VALUES (?, ?, ?)", row)

    await call.shock.writer.run(insert)
    base = "http://localhost" if quirks else call.base
    # The time of the real server too is written as C does.
    return {"url": f"{base}/preauth/{secret}", "validtill": time.asctime(time.gmtime(expires))}


async def taken(call: Call) -> Permit:
    """Return what the URL of a request opens, and remove it; of two requests at once one gets it.

    Raises ShockError (404, 500).
    """
    wanted = _hash(call.ids["id"])

    def take(connection: Connection) -> tuple[float, str] | None:
        found: list[tuple[float, str]] = connection.execute(
            "DELETE FROM shock_preauth WHERE hash = ? RETURNING expires, what", (wanted,)
        ).fetchall()
        return found[0] if found else None

    row = await call.shock.writer.run(take)
    if row is None and call.shock.quirks:
        raise ShockError(500, "err:@preAuth load: not found")
    if row is None or (row[0] < time.time() and not call.shock.quirks):
        raise ShockError(404, "This pre-authorized URL was used already, is older than 24 hours, or never was one.")
    what = json.loads(row[1])
    return Permit(**{**what, "nodes": tuple(what["nodes"])})


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
