"""Switches that keep jobs from going on, so that one can see what a file looks like meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite3 import Connection

CHECKSUMS, VALIDATIONS = "checksums", "validations"
# Where the jobs of each kind can be held; the first is the usual one.
STATUSES = {CHECKSUMS: ("SCHEDULED", "CHECKSUMMING"), VALIDATIONS: ("SCHEDULED", "VALIDATING")}
# `hca local area` writes to the store without a word to the process that serves it.
LOOK_SECONDS = 0.5


def hold(connection: Connection, kind: str, status: str) -> None:
    """Keep the jobs of `kind` from going on from `status`."""
    connection.execute("INSERT OR REPLACE INTO upload_holds VALUES (?,?)", (kind, status))


def release(connection: Connection, kind: str) -> None:
    """Let the jobs of `kind` go on."""
    connection.execute("DELETE FROM upload_holds WHERE kind=?", (kind,))


def held_at(connection: Connection, kind: str) -> str | None:
    """Return the status where the jobs of `kind` stay, None if they go on."""
    row = connection.execute("SELECT status FROM upload_holds WHERE kind=?", (kind,)).fetchone()
    return row[0] if row else None
