"""Whether any of many texts comes twice: by hashes first, and exactly, in a temporary file, only where one may."""

from __future__ import annotations

import hashlib
import sqlite3
from array import array
from collections import defaultdict
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Hashes:
    """Hashes of many texts, 4 bytes each, to find out that none came twice, in a tenth of the time of a table.

    They are 44 bits long: which of the parts one is in is known without writing it down. Two texts may share one by
    chance, among 100,000 of them in one of 3,500 runs: who is told that something comes twice has to look again.
    """

    def __init__(self) -> None:
        self._parts: defaultdict[int, array[int]] = defaultdict(lambda: array("I"))

    def add(self, text: str) -> None:
        """Note a text."""
        found = hash(text)
        self._parts[found & 0xFFF].append(found >> 12 & 0xFFFFFFFF)

    def have_twice(self) -> bool:
        """Tell whether a text came twice."""
        return any(len(set(part)) != len(part) for part in self._parts.values())

    def meet(self, others: Hashes) -> bool:
        """Tell whether one of these texts is among the `others` too."""
        return any(not set(others._parts[number]).isdisjoint(part) for number, part in self._parts.items())


class Known:
    """What is at which place, and which files came before: exactly, and in a temporary file."""

    def __init__(self, table: sqlite3.Connection) -> None:
        self._table = table

    def is_new(self, file: str) -> bool:
        """Tell whether a file is met for the first time."""
        return bool(self._table.execute("INSERT OR IGNORE INTO file VALUES (?)", (key(file),)).rowcount)

    def is_other(self, place: bytes, content: bytes) -> bool:
        """Tell whether something else than `content` is at the `place` already; it is noted where nothing is."""
        if self._table.execute("INSERT OR IGNORE INTO place VALUES (?, ?)", (place, content)).rowcount:
            return False
        (there,) = self._table.execute("SELECT content FROM place WHERE key = ?", (place,)).fetchone()
        return bool(there != content)


@contextmanager
def known() -> Iterator[Known]:
    """Give a table of files and places, which other threads may go on with."""
    with closing(sqlite3.connect("", check_same_thread=False)) as table:
        table.execute("PRAGMA journal_mode = OFF")  # nothing is ever taken back
        table.execute("CREATE TABLE place (key BLOB PRIMARY KEY, content BLOB) WITHOUT ROWID")
        table.execute("CREATE TABLE file (key BLOB PRIMARY KEY) WITHOUT ROWID")
        yield Known(table)


def key(text: str) -> bytes:
    """Return what stands for a text: so short that a million of them cost little, and never the same for two."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()
