"""Copies source objects into the store: small ones before the answer, large ones behind it (contract §5)."""

from __future__ import annotations

import asyncio
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from hca_local import landing
from hca_local.jobs import Jobs
from hca_local.server.problems import ProblemError
from hca_local.staging import values
from hca_local.store import blobs, reading
from hca_local.store.records import FileRecord, blob_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from sqlite3 import Connection

    from hca_local.landing import Ground
    from hca_local.server.log import ServiceLog
    from hca_local.staging.values import Address, Source, Sources
    from hca_local.store.writer import Writer

# Not the threads of the event loop: the embedded S3 server needs those to answer what these wait for.
_THREADS = 8
_WRONG = "The bytes of the object don't have the checksums that its metadata promise"


class Copy(NamedTuple):
    """A copy behind an answer, as the store keeps it; `sums` is the object key that the checksums promise."""

    task: str
    replica: str
    key: str
    creator_uid: int
    source_url: str
    sums: str


class Copier:
    """Copies source objects; those behind answers go on after a restart.

    `changed` is called when something was written that others may wait for.
    """

    def __init__(
        self,
        writer: Writer,
        ground: Ground,
        source: Sources,
        seconds: int,
        log: ServiceLog,
        changed: Callable[[], None],
    ) -> None:
        self._writer = writer
        self._ground = ground
        self._source = source
        self._seconds = seconds
        self._log = log
        self._changed = changed
        self._threads = ThreadPoolExecutor(_THREADS, "copy")
        self._jobs = Jobs()

    async def described(self, where: Address) -> Source:
        """Return what is known of a source object. Raises ProblemError."""
        found: Source = await self.in_thread(self._source.described, where)
        return found

    async def copy(self, source: Source) -> None:
        """Bring the bytes of `source` into the store, unless they are there. Raises ProblemError."""
        await self.in_thread(self._copy, source)

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a blocking `function` that talks to the S3 server and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    async def start(self, replica: str, record: FileRecord, source_url: str) -> str:
        """Begin to copy behind the answer what `record` will name, and return the id of that task.

        A copy of the same bytes for the same version that runs already is not begun twice.
        """
        wanted = Copy(
            str(uuid.uuid4()), replica, f"{record.uuid}.{record.version}", record.creator_uid, source_url,
            blob_key(record),
        )  # fmt: skip
        begun = await self._writer.run(lambda connection: _begin(connection, wanted))
        if begun.task == wanted.task:
            self._jobs.begin(self._behind(begun))
        return begun.task

    async def resume(self) -> None:
        """Go on with the copies that a former process has left."""
        rows = await self._writer.run(
            lambda connection: connection.execute(
                "SELECT task, replica, key, creator_uid, source_url, sums FROM copies WHERE failure IS NULL"
            ).fetchall()
        )
        for row in rows:
            self._jobs.begin(self._behind(Copy(*row)))

    async def stop(self) -> None:
        """Leave the copies that run for the next start."""
        await self._jobs.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _behind(self, copy: Copy) -> None:
        await asyncio.sleep(self._seconds)
        try:
            source = await self.described(values.address(copy.source_url))
            if blobs.key_of(source.sums) != copy.sums:
                raise ProblemError(422, "source_changed", "The object was replaced while it was copied.")
            await self.copy(source)
            record = file_record(copy.key, copy.creator_uid, source)
            await self._writer.run(lambda connection: _finish(connection, self._ground, copy, record))
        except ProblemError as problem:
            title = problem.title
            self._log.line(f"COPY {copy.task} failed: {title}")
            await self._writer.run(lambda connection: _fail(connection, copy, title))
        except Exception as error:  # noqa: BLE001 - a client polls for the outcome, so there has to be one
            told = f"{type(error).__name__}: {error}"
            self._log.line(f"COPY {copy.task} failed: {told}")
            await self._writer.run(lambda connection: _fail(connection, copy, told))
        self._changed()

    def _copy(self, source: Source) -> None:
        key = blobs.key_of(source.sums)
        if blobs.has(self._ground.blobs, key, source.sums.size):
            return
        try:
            sums = self._source.read(
                source, lambda body: blobs.add_stream(self._ground.blobs, body, source.sums.size, key)
            )
        except OSError as error:
            raise ProblemError(503, "service_unavailable", f"The object can't be copied: {error}") from error
        if sums != source.sums:
            wrong = [
                name
                for name in ("sha1", "sha256", "crc32c", "s3_etag")
                if getattr(sums, name) != getattr(source.sums, name)
            ]
            told = ", ".join(f"hca-dss-{name} should be {getattr(sums, name)}" for name in wrong)
            raise ProblemError(422, "invalid_checksum", f"{_WRONG}: {told}")
        blobs.sync(self._ground.blobs, [key])


def file_record(key: str, creator_uid: int, source: Source) -> FileRecord:
    """Return the record of the file version `key` whose bytes are those of `source`."""
    sums = source.sums
    return FileRecord(
        *reading.split_key(key), creator_uid, source.content_type, sums.size,
        sums.crc32c, sums.s3_etag, sums.sha1, sums.sha256,
    )  # fmt: skip


def failure(connection: Connection, replica: str, key: str) -> str | None:
    """Return why the copy for the file version `key` failed; None if it did not, or if there was none."""
    row = connection.execute(
        "SELECT failure FROM copies WHERE replica=? AND key=? AND failure IS NOT NULL", (replica, key)
    ).fetchone()
    return row[0] if row else None


def are_pending(connection: Connection) -> bool:
    """Tell whether files may still appear without anybody's doing: copies run, or the other replica lags behind."""
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM copies WHERE failure IS NULL) OR EXISTS (SELECT 1 FROM replications)"
    ).fetchone()
    return bool(row[0])


def _begin(connection: Connection, wanted: Copy) -> Copy:
    row = connection.execute(
        "SELECT task, replica, key, creator_uid, source_url, sums FROM copies "
        "WHERE replica=? AND key=? AND sums=? AND creator_uid=? AND failure IS NULL",
        (wanted.replica, wanted.key, wanted.sums, wanted.creator_uid),
    ).fetchone()
    if row:
        return Copy(*row)
    connection.execute(
        "DELETE FROM copies WHERE replica=? AND key=? AND failure IS NOT NULL", (wanted.replica, wanted.key)
    )
    connection.execute("INSERT INTO copies VALUES (?,?,?,?,?,?,NULL)", wanted)
    return wanted


def _finish(connection: Connection, ground: Ground, copy: Copy, record: FileRecord) -> None:
    """Add the file of a finished copy, unless somebody was faster: that is not told to anybody (contract §5)."""
    if reading.file(connection, copy.replica, record.uuid, record.version) is None:
        landing.file(connection, ground, copy.replica, record)
    connection.execute("DELETE FROM copies WHERE task=?", (copy.task,))


def _fail(connection: Connection, copy: Copy, why: str) -> None:
    connection.execute("UPDATE copies SET failure=? WHERE task=?", (why, copy.task))
