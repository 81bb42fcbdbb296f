"""Brings to the other replica what is due there, when the replicas are set to differ for a while."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from hca_local import landing

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_local.landing import Ground
    from hca_local.store.writer import Writer


class Replicator:
    """Copies between replicas in the background; `changed` is called after it has."""

    def __init__(self, writer: Writer, ground: Ground, changed: Callable[[], None]) -> None:
        self._writer = writer
        self._ground = ground
        self._changed = changed
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, with what a former process has left."""
        self._task = asyncio.create_task(self._work())

    def wake(self) -> None:
        """Look for new work: something was written."""
        self._woken.set()

    async def stop(self) -> None:
        """Leave the rest for the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            self._woken.clear()
            due = await self._writer.run(lambda connection: landing.replicate_due(connection, self._ground))
            self._changed()
            try:
                async with asyncio.timeout(None if due is None else max(0.0, due - time.time())):
                    await self._woken.wait()
            except TimeoutError:
                pass
