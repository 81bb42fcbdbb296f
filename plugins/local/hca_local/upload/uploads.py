"""The upload service of a running deployment: what it works with, and its work in the background."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from hca_local.upload import areas, records
from hca_local.upload.buckets.values import UnusableError
from hca_local.upload.recovering import Recovering
from hca_local.upload.summing import Noticing, Summing
from hca_local.upload.validations import Validating, accept
from hca_local.upload.worker import AT_ONCE, REST_SECONDS, Worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path
    from sqlite3 import Connection

    from hca_local.server.log import ServiceLog
    from hca_local.store.writer import Writer
    from hca_local.upload.buckets.values import Buckets
    from hca_local.upload.validations import Validate

    P = ParamSpec("P")

T = TypeVar("T")
# Not the threads of the event loop: the embedded S3 server needs those to answer what these may wait for.
_THREADS = 8
_GRACE_SECONDS = 3.0


class Uploads:
    """The areas in `buckets`, with what happens to them and their files behind the answers.

    All that is to be done is in the store, or is found in the areas at the start; so a process that is killed leaves it
    to the next one. Nothing of this costs anything before the first area is made.
    """

    def __init__(
        self,
        buckets: Buckets,
        writer: Writer,
        store: Path,
        api_key: str,
        key_seconds: int,
        log: ServiceLog,
        validate: Validate = accept,
    ) -> None:
        """Parameters: `api_key` opens the privileged routes, `key_seconds` is how long keys for an area last,
        `validate` is the validator.
        """
        self.buckets = buckets
        self.api_key = api_key
        self.key_seconds = key_seconds
        self._writer = writer
        self._log: ServiceLog | None = log
        self._logging = threading.Lock()
        self._threads = ThreadPoolExecutor(_THREADS, "upload")
        summing = Summing(buckets, writer, self.tell)
        validating = Validating(writer, validate, self.tell)
        self._summing = Worker("checksums", store, summing.step, self.tell)
        noticing = Noticing(buckets, writer, self.tell, self._summing.wake)
        self._noticing = Worker("notices", store, noticing.step, self.tell)
        self._validating = Worker("validations", store, validating.step, self.tell)
        self._deleting = Worker("deletions", store, self._delete, self.tell)
        self._workers = [self._noticing, self._summing, self._validating, self._deleting]
        if buckets.tells_of_objects:  # who hears of objects from clients has answered when that was in the store
            recovering = Recovering(buckets, writer, self.tell, self.look)
            self._workers.append(Worker("recovery", store, recovering.step, self.tell))

    def start(self, connection: Connection) -> None:
        """Begin, with what a former process has left in the store."""
        if connection.execute("SELECT EXISTS (SELECT 1 FROM upload_areas)").fetchone()[0]:
            for worker in self._workers:
                worker.wake()

    async def stop(self) -> None:
        """Leave what is not done for the next start."""
        for worker in self._workers:
            worker.stop()
        await asyncio.to_thread(self._finish)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def in_thread(self, function: Callable[P, T], *arguments: P.args, **settings: P.kwargs) -> T:
        """Run a blocking `function` that works on the buckets and return its result."""
        call = functools.partial(function, *arguments, **settings)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def created(self, key: str) -> None:
        """Look at the object `key`, which is there now; call it from any thread, it takes no time."""
        area, _, name = key.partition("/")
        self._writer.submit(lambda connection: records.note(connection, area, name)).add_done_callback(self._noted)

    def created_in(self, bucket: str, key: str) -> None:
        """Do what `created` does, if `bucket` is the one with the areas."""
        if bucket == self.buckets.name:
            self.created(key)

    def look(self) -> None:
        """Look at the objects that were noted."""
        self._noticing.wake()

    def validate(self) -> None:
        """Do the validations that were noted."""
        self._validating.wake()

    def delete(self) -> None:
        """Delete the areas that are to be deleted."""
        self._deleting.wake()

    def tell(self, line: str) -> None:
        """Write `line` to the log, while there is one."""
        with self._logging:
            if self._log is not None:
                self._log.line(line)

    def _noted(self, done: Future[bool]) -> None:
        if not done.exception() and done.result():
            self.look()

    def _finish(self) -> None:
        deadline = time.monotonic() + _GRACE_SECONDS
        for worker in self._workers:
            worker.join(max(0.0, deadline - time.monotonic()))
        with self._logging:
            self._log = None  # it will be closed, and who still works must not write to it

    def _delete(self, connection: Connection, is_over: Callable[[], bool]) -> float | None:
        """Delete an area: see worker.Step. Raises sqlite3.Error."""
        uuid = areas.next_going(connection)
        if uuid is None:
            return None
        self._writer.submit(lambda connection: areas.set_status(connection, uuid, areas.DELETING)).result()
        try:
            is_empty = self.buckets.empty(f"{uuid}/", is_over)
        except UnusableError as error:
            self.tell(f"ERROR area {uuid} can't be deleted yet: {error}")
            return REST_SECONDS
        if is_empty:
            self._writer.submit(lambda connection: areas.end(connection, uuid)).result()
            self.tell(f"AREA {uuid} is deleted")
        return AT_ONCE
