"""The one thread of a deployment that writes to its store, so that requests never wait for each other's disk."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from hca_local.store import database

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from sqlite3 import Connection

T = TypeVar("T")


class Writer:
    """Runs changes to the store at `path`, one after the other, each in a transaction that is on disk when it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, "writer")
        self._connection: Connection | None = None

    async def run(self, change: Callable[[Connection], T]) -> T:
        """Return what `change` returns; whatever it raises undoes what it did. Raises sqlite3.Error too."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, change)

    def close(self) -> None:
        """Finish what was begun and close the connection."""
        self._thread.submit(self._close)
        self._thread.shutdown()

    def _run(self, change: Callable[[Connection], T]) -> T:
        if self._connection is None:  # SQLite wants it made in the thread that uses it
            self._connection = database.connect(self._path)
        with database.transaction(self._connection):
            return change(self._connection)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
