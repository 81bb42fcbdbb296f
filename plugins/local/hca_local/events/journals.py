"""Reads the event journal: which journals there are, and what is in one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sqlite3 import Connection

_NEXT = "SELECT MIN(journal) FROM events WHERE replica=? AND journal>=?"
_SINCE = "SELECT journal FROM events WHERE replica=? AND timestamp>=? ORDER BY timestamp, journal LIMIT 1"
_EVENTS = "SELECT place, key, timestamp, size FROM events WHERE replica=? AND journal=? AND place<=? ORDER BY place"
_NO_LIMIT = 1 << 62


class Event(NamedTuple):
    """One event: its place in the order of its journal, the bundle version, when it was recorded, its bytes."""

    place: int
    key: str
    timestamp: str
    size: int


@dataclass(frozen=True)
class Journal:
    """A number of events, one after the other; their documents in this order are its bytes."""

    number: int
    events: tuple[Event, ...]

    @property
    def digest(self) -> str:
        """A text that changes whenever the bytes do: other events, or fewer."""
        lines = "\n".join(f"{event.key} {event.timestamp} {event.size}" for event in self.events)
        return hashlib.sha256(lines.encode()).hexdigest()[:32]

    @property
    def id(self) -> str:
        """The name of the journal: which it is, up to which event, and the digest of its content."""
        return f"{self.number}-{self.events[-1].place}-{self.digest}"

    @property
    def size(self) -> int:
        """The number of its bytes."""
        return sum(event.size for event in self.events)

    @property
    def from_date(self) -> str:
        """When its first event was recorded."""
        return self.events[0].timestamp

    @property
    def to_date(self) -> str:
        """When its last event was recorded."""
        return self.events[-1].timestamp


def first_since(connection: Connection, replica: str, moment: str) -> int | None:
    """Return the number of the first journal with an event at `moment` or later, None if there is none."""
    row = connection.execute(_SINCE, (replica, moment)).fetchone()
    return None if row is None else int(row[0])


def listed(connection: Connection, replica: str, first: int, before: str | None, count: int) -> list[Journal]:
    """Return up to `count` journals from number `first` on, those that begin before the moment `before` if given."""
    found: list[Journal] = []
    while len(found) < count:
        number = connection.execute(_NEXT, (replica, first)).fetchone()[0]
        if number is None:
            break
        journal = Journal(number, _events(connection, replica, number, _NO_LIMIT))
        if before is not None and journal.from_date >= before:
            break
        found.append(journal)
        first = number + 1
    return found


def named(connection: Connection, replica: str, journal_id: str) -> Journal | None:
    """Return the journal that had the id `journal_id`, without what was appended since.

    None if there is no such journal any more, since one of its events was removed.
    """
    number, last, _ = journal_id.split("-")
    events = _events(connection, replica, int(number), int(last))
    journal = Journal(int(number), events)
    return journal if events and journal.id == journal_id else None


def is_recorded(connection: Connection, replica: str, key: str) -> bool:
    """Tell whether the creation of the bundle version `key` is in the journal."""
    return connection.execute("SELECT 1 FROM events WHERE replica=? AND key=?", (replica, key)).fetchone() is not None


def _events(connection: Connection, replica: str, number: int, last: int) -> tuple[Event, ...]:
    return tuple(Event._make(row) for row in connection.execute(_EVENTS, (replica, number, last)))
