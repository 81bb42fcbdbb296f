"""Makes the calls that are due for one subscription, one after the other."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

from hca_local.store import database
from hca_local.subscriptions import queue, schedule, sending
from hca_local.subscriptions.addresses import ForeignHostError
from hca_local.subscriptions.sending import CallError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from sqlite3 import Connection

    from hca_local.settings import Settings
    from hca_local.subscriptions.queue import Delivery

# After so long it is the turn of others, if there are more than can be served at once.
TURN_SECONDS = 1.0


def run(
    store: Path, subscription: str, settings: Settings, is_over: Callable[[], bool], tell: Callable[[str], None]
) -> None:
    """Make the calls that are due for the subscription with the uuid `subscription`, for a moment or until `is_over`.

    `tell` is called with a line for the log after each. Raises sqlite3.Error.
    """
    # A commit that is lost with the power costs the receiver a second call, which it must bear; waiting for the disk
    # after each call would cost more.
    turn_ends = time.monotonic() + TURN_SECONDS
    with closing(database.connect(store, durable=False)) as connection:
        while not is_over():
            delivery = queue.next_due(connection, subscription, time.time())
            if delivery is None:
                return
            tell(_make(connection, delivery, settings))
            if time.monotonic() >= turn_ends:
                return


def _make(connection: Connection, delivery: Delivery, settings: Settings) -> str:
    """Make a call, note what came of it, and return what the log says."""
    subscription, attempt = delivery.subscription, delivery.attempts + 1
    line = f"CALLBACK {sending.host(subscription)} subscription {subscription.uuid} attempt {attempt}"
    try:
        status = sending.send(subscription, delivery.payload, attempt, anywhere=bool(settings.callbacks_anywhere))
    except ForeignHostError:
        _remove(connection, delivery)
        return f"{line} dropped: it is not on this machine, and the setting callbacks_anywhere is 0"
    except CallError as error:
        return f"{line} {error}, {_retry(connection, delivery, settings)}"
    if 200 <= status < 300:
        _remove(connection, delivery)
        return f"{line} {status}"
    return f"{line} {status}, {_retry(connection, delivery, settings)}"


def _retry(connection: Connection, delivery: Delivery, settings: Settings) -> str:
    """Note when a call that failed is made again, if it is, and return that in words."""
    gap = schedule.gap(delivery.subscription.type, delivery.attempts + 1, settings.retry_speedup)
    if gap is None:
        _remove(connection, delivery)
        return "given up"
    with database.transaction(connection):
        queue.postpone(connection, delivery.number, time.time() + gap)
    return f"again in {gap:.1f} s"


def _remove(connection: Connection, delivery: Delivery) -> None:
    with database.transaction(connection):
        queue.remove(connection, delivery.number)
