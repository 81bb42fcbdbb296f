"""The calls that are still to be made; write inside a transaction only."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hca_local.subscriptions.records import Subscription, of_row

if TYPE_CHECKING:
    from sqlite3 import Connection

_WAITING = """SELECT uuid, (SELECT MIN(due) FROM deliveries WHERE subscription=uuid) AS first
  FROM subscriptions WHERE first IS NOT NULL ORDER BY first"""
_NEXT = """SELECT number, payload, attempts, uuid, replica, type, owner, document
  FROM deliveries JOIN subscriptions ON uuid=subscription
  WHERE subscription=? AND due<=? ORDER BY due, number LIMIT 1"""


class Delivery(NamedTuple):
    """A call to be made: its number, what it says, how many attempts were made, and for whom it is."""

    number: int
    payload: bytes
    attempts: int
    subscription: Subscription


def add(connection: Connection, subscription: str, payload: bytes, due: float) -> None:
    """Add a call for the subscription with the uuid `subscription`, to be made at the time `due`."""
    connection.execute(
        "INSERT INTO deliveries (subscription, payload, attempts, due) VALUES (?,?,0,?)", (subscription, payload, due)
    )


def waiting(connection: Connection) -> list[tuple[str, float]]:
    """Return the subscriptions that calls are to be made for, and when the first of each is due; the earliest first."""
    return connection.execute(_WAITING).fetchall()


def next_due(connection: Connection, subscription: str, now: float) -> Delivery | None:
    """Return the call of a subscription that has been due for longest, None if none is."""
    row = connection.execute(_NEXT, (subscription, now)).fetchone()
    if row is None:
        return None
    number, payload, attempts = row[:3]
    return Delivery(number, payload, attempts, of_row(*row[3:]))


def remove(connection: Connection, number: int) -> None:
    """Remove a call: it was made, or is given up."""
    connection.execute("DELETE FROM deliveries WHERE number=?", (number,))


def postpone(connection: Connection, number: int, due: float) -> None:
    """Note that one more attempt to make a call has failed, and when the next is due."""
    connection.execute("UPDATE deliveries SET attempts=attempts+1, due=? WHERE number=?", (due, number))
