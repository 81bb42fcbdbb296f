"""Has the calls made that are due, for several subscriptions at a time, as long as the deployment is served."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
import traceback
from contextlib import closing
from typing import TYPE_CHECKING

from hca_local.store import database
from hca_local.subscriptions import errands, queue

if TYPE_CHECKING:
    from pathlib import Path
    from sqlite3 import Connection

    from hca_local.server.log import ServiceLog
    from hca_local.settings import Settings

# Receivers that hang hold a thread for a minute each; so many may, before others have to wait.
MOST_ERRANDS = 32
# Nobody wakes the courier for what another process puts into the store (`hca local seed`).
_LOOK_SECONDS = 5.0
# After an error of our own, such as a full disk: not to make the same call again and again meanwhile.
_REST_SECONDS = 10.0
_GRACE_SECONDS = 1.0


class Courier:
    """Makes the calls that the store at `store` has noted: one at a time for each subscription.

    Its threads do not keep the process from ending; what they were about to do is in the store, and done next time.
    """

    def __init__(self, store: Path, settings: Settings, log: ServiceLog) -> None:
        self._store = store
        self._settings = settings
        self._log: ServiceLog | None = log
        self._changed = threading.Condition()
        self._news = False
        self._over = False
        self._out: set[str] = set()
        self._served: dict[str, float] = {}
        self._resting: dict[str, float] = {}
        self._thread = threading.Thread(target=self._watch, name="courier", daemon=True)

    def start(self) -> None:
        """Begin, with what was left over from last time."""
        self._thread.start()

    def wake(self) -> None:
        """Look for new calls to make: something was committed."""
        with self._changed:
            self._news = True
            self._changed.notify_all()

    async def stop(self) -> None:
        """Begin no more calls, and wait a moment for those that are on their way."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
        await asyncio.to_thread(self._finish)

    def _finish(self) -> None:
        self._thread.join()
        with self._changed:
            self._changed.wait_for(lambda: not self._out, _GRACE_SECONDS)
            self._log = None  # it will be closed, and who still waits for an answer must not write to it

    def _watch(self) -> None:
        """Send out who has something to do, whenever there is news or something is due."""
        with closing(database.connect(self._store)) as connection:
            while True:
                with self._changed:
                    if self._over:
                        return
                    self._news = False
                pause = self._send_out(connection)
                with self._changed:
                    self._changed.wait_for(lambda: self._news or self._over, pause)

    def _send_out(self, connection: Connection) -> float:
        """Send out who has something to do, and return the seconds until somebody else will have."""
        now, pause = time.time(), _LOOK_SECONDS
        try:
            waiting = queue.waiting(connection)
        except sqlite3.Error as error:
            self._tell(f"ERROR the calls to make can't be read: {error}")
            return pause
        # Who was served longest ago comes first, or those with many slow calls would have all the threads for ever.
        waiting.sort(key=lambda one: self._served.get(one[0], 0.0))
        for subscription, due in waiting:
            start = max(due, self._resting.get(subscription, 0.0))
            with self._changed:
                if subscription in self._out:
                    continue
                if start > now:
                    pause = min(pause, start - now)
                elif len(self._out) < MOST_ERRANDS:
                    self._out.add(subscription)
                    self._resting.pop(subscription, None)
                    threading.Thread(target=self._run, args=(subscription,), daemon=True).start()
        return pause

    def _run(self, subscription: str) -> None:
        """Make the calls for one subscription that are due."""
        rest = 0.0
        try:
            errands.run(self._store, subscription, self._settings, lambda: self._over, self._tell)
        except Exception as error:  # noqa: BLE001 - whatever it is, the calls of others must go on
            rest = time.time() + _REST_SECONDS
            # Without its message, which could tell a URL.
            trace = "".join(traceback.format_tb(error.__traceback__))
            self._tell(f"ERROR {type(error).__name__} with subscription {subscription}\n{trace}")
        with self._changed:
            if rest:
                self._resting[subscription] = rest
            self._served[subscription] = time.monotonic()
            self._out.discard(subscription)
            self._news = True
            self._changed.notify_all()

    def _tell(self, line: str) -> None:
        with self._changed:
            if self._log is not None:
                self._log.line(line)
