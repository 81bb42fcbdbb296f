"""Computes the checksums of files and makes them tags of the objects (contract §12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_core.checksums import BLOCK, Checksums, Summer
from hca_local.upload import areas, checksums, holds, records, tags
from hca_local.upload.buckets.values import Held, RefusedError, ReplacedError, UnusableError
from hca_local.upload.checksums import ABORTED, CHECKSUMMED, FAILED, SCHEDULED, Job, Outcome
from hca_local.upload.worker import AT_ONCE, REST_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from sqlite3 import Connection

    from hca_local.store.blobs import Readable
    from hca_local.store.writer import Writer
    from hca_local.upload.buckets.values import Buckets
    from hca_local.upload.records import Note

_MOST_NOTES = 100
# When S3 can't be used for so many objects one after another, it is not they who are to blame.
_MOST_IN_A_ROW = 3


class _StoppedError(Exception):
    """The deployment is being stopped; the job goes on at the next start."""


class Noticing:
    """Looks at the objects that are said to be there, and makes jobs for their checksums.

    `noticed` is called when there are new jobs.
    """

    def __init__(
        self, buckets: Buckets, writer: Writer, tell: Callable[[str], None], noticed: Callable[[], None]
    ) -> None:
        self._buckets = buckets
        self._writer = writer
        self._tell = tell
        self._noticed = noticed

    def step(self, connection: Connection, is_over: Callable[[], bool]) -> float | None:
        """Look at some objects: see worker.Step. Raises sqlite3.Error."""
        waiting = records.notes(connection, _MOST_NOTES)
        if not waiting:
            return None
        done: dict[Note, Held | None] = {}
        late: list[Note] = []
        in_a_row = 0
        for one in waiting:
            if is_over() or in_a_row == _MOST_IN_A_ROW:
                break
            try:
                done[one] = self._found(one)
                in_a_row = 0
            except UnusableError as error:
                self._tell(f"ERROR {one.area}/{one.name!r} can't be looked at yet: {error}")
                late.append(one)
                in_a_row += 1

        def note(connection: Connection) -> None:
            for one, held in done.items():
                if held is not None and areas.is_extant(connection, one.area):
                    checksums.seen(connection, one.area, one.name, held)
            records.remove_notes(connection, done)
            for one in late:
                records.postpone(connection, one)

        self._writer.submit(note).result()
        self._noticed()
        return AT_ONCE if done else REST_SECONDS

    def _found(self, one: Note) -> Held | None:
        """Return the object that a note is about, None if it is not there. Raises UnusableError."""
        try:
            return self._buckets.find(records.key_of(one.area, one.name))
        except Exception as error:
            if isinstance(error, UnusableError) and not isinstance(error, RefusedError):
                raise
            # Whatever else it is, the other files must not wait for this one.
            self._tell(f"ERROR {one.area}/{one.name!r} can't be looked at: {error!r}")
            return None


class Summing:
    """Does checksum jobs."""

    def __init__(self, buckets: Buckets, writer: Writer, tell: Callable[[str], None]) -> None:
        self._buckets = buckets
        self._writer = writer
        self._tell = tell

    def step(self, connection: Connection, is_over: Callable[[], bool]) -> float | None:
        """Do some jobs: see worker.Step. Raises sqlite3.Error."""
        if not checksums.are_open(connection):
            return None
        begun = self._writer.submit(checksums.begin).result()
        if not begun:
            return holds.LOOK_SECONDS
        outcomes: list[Outcome] = []
        in_a_row = 0
        for job in begun:
            try:
                outcomes.append(self._outcome(job, is_over))
            except _StoppedError:
                break
            in_a_row = in_a_row + 1 if outcomes[-1].status == SCHEDULED else 0
            if in_a_row == _MOST_IN_A_ROW:
                break
        self._writer.submit(lambda connection: checksums.end(connection, outcomes)).result()
        return AT_ONCE if any(one.status != SCHEDULED for one in outcomes) else REST_SECONDS

    def _outcome(self, job: Job, is_over: Callable[[], bool]) -> Outcome:
        """Do a job. Raises _StoppedError."""
        key = records.key_of(job.file.area, job.file.name)
        sums = job.file.sums
        try:
            held = self._buckets.find(key)
            if held is None or held.etag != job.file.etag:
                return Outcome(job, ABORTED)
            sums = sums or self._buckets.read(held, lambda body: _sums(body, held.size, is_over))
            if sums.size != held.size:
                return Outcome(job, ABORTED)
            if not self._is_as_promised(held, sums):
                return Outcome(job, FAILED)
            self._buckets.tag(held, tags.of(sums))
        except ReplacedError:
            return Outcome(job, ABORTED)
        except _StoppedError:
            raise
        except RefusedError as error:
            self._tell(f"CHECKSUM {key!r} failed: {error}")
            return Outcome(job, FAILED, sums)
        except UnusableError as error:
            self._tell(f"ERROR no checksums of {key!r} yet: {error}")
            return Outcome(job, SCHEDULED, sums)
        except Exception as error:  # noqa: BLE001 - a client polls for the outcome, so there has to be one
            self._tell(f"CHECKSUM {key!r} failed: {error!r}")
            return Outcome(job, FAILED)
        return Outcome(job, CHECKSUMMED, sums)

    def _is_as_promised(self, held: Held, sums: Checksums) -> bool:
        """Tell whether the bytes are those that the client has read, as far as it told."""
        promised = tags.promised(held)
        if promised is None:
            self._tell(f"CHECKSUM {held.key!r} has no crc32c of its client to compare with")
        elif promised != sums.crc32c:
            told = f"its client computed the crc32c {promised!r}, it is {sums.crc32c}"
            self._tell(f"CHECKSUM {held.key!r} failed: {told}")
        return promised in (None, sums.crc32c)


def _sums(body: Readable, size: int, is_over: Callable[[], bool]) -> Checksums:
    """Return the checksums of `body`. Raises _StoppedError, OSError."""
    summer = Summer(size)
    while block := body.read(BLOCK):
        if is_over():
            raise _StoppedError
        summer.update(block)
    return summer.result()
