"""The one thread that writes to a database, so that the event loop never waits for the disk."""

from __future__ import annotations

import asyncio
import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from hca_local.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Callable
    from sqlite3 import Connection

T = TypeVar("T")
_MOST_AT_ONCE = 100


class _Job(NamedTuple):
    """A change that somebody waits for."""

    work: Callable[[Connection], Any]
    done: Future[Any]


class Writer:
    """Makes changes of the database one after another, those that wait at the same time in one transaction.

    The wait for the disk is what a change costs; so clients that work side by side share it.
    """

    def __init__(self, connect: Callable[[], Connection], before_commit: Callable[[], None] | None = None) -> None:
        """Parameters: `connect` opens the database, in the thread that uses it; `before_commit` makes sure that the
        files which the rows will name are on disk.
        """
        self._connect = connect
        self._before_commit = before_commit
        self._jobs = queue.SimpleQueue[_Job | None]()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction and return its result once that is on disk. What it raises undoes it."""
        return await asyncio.shield(asyncio.wrap_future(self.submit(work)))

    def submit(self, work: Callable[[Connection], T]) -> Future[T]:
        """Do what `run` does for a caller in another thread than that of the event loop."""
        job = _Job(work, Future())
        self._jobs.put(job)
        return job.done

    def close(self) -> None:
        """Finish what was begun and end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        connection = self._connect()
        ended = False
        while not ended:
            batch = [self._jobs.get()]
            while len(batch) < _MOST_AT_ONCE and not self._jobs.empty():
                batch.append(self._jobs.get())
            ended = None in batch
            self._write(connection, [job for job in batch if job is not None])
        connection.close()

    def _write(self, connection: Connection, jobs: list[_Job]) -> None:
        try:
            with transaction(connection):
                outcomes = [_attempted(connection, job) for job in jobs]
                if self._before_commit is not None:
                    self._before_commit()
        except Exception as error:  # noqa: BLE001 - told to all who wait
            outcomes = [(None, error)] * len(jobs)
        for job, (result, failure) in zip(jobs, outcomes, strict=True):
            if failure is not None:
                job.done.set_exception(failure)
            else:
                job.done.set_result(result)


def _attempted(connection: Connection, job: _Job) -> tuple[Any, Exception | None]:
    """Do one job and return its result or its error; if it fails, the others of the transaction still count."""
    connection.execute("SAVEPOINT job")
    try:
        result, failure = job.work(connection), None
    except Exception as error:  # noqa: BLE001 - told to who waits
        result, failure = None, error
        connection.execute("ROLLBACK TO job")
    connection.execute("RELEASE job")
    return result, failure
