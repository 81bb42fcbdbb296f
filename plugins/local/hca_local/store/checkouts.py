"""What is on its way to the checkout bucket: counts the 301 answers until a copy counts as done."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from hca_local.store import database, reading, writing

if TYPE_CHECKING:
    from pathlib import Path

Mark = tuple[int, bool]


class Checkouts:
    """The checkout marks of a running deployment: read from the store, written behind the answers.

    Another process may hold the write lock of the store for a while, so a thread writes the marks and requests never
    wait for it. A mark that is lost with a killed process costs its client one more 301.

    Parameters: `store` is the database; `records` a connection for reading; `redirects` how many 301 answers come
    before an object is ready.
    """

    def __init__(self, store: Path, records: sqlite3.Connection, redirects: int) -> None:
        self.redirects = redirects
        self._store = store
        self._records = records
        self._unwritten: dict[tuple[str, str], Mark] = {}
        self._writer: asyncio.Task[None] | None = None

    def is_ready(self, replica: str, key: str) -> bool:
        """Tell whether the checkout bucket of `replica` has the object `key`; if not, one more 301 is counted."""
        if not self.redirects:
            return True
        given, ready = self._unwritten.get((replica, key)) or reading.checkout(self._records, replica, key)
        if not ready:
            self._unwritten[replica, key] = (given + 1, given + 1 >= self.redirects)
            if self._writer is None:
                self._writer = asyncio.create_task(self._write())
        return ready

    async def finish(self) -> None:
        """Wait until every mark is written."""
        if self._writer is not None:
            await self._writer

    async def _write(self) -> None:
        try:
            while self._unwritten:
                batch = dict(self._unwritten)
                try:
                    await asyncio.to_thread(_write_marks, self._store, batch)
                except sqlite3.Error:
                    return  # a full disk, say: they still count, and the next mark tries again
                for place, mark in batch.items():
                    if self._unwritten.get(place) == mark:
                        del self._unwritten[place]
        finally:
            self._writer = None


def _write_marks(store: Path, marks: dict[tuple[str, str], Mark]) -> None:
    with closing(database.connect(store, durable=False)) as connection, database.transaction(connection):
        writing.mark_checkouts(connection, ((*place, *mark) for place, mark in marks.items()))
