"""The threads that wait for other servers, so that no slow one of these keeps the disk work of this one waiting."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_THREADS = 16


class Away:
    """Two pools of threads: what one server fetches from itself may be what it has to post first."""

    def __init__(self) -> None:
        self._fetching = ThreadPoolExecutor(_THREADS, "shock-fetch")
        self._posting = ThreadPoolExecutor(_THREADS, "shock-post")

    async def fetch(self, function: Callable[..., T], *arguments: object) -> T:
        """Run what fetches something, and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._fetching, function, *arguments)

    async def post(self, function: Callable[..., T], *arguments: object) -> T:
        """Run what sends something, and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._posting, function, *arguments)

    def stop(self) -> None:
        """Wait for what has begun; the rest is not begun any more."""
        for pool in (self._fetching, self._posting):
            pool.shutdown(cancel_futures=True)
