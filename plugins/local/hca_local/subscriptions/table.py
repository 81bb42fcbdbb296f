"""Reads and writes the table of subscriptions; write inside a transaction only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hca_local.subscriptions.records import of_row

if TYPE_CHECKING:
    from sqlite3 import Connection

    from hca_local.subscriptions.records import Subscription

_SELECT = "SELECT uuid, replica, type, owner, document FROM subscriptions WHERE"


def add(connection: Connection, subscription: Subscription) -> None:
    """Add `subscription`."""
    identity = (subscription.uuid, subscription.replica, subscription.type, subscription.owner)
    row = (*identity, json.dumps(subscription.document))
    connection.execute("INSERT INTO subscriptions VALUES (?,?,?,?,?)", row)


def remove(connection: Connection, uuid: str) -> None:
    """Remove a subscription, with the calls that were still to be made for it."""
    connection.execute("DELETE FROM deliveries WHERE subscription=?", (uuid,))
    connection.execute("DELETE FROM subscriptions WHERE uuid=?", (uuid,))


def one(connection: Connection, replica: str, kind: str, uuid: str) -> Subscription | None:
    """Return a subscription of `replica` and of type `kind`, None if there is none."""
    row = connection.execute(f"{_SELECT} uuid=? AND replica=? AND type=?", (uuid, replica, kind)).fetchone()
    return None if row is None else of_row(*row)


def of_owner(connection: Connection, replica: str, kind: str, owner: str) -> list[Subscription]:
    """Return what `owner` has subscribed to in `replica`, of type `kind`."""
    rows = connection.execute(f"{_SELECT} owner=? AND replica=? AND type=? ORDER BY uuid", (owner, replica, kind))
    return [of_row(*row) for row in rows]


def of_replica(connection: Connection, replica: str) -> list[Subscription]:
    """Return all subscriptions to events in `replica`."""
    return [of_row(*row) for row in connection.execute(f"{_SELECT} replica=?", (replica,))]


def count(connection: Connection, owner: str) -> int:
    """Return how many subscriptions `owner` has, in both replicas and of both types."""
    return int(connection.execute("SELECT COUNT(*) FROM subscriptions WHERE owner=?", (owner,)).fetchone()[0])
