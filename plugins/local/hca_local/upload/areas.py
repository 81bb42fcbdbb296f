"""Areas in the store: which there are, and what may be done with them (contract §3, §10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sqlite3 import Connection

UNLOCKED, LOCKED = "UNLOCKED", "LOCKED"
DELETION_QUEUED, DELETING, DELETED = "DELETION_QUEUED", "DELETING", "DELETED"
# The objects of such an area go away.
GOING = (DELETION_QUEUED, DELETING)
_CHILDREN = (
    "DELETE FROM upload_notes WHERE area=?",
    "DELETE FROM upload_checksums WHERE file IN (SELECT number FROM upload_files WHERE area=?)",
    "DELETE FROM upload_validations WHERE file IN (SELECT number FROM upload_files WHERE area=?)",
    "DELETE FROM upload_files WHERE area=?",
)


class Area(NamedTuple):
    """An area, with the number of its files that are known and their bytes together."""

    uuid: str
    status: str
    files: int
    bytes: int


def status(connection: Connection, uuid: str) -> str | None:
    """Return the status of the area `uuid`, None if there never was one."""
    row = connection.execute("SELECT status FROM upload_areas WHERE uuid=?", (uuid,)).fetchone()
    return row[0] if row else None


def is_extant(connection: Connection, uuid: str) -> bool:
    """Tell whether there is an area `uuid` that was not deleted to its end."""
    return status(connection, uuid) not in (None, DELETED)


def add(connection: Connection, uuid: str) -> None:
    """Make the area `uuid`; one that is there, or was there, stays as it is."""
    connection.execute("INSERT OR IGNORE INTO upload_areas VALUES (?,?)", (uuid, UNLOCKED))


def set_status(connection: Connection, uuid: str, wanted: str) -> None:
    """Give the area `uuid` the status `wanted`."""
    connection.execute("UPDATE upload_areas SET status=? WHERE uuid=?", (wanted, uuid))


def queue_deletion(connection: Connection, uuid: str) -> bool:
    """Have the area `uuid` deleted; False if there is none. One that is being deleted already goes on."""
    if not is_extant(connection, uuid):
        return False
    connection.execute("UPDATE upload_areas SET status=? WHERE uuid=? AND status<>?", (DELETION_QUEUED, uuid, DELETING))
    return True


def next_going(connection: Connection) -> str | None:
    """Return the uuid of an area that is to be deleted, None if there is none."""
    row = connection.execute(
        "SELECT uuid FROM upload_areas WHERE status IN (?,?) ORDER BY status DESC, uuid LIMIT 1", GOING
    ).fetchone()
    return row[0] if row else None


def in_use(connection: Connection) -> list[str]:
    """Return the uuids of the areas that are neither deleted nor to be deleted."""
    rows = connection.execute("SELECT uuid FROM upload_areas WHERE status IN (?,?)", (UNLOCKED, LOCKED))
    return [uuid for (uuid,) in rows]


def end(connection: Connection, uuid: str) -> None:
    """Note that the area `uuid` is empty and DELETED; nothing else is known of it any more."""
    for statement in _CHILDREN:
        connection.execute(statement, (uuid,))
    set_status(connection, uuid, DELETED)


def listed(connection: Connection) -> list[Area]:
    """Return all areas, by uuid."""
    rows = connection.execute(
        "SELECT uuid, status, COUNT(name), CAST(TOTAL(size) AS INTEGER) FROM upload_areas "
        "LEFT JOIN upload_files ON area=uuid AND is_current GROUP BY uuid ORDER BY uuid"
    )
    return [Area(*row) for row in rows]
