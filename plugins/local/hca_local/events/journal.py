"""Writes the event journal, and puts the documents of its events together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_core import versions
from hca_local.documents import Documents
from hca_local.store import reading

if TYPE_CHECKING:
    from pathlib import Path
    from sqlite3 import Connection


EVENTS_PER_JOURNAL = 100

_LAST = "SELECT journal, place, timestamp FROM events WHERE replica=? ORDER BY journal DESC, place DESC LIMIT 1"


def record(connection: Connection, replica: str, key: str, size: int) -> None:
    """Append the creation of the bundle version `key` (`<uuid>.<version>`) to the last journal of `replica`.

    `size` is how many bytes its event document has. Call it in the transaction that creates the bundle.
    Raises sqlite3.IntegrityError if it is recorded already.
    """
    last = connection.execute(_LAST, (replica,)).fetchone()
    journal, place, timestamp = last or (0, -1, "")
    place += 1
    if place == EVENTS_PER_JOURNAL:
        journal, place = journal + 1, 0
    # A clock that was set back must not put events out of order: readers go by their time.
    moment = max(versions.now(), timestamp)
    connection.execute("INSERT INTO events VALUES (?,?,?,?,?,?)", (replica, journal, place, key, moment, size))


def forget(connection: Connection, replica: str, key: str) -> None:
    """Remove the event of the bundle version `key` (`<uuid>.<version>`), which is deleted; none is fine."""
    connection.execute("DELETE FROM events WHERE replica=? AND key=?", (replica, key))


def document(connection: Connection, blobs: Path, replica: str, key: str) -> bytes:
    """Return the event document of the bundle version `key` as it stands in its journal.

    A reader that began before the bundle was deleted still gets it. Raises LookupError, OSError.
    """
    bundle = reading.any_bundle(connection, replica, key)
    if bundle is None:
        raise LookupError(f"there never was a bundle {key} in {replica}")
    return Documents(connection, blobs, bundle).encoded_event
