"""Runs searches in threads: they may take seconds, and the event loop has others to answer meanwhile."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from hca_local.search import finding
from hca_local.store import database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from sqlite3 import Connection

    from hca_local.search.nodes import Query

T = TypeVar("T")

# The gateway of the service waits 30 seconds; a few are for the way.
SECONDS = 25.0
_THREADS = 4
# A broad search looks at a few bytes of every bundle, again and again.
_CACHE_KILOBYTES = 16_000
# Steps of SQLite's machine between two looks at the clock: a few milliseconds.
_STEPS = 50_000


class TooLongError(Exception):
    """A search needs more time than there is."""


class Searcher:
    """Searches the store at `path` in threads, each with a connection of its own, in `seconds` at most.

    What was found is kept for the pages that follow.
    """

    def __init__(self, path: Path, seconds: float = SECONDS) -> None:
        self._path = path
        self._seconds = seconds
        self._found = finding.Found()
        self._threads = ThreadPoolExecutor(_THREADS, "search")
        self._idle: list[Connection] = []
        self._over = threading.Event()

    async def page(self, replica: str, query: Query, after: tuple[str, str] | None, count: int) -> finding.Page:
        """Return a page of what was found, as `finding.page` does. Raises TooLongError too."""
        return await self.run(lambda connection: finding.page(connection, self._found, replica, query, after, count))

    async def run(self, read: Callable[[Connection], T]) -> T:
        """Return what `read` returns, which is called in a thread with a connection that reads only.

        Raises what it raises; TooLongError if its statements take too long, counted from now.
        """
        deadline = time.monotonic() + self._seconds
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, read, deadline)

    def close(self) -> None:
        """Break off what is running and close the connections."""
        self._over.set()
        self._threads.shutdown(cancel_futures=True)
        for connection in self._idle:
            connection.close()

    def _run(self, read: Callable[[Connection], T], deadline: float) -> T:
        with self._connection() as connection:
            connection.set_progress_handler(lambda: self._over.is_set() or time.monotonic() > deadline, _STEPS)
            try:
                return read(connection)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                    raise TooLongError from error
                raise

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        connection = self._idle.pop() if self._idle else connected(self._path)
        try:
            yield connection
        finally:
            self._idle.append(connection)


def connected(path: Path) -> Connection:
    """Return a connection to the store at `path` that reads only, in whichever thread. Raises sqlite3.Error."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        timeout=database.BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute(f"PRAGMA cache_size=-{_CACHE_KILOBYTES}")
    return connection
