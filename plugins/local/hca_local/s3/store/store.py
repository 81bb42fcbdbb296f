"""All that the S3 server keeps, as one object."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from hca_local.s3.store import database
from hca_local.s3.store.files import Files
from hca_local.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from sqlite3 import Connection

    from hca_local.s3.store.objects import Removed

T = TypeVar("T")
_THREADS = 16


class Store:
    """The database and the files below one directory.

    `records` is for reading, by the thread of the event loop; the database is at `path`. What changes them goes through
    `write`, and what touches much of a file through `in_thread`. `loop` is the event loop, None before it answers
    its first request.
    """

    def __init__(self, root: Path) -> None:
        """Open what is below `root`, or make it, and remove what killed uploads left there.

        Raises HCAError, OSError, sqlite3.Error.
        """
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        root.chmod(0o700)
        directory = root / "bytes"
        directory.mkdir(exist_ok=True, mode=0o700)
        self.path = root / "records.sqlite3"
        self.path.touch(mode=0o600)  # before it has files beside it, which get the same mode
        self.path.chmod(0o600)
        self.records = database.opened(self.path)
        self.files = Files(directory)
        _remove_leftovers(self.records, directory)
        self._writer = Writer(lambda: database.opened(self.path), self.files.sync)
        self._threads = ThreadPoolExecutor(_THREADS, "s3")
        self.loop: asyncio.AbstractEventLoop | None = None

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction and return its result once that is on disk. What it raises undoes it."""
        return await self._writer.run(work)

    def submit(self, work: Callable[[Connection], T]) -> Future[T]:
        """Do what `write` does for a caller in another thread."""
        return self._writer.submit(work)

    def in_thread(self, work: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
        """Run `work` in a thread."""
        return asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    async def discard(self, removed: Iterable[Removed | None], files: Iterable[str] = ()) -> None:
        """Remove the files of removed object versions, and other `files`."""
        names = [*files]
        for one in removed:
            if one is not None:
                names += self.files.removable(one.number, one.files)
        if names:
            await self.in_thread(self.files.unlink, names)

    def discard_from_thread(self, removed: Iterable[Removed | None], files: Iterable[str] = ()) -> None:
        """Do what `discard` does for a caller in another thread, but don't wait for it."""
        if self.loop is None:  # so nobody reads an object
            self.files.unlink([*files, *(name for one in removed if one is not None for name in one.files)])
        else:
            asyncio.run_coroutine_threadsafe(self.discard(removed, files), self.loop)

    def close(self) -> None:
        """Finish what was begun."""
        self._threads.shutdown()
        self._writer.close()
        self.records.close()


def _remove_leftovers(records: Connection, directory: Path) -> None:
    """Remove files that no row names: a killed process was writing or removing them."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if not _is_named(records, entry.name):
                os.unlink(entry.path)


def _is_named(records: Connection, file: str) -> bool:
    query = "SELECT EXISTS (SELECT 1 FROM segment WHERE file = ?) OR EXISTS (SELECT 1 FROM part WHERE file = ?)"
    return bool(records.execute(query, (file, file)).fetchone()[0])
