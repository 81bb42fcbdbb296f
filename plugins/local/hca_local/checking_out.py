"""Checkout jobs: the files of a bundle appear under their names in the checkout bucket, or in a bucket of the user.

The checkout bucket has no copies of its own: its objects are names for the blobs of the store.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, NamedTuple

from hca_local.jobs import Jobs
from hca_local.objects import signing
from hca_local.server.problems import ProblemError
from hca_local.store import blobs, database, reading, writing
from hca_local.store.records import blob_key

if TYPE_CHECKING:
    from pathlib import Path
    from sqlite3 import Connection

    from hca_local.copying import Copier
    from hca_local.server.log import ServiceLog
    from hca_local.staging.values import Sources
    from hca_local.store.writer import Writer

_JOB = "SELECT id, replica, bundle, destination, email, status, told FROM checkout_jobs WHERE "


class Job(NamedTuple):
    """A checkout: `told` is where the files are when it has SUCCEEDED, or why it has FAILED."""

    id: str
    replica: str
    bundle: str
    destination: str | None
    email: str | None
    status: str
    told: str


class CheckoutJobs:
    """Runs the checkouts of a deployment; those that a former process has left go on.

    Parameters: `seconds` is how long a job is RUNNING at least.
    """

    def __init__(
        self, store: Path, root: Path, writer: Writer, copier: Copier, source: Sources, seconds: int, log: ServiceLog
    ) -> None:
        self._store = store
        self._blobs = root
        self._writer = writer
        self._copier = copier
        self._source = source
        self._seconds = seconds
        self._log = log
        self._jobs = Jobs()

    async def start(self, replica: str, bundle: str, destination: str | None, email: str | None) -> str:
        """Begin the checkout of the version `bundle` and return the id of its job."""
        job = Job(str(uuid.uuid4()), replica, bundle, destination, email, "RUNNING", "")
        await self._writer.run(lambda connection: save(connection, job))
        self._jobs.begin(self._work(job))
        return job.id

    async def resume(self) -> None:
        """Go on with the jobs that a former process has left."""
        rows = await self._writer.run(lambda connection: connection.execute(f"{_JOB} status='RUNNING'").fetchall())
        for row in rows:
            self._jobs.begin(self._work(Job(*row)))

    async def stop(self) -> None:
        """Leave the jobs that run for the next start."""
        await self._jobs.stop()

    async def _work(self, job: Job) -> None:
        if job.email:
            self._log.line(f"MAIL to {job.email}: the checkout {job.id} has begun (mail is not sent from here)")
        await asyncio.sleep(self._seconds)
        try:
            await self._copier.in_thread(self._copy, job)
            done = await self._writer.run(lambda connection: succeed(connection, job))
        except Exception as error:  # noqa: BLE001 - a client polls for the outcome, so there has to be one
            failed = job._replace(status="FAILED", told=f"{error} (FAILED)")
            await self._writer.run(lambda connection: save(connection, failed))
            done = failed
        self._log.line(f"CHECKOUT {done.id} {done.status} {done.told}")
        if job.email:
            self._log.line(f"MAIL to {job.email}: the checkout {job.id} has {done.status} (mail is not sent from here)")

    def _copy(self, job: Job) -> None:
        """Copy the files of a job to the bucket of the user, if it names one. Raises ProblemError, OSError."""
        connection = database.connect(self._store)
        try:
            bundle = reading.bundle(connection, job.replica, *reading.split_key(job.bundle))
            if bundle is None:
                raise ProblemError(404, "not_found", "the bundle has been deleted")
            if job.destination is None:
                return
            self._source.check_bucket(job.destination)
            for file in reading.bundle_files(connection, bundle.number, 0, bundle.file_count):
                path = blobs.path_of(self._blobs, blob_key(file))
                self._source.put(job.destination, f"{_folder(job)}/{file.name}", path, file)
        finally:
            connection.close()


def state(connection: Connection, replica: str, job: str) -> Job | None:
    """Return the checkout `job` of `replica`, or None."""
    row = connection.execute(f"{_JOB} id=? AND replica=?", (job, replica)).fetchone()
    return Job(*row) if row else None


def save(connection: Connection, job: Job) -> None:
    """Put `job` into the store, over what it was before."""
    connection.execute("INSERT OR REPLACE INTO checkout_jobs VALUES (?,?,?,?,?,?,?)", job)


def succeed(connection: Connection, job: Job) -> Job:
    """Put `job` into the store as one that has succeeded, and return it so."""
    bucket = job.destination or signing.CHECKOUT_BUCKET
    done = job._replace(status="SUCCEEDED", told=f"{signing.SCHEMES[job.replica]}://{bucket}/{_folder(job)}")
    save(connection, done)
    if job.destination is None:
        writing.mark_checkouts(connection, [(job.replica, _folder(job), 0, True)])
    return done


def _folder(job: Job) -> str:
    return f"bundles/{job.bundle}"
