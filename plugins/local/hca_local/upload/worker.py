"""A thread that does in small steps what waits in the store, for as long as the deployment is served."""

from __future__ import annotations

import threading
import traceback
from contextlib import closing
from typing import TYPE_CHECKING, Protocol

from hca_local.store import database

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from sqlite3 import Connection

    class Step(Protocol):
        """One piece of work: returns the seconds until the next look for more; None if nothing waits.

        It asks `is_over` when it takes long, and leaves the rest for the next start.
        """

        def __call__(self, connection: Connection, is_over: Callable[[], bool]) -> float | None:
            """Do it."""


# After an error of our own, such as a full disk, or without the S3 server: not to try again and again meanwhile.
REST_SECONDS = 10.0
AT_ONCE = 0.0


class Worker:
    """Does `step` again and again while there is something to do, and then waits to be woken.

    The thread begins when it is woken for the first time, and does not keep the process from ending.
    """

    def __init__(self, name: str, store: Path, step: Step, tell: Callable[[str], None]) -> None:
        self._store = store
        self._step = step
        self._tell = tell
        self._changed = threading.Condition()
        self._news = False
        self._over = False
        self._thread = threading.Thread(target=self._watch, name=name, daemon=True)

    def wake(self) -> None:
        """Look for something to do: it was committed."""
        with self._changed:
            self._news = True
            if not self._over and self._thread.ident is None:
                self._thread.start()
            self._changed.notify_all()

    def stop(self) -> None:
        """Begin nothing more; `join` waits for the end."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def join(self, seconds: float) -> None:
        """Wait until what was begun is done or left, but no longer than `seconds`."""
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def _is_over(self) -> bool:
        return self._over

    def _watch(self) -> None:
        with closing(database.connect(self._store)) as connection:
            while True:
                with self._changed:
                    if self._over:
                        return
                    self._news = False
                pause = self._done(connection)
                with self._changed:
                    self._changed.wait_for(lambda: self._news or self._over, pause)

    def _done(self, connection: Connection) -> float | None:
        try:
            return self._step(connection, self._is_over)
        except Exception:  # noqa: BLE001 - whatever it is, the next files must not wait for ever
            self._tell(f"ERROR {traceback.format_exc()}")
            return REST_SECONDS
