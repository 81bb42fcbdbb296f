"""The running service: its files, its threads, and what it does in the background."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakValueDictionary

from hca_local.shock import expiry, index_files, leftovers
from hca_local.shock.accounts import Accounts
from hca_local.shock.assembling import Assemblies
from hca_local.shock.away import Away

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
    from pathlib import Path
    from sqlite3 import Connection
    from typing import Any

    from hca_local.server.log import ServiceLog
    from hca_local.settings import Settings
    from hca_local.store.writer import Writer

T = TypeVar("T")
_THREADS = 16
_ANONYMOUS = {
    "all": frozenset({"read", "write", "delete"}),
    "read": frozenset({"read"}),
    "none": frozenset[str](),
}


class Shock:
    """What all requests work with; `records` belongs to the thread of the event loop.

    `files` has the data files, `parts` the parts of files that are not complete, `indexes` the files of indexes,
    `incoming` what is just arriving. `quirks` brings back what is wrong with the real server, `anonymous` are the
    rights of who is not logged in. `is_over` tells long work in threads that it should end; `away` has the threads
    for what other servers may keep waiting.
    """

    def __init__(
        self,
        root: Path,
        records: Connection,
        writer: Writer,
        store: Path,
        settings: Settings,
        log: ServiceLog,
        url: str,
    ) -> None:
        """Parameters: `root` is the directory of the service, made if it is missing; `store` is the database's file.

        Raises OSError.
        """
        self.root = root
        self.records = records
        self.writer = writer
        self.store = store
        self.settings = settings
        self.log = log
        self.url = url
        self.files = root / "files"
        self.parts = root / "parts"
        self.incoming = root / "incoming"
        self.indexes = root / "indexes"
        self.quirks = bool(settings.shock_quirks)
        self.anonymous = _ANONYMOUS[settings.shock_anonymous]
        self.accounts = Accounts(records, quirks=self.quirks)
        self.assemblies = Assemblies(self)
        self.away = Away()
        self.started = time.monotonic()
        self.is_over = False
        self._threads = ThreadPoolExecutor(_THREADS, "shock")
        self._held = WeakValueDictionary[str, asyncio.Lock]()
        self._tasks = set[asyncio.Task[None]]()
        for directory in (root, self.files, self.parts, self.incoming, self.indexes):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path_of(self, name: str) -> Path:
        """Return where the data file `name` is."""
        return self.files / name[:2] / name

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        """Run `function` in a thread and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    @asynccontextmanager
    async def held(self, id: str) -> AsyncIterator[None]:
        """Let no other request change the node `id` within the body (quirks only: here transactions see to that)."""
        if not self.quirks:
            yield
            return
        lock = self._held.setdefault(id, asyncio.Lock())
        async with lock:
            yield

    def later(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the background; what it raises is told to the log, `stop` cancels it."""
        task = asyncio.get_running_loop().create_task(self._told(coroutine))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def discard(self, id: str, data: Iterable[str]) -> None:
        """Remove what is left of a node that was removed from the store, and the data files that nobody has now."""
        await self.assemblies.drop(id)
        await self.run(self._discard, id, [self.path_of(name) for name in data])

    def remove_files(self, names: Iterable[str]) -> None:
        """Remove data files, in a thread; they need not be there."""
        for name in names:
            self.path_of(name).unlink(missing_ok=True)

    async def start(self) -> None:
        """Begin the work in the background, with what a former process has left."""
        self.started = time.monotonic()
        await leftovers.clean(self)
        self.assemblies.resume()
        self.later(expiry.reap(self))

    async def stop(self) -> None:
        """End the work in the background; what is unfinished goes on with the next start."""
        self.is_over = True
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.accounts.close()
        self.away.stop()
        self._threads.shutdown()

    async def _told(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            await coroutine
        except Exception:  # noqa: BLE001 - whatever it is, nobody else would hear of it
            self.log.line(f"ERROR {traceback.format_exc()}")

    def _discard(self, id: str, paths: list[Path]) -> None:
        for path in paths:
            path.unlink(missing_ok=True)
        if os.path.isdir(self.parts / id):
            shutil.rmtree(self.parts / id, ignore_errors=True)
        index_files.remove_all(self.root, id)
