"""The one thread that writes to a database, so that the event loop never waits for the disk."""

from __future__ import annotations

import asyncio
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from hca_local.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Callable
    from sqlite3 import Connection

T = TypeVar("T")
_MOST_AT_ONCE = 100


@dataclass
class _Job:
    """A change that somebody waits for."""

    work: Callable[[Connection], Any]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[Any]
    error: Exception | None = None
    result: Any = None

    def tell(self) -> None:
        """Tell who waits, in the loop."""
        if self.done.done():
            return
        if self.error is not None:
            self.done.set_exception(self.error)
        else:
            self.done.set_result(self.result)


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
        loop = asyncio.get_running_loop()
        job = _Job(work, loop, loop.create_future())
        self._jobs.put(job)
        result: T = await asyncio.shield(job.done)
        return result

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
                for job in jobs:
                    _attempt(connection, job)
                if self._before_commit is not None:
                    self._before_commit()
        except Exception as error:  # noqa: BLE001 - told to all who wait
            for job in jobs:
                job.error = error
        for job in jobs:
            try:
                job.loop.call_soon_threadsafe(job.tell)
            except RuntimeError:
                pass  # the loop is closed: nobody waits any more


def _attempt(connection: Connection, job: _Job) -> None:
    """Do one job; if it fails, the others of the transaction still count."""
    connection.execute("SAVEPOINT job")
    try:
        job.result = job.work(connection)
    except Exception as error:  # noqa: BLE001 - told to who waits
        job.error = error
        connection.execute("ROLLBACK TO job")
    connection.execute("RELEASE job")
