"""Files in the store: what was noted of the objects in the areas (contract §12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hca_core.checksums import Checksums
from hca_local.upload import areas, tags

if TYPE_CHECKING:
    from collections.abc import Iterable
    from sqlite3 import Connection

    from hca_local.upload.buckets.values import Held

_LONGEST_KEY = 1024
_COLUMNS = "number, area, name, etag, size, modified, promised, sha1, sha256, crc32c, s3_etag"


class Note(NamedTuple):
    """An object that is said to be there."""

    number: int
    area: str
    name: str


class FileRecord(NamedTuple):
    """A file: an object of a certain content.

    `modified` is in seconds since 1970; `promised` the crc32c that its client computed, None if it did not.
    """

    number: int
    area: str
    name: str
    etag: str
    size: int
    modified: float
    promised: str | None
    sums: Checksums | None


def key_of(area: str, name: str) -> str:
    """Return the key of the object for the file `name` of an area."""
    return f"{area}/{name}"


def may_be(area: str, name: str) -> bool:
    """Tell whether an S3 server could have an object for the file `name` of an area."""
    return bool(name) and "\0" not in name and len(key_of(area, name).encode()) <= _LONGEST_KEY


def note(connection: Connection, area: str, name: str) -> bool:
    """Note that somebody says there is a file; False if its area is not there.

    Notes are never changed, so that one which comes while an earlier one is looked into is not lost with it.
    """
    if not areas.is_extant(connection, area):
        return False
    if may_be(area, name):
        connection.execute("INSERT INTO upload_notes (area, name) VALUES (?,?)", (area, name))
    return True


def notes(connection: Connection, most: int) -> list[Note]:
    """Return the oldest notes, up to `most`."""
    rows = connection.execute("SELECT number, area, name FROM upload_notes ORDER BY number LIMIT ?", (most,))
    return [Note(*row) for row in rows]


def postpone(connection: Connection, one: Note) -> None:
    """Let all others go before a note."""
    remove_notes(connection, [one])
    connection.execute("INSERT INTO upload_notes (area, name) VALUES (?,?)", (one.area, one.name))


def remove_notes(connection: Connection, done: Iterable[Note]) -> None:
    """Remove notes that have been looked into."""
    connection.executemany("DELETE FROM upload_notes WHERE number=?", [(one.number,) for one in done])


def find(connection: Connection, area: str, name: str, etag: str) -> FileRecord | None:
    """Return the record of the file of that content, None if there is none."""
    select = f"SELECT {_COLUMNS} FROM upload_files WHERE area=? AND name=? AND etag=?"  # noqa: S608 - our own names
    row = connection.execute(select, (area, name, etag)).fetchone()
    return None if row is None else _record(row)


def is_noted(connection: Connection, area: str, name: str, held: Held) -> bool:
    """Tell whether the object `held` is the current content of the file `name`, with a job for its checksums."""
    select = (
        "SELECT EXISTS (SELECT 1 FROM upload_files f JOIN upload_checksums c ON c.file=f.number "
        "WHERE f.area=? AND f.name=? AND f.etag=? AND f.modified=? AND f.is_current)"
    )
    return bool(connection.execute(select, (area, name, held.etag, held.modified.timestamp())).fetchone()[0])


def numbered(connection: Connection, number: int) -> FileRecord:
    """Return the record with this number, which is there."""
    select = f"SELECT {_COLUMNS} FROM upload_files WHERE number=?"  # noqa: S608 - our own names
    return _record(connection.execute(select, (number,)).fetchone())


def keep(connection: Connection, area: str, name: str, held: Held) -> FileRecord:
    """Make the object `held` the current content of the file `name`, and return its record.

    The checksums of bytes that were there before, and are there again, are kept.
    """
    connection.execute("UPDATE upload_files SET is_current=0 WHERE area=? AND name=?", (area, name))
    connection.execute(
        "INSERT INTO upload_files (area, name, etag, size, modified, promised, is_current) VALUES (?,?,?,?,?,?,1) "
        "ON CONFLICT (area, name, etag) "
        "DO UPDATE SET is_current=1, modified=excluded.modified, promised=excluded.promised",
        (area, name, held.etag, held.size, held.modified.timestamp(), tags.promised(held)),
    )
    found = find(connection, area, name, held.etag)
    assert found is not None  # noqa: S101 - it was just written
    return found


def set_sums(connection: Connection, number: int, sums: Checksums) -> None:
    """Note the checksums of the file `number`."""
    connection.execute(
        "UPDATE upload_files SET sha1=?, sha256=?, crc32c=?, s3_etag=? WHERE number=?",
        (sums.sha1, sums.sha256, sums.crc32c, sums.s3_etag, number),
    )


def _record(row: tuple[Any, ...]) -> FileRecord:
    number, area, name, etag, size, modified, promised, *sums = row
    known = None if sums[0] is None else Checksums(size, *sums)
    return FileRecord(number, area, name, etag, size, modified, promised, known)
