"""Checksum jobs in the store: one for each content of a file, unless the last one came to nothing (contract §6)."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, NamedTuple

from hca_local.upload import holds, records, tags

if TYPE_CHECKING:
    from collections.abc import Iterable
    from sqlite3 import Connection

    from hca_core.checksums import Checksums
    from hca_local.upload.buckets.values import Held
    from hca_local.upload.records import FileRecord

SCHEDULED, CHECKSUMMING, CHECKSUMMED = "SCHEDULED", "CHECKSUMMING", "CHECKSUMMED"
FAILED, ABORTED = "FAILED", "ABORTED"
STATUSES = (SCHEDULED, CHECKSUMMING, CHECKSUMMED, FAILED, ABORTED)
UNSCHEDULED = "UNSCHEDULED"
_OPEN = (SCHEDULED, CHECKSUMMING)
_MOST_AT_ONCE = 100
_MOST_BYTES_AT_ONCE = 64 * 1024 * 1024


class Job(NamedTuple):
    """A job that has begun."""

    number: int
    file: FileRecord


class Outcome(NamedTuple):
    """What came of a job, with the checksums if they are to be kept; SCHEDULED if it is to be tried again."""

    job: Job
    status: str
    sums: Checksums | None = None


def seen(connection: Connection, area: str, name: str, held: Held) -> None:
    """Note an object that is there, with a job for its checksums if it needs one.

    Two that tell of the same object make one job while it is SCHEDULED. One that is CHECKSUMMING gets a successor: it
    may have given its tags to the object that was there before, and times tell whole seconds only. One that FAILED is
    repeated when the bytes are written anew, or are known, so that just their tags were refused.
    """
    before = records.find(connection, area, name, held.etag)
    file = records.keep(connection, area, name, held)
    last = status(connection, file.number)
    is_new = before is None or (before.modified, before.promised) != (file.modified, file.promised)
    tagged = file.sums is not None and tags.of(file.sums).items() <= held.tags.items()
    wanted = {SCHEDULED: False, FAILED: is_new or file.sums is not None, CHECKSUMMED: not tagged}
    if wanted.get(last, True):
        _add(connection, file.number, SCHEDULED)


def computed(connection: Connection, area: str, name: str, held: Held, sums: Checksums) -> None:
    """Note an object whose checksums are known, and are its tags already."""
    file = records.keep(connection, area, name, held)
    records.set_sums(connection, file.number, sums)
    # Somebody who was told of the object may have made a job for it meanwhile.
    closed = connection.execute(
        "UPDATE upload_checksums SET status=? WHERE file=? AND status IN (?,?)", (CHECKSUMMED, file.number, *_OPEN)
    )
    if not closed.rowcount and status(connection, file.number) != CHECKSUMMED:
        _add(connection, file.number, CHECKSUMMED)


def status(connection: Connection, file: int) -> str:
    """Return the status of the latest job for the file with the number `file`, UNSCHEDULED if there is none."""
    row = connection.execute(
        "SELECT status FROM upload_checksums WHERE file=? ORDER BY number DESC LIMIT 1", (file,)
    ).fetchone()
    return row[0] if row else UNSCHEDULED


def counts(connection: Connection, area: str) -> dict[str, int]:
    """Return how many files an area has, and how many of them are in which status (contract §6)."""
    total = connection.execute("SELECT COUNT(*) FROM upload_files WHERE area=? AND is_current", (area,)).fetchone()[0]
    found = {"TOTAL_NUM_FILES": total, CHECKSUMMING: 0, CHECKSUMMED: 0, "CHECKSUMMING_UNSCHEDULED": 0}
    found |= dict(
        connection.execute(
            "SELECT c.status, COUNT(*) FROM upload_files f JOIN upload_checksums c ON c.file=f.number "
            "WHERE f.area=? AND f.is_current "
            "AND c.number=(SELECT MAX(number) FROM upload_checksums WHERE file=f.number) GROUP BY c.status",
            (area,),
        )
    )
    found["CHECKSUMMING_UNSCHEDULED"] = total - sum(found[one] for one in STATUSES if one in found)
    return found


def begin(connection: Connection) -> list[Job]:
    """Begin the jobs whose turn it is, and return them: a large file alone, or small ones together.

    Those that a former process has left come first. While jobs are held none begins, wherever it stays: one that is
    CHECKSUMMING may have been held there before.
    """
    held_at = holds.held_at(connection, holds.CHECKSUMS)
    if held_at == CHECKSUMMING:
        connection.execute("UPDATE upload_checksums SET status=? WHERE status=?", (CHECKSUMMING, SCHEDULED))
    if held_at is not None:
        return []
    rows = connection.execute(
        "SELECT c.number, f.number, f.size FROM upload_checksums c JOIN upload_files f ON f.number=c.file "
        "WHERE c.status IN (?,?) ORDER BY c.status, c.number LIMIT ?",
        (*_OPEN, _MOST_AT_ONCE),
    ).fetchall()
    begun: list[Job] = []
    room = _MOST_BYTES_AT_ONCE
    for number, file, size in rows:
        room -= size
        if begun and room < 0:
            break
        begun.append(Job(number, records.numbered(connection, file)))
    connection.executemany(
        "UPDATE upload_checksums SET status=? WHERE number=?", [(CHECKSUMMING, job.number) for job in begun]
    )
    return begun


def end(connection: Connection, outcomes: Iterable[Outcome]) -> None:
    """Note what came of jobs; those that a callback has closed meanwhile stay as it said."""
    for outcome in outcomes:
        number = outcome.job.number
        if outcome.status == SCHEDULED:
            is_changed = _postpone(connection, number)
        else:
            update = "UPDATE upload_checksums SET status=? WHERE number=? AND status=?"
            is_changed = bool(connection.execute(update, (outcome.status, number, CHECKSUMMING)).rowcount)
        if is_changed and outcome.sums is not None:
            records.set_sums(connection, outcome.job.file.number, outcome.sums)


def _postpone(connection: Connection, number: int) -> bool:
    """Let all others go before the job with this number, if it is CHECKSUMMING; False if it is not."""
    delete = "DELETE FROM upload_checksums WHERE number=? AND status=? RETURNING id, file"
    row = connection.execute(delete, (number, CHECKSUMMING)).fetchone()
    if row is not None:
        connection.execute("INSERT INTO upload_checksums (id, file, status) VALUES (?,?,?)", (*row, SCHEDULED))
    return row is not None


def are_open(connection: Connection) -> bool:
    """Tell whether there are jobs that are not over."""
    select = "SELECT EXISTS (SELECT 1 FROM upload_checksums WHERE status IN (?,?))"
    return bool(connection.execute(select, _OPEN).fetchone()[0])


def update(connection: Connection, area: str, job: str, wanted: str, sums: dict[str, str] | None) -> bool:
    """Do what a callback says about the job with the id `job`: its status and, if not None, the checksums.

    Returns False if the area has no such job.
    """
    row = connection.execute(
        "SELECT c.number, c.file FROM upload_checksums c JOIN upload_files f ON f.number=c.file "
        "WHERE c.id=? AND f.area=?",
        (job, area),
    ).fetchone()
    if row is None:
        return False
    connection.execute("UPDATE upload_checksums SET status=? WHERE number=?", (wanted, row[0]))
    if sums is not None:
        connection.execute(
            "UPDATE upload_files SET sha1=:sha1, sha256=:sha256, crc32c=:crc32c, s3_etag=:s3_etag WHERE number=:number",
            {**sums, "number": row[1]},
        )
    return True


def _add(connection: Connection, file: int, wanted: str) -> None:
    connection.execute(
        "INSERT INTO upload_checksums (id, file, status) VALUES (?,?,?)", (str(uuid.uuid4()), file, wanted)
    )
