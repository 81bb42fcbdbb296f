"""TaskRunner: the published wrapper of a thread pool that may be given tasks while it runs."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from hca_core import log

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class TaskRunner:
    """Runs tasks in `threads` threads, and keeps count of those that are not done and those that failed.

    with TaskRunner(threads=4) as runner:
        runner.submit("a name for messages", function, argument)
        runner.wait_for_futures()
        runner.raise_if_errors()
    """

    def __init__(self, threads: int | None = None) -> None:
        self._executor = ThreadPoolExecutor(threads or 2 * (os.cpu_count() or 1))
        self._changed = threading.Condition()
        self._open = 0
        self._failed = 0

    def submit(self, info: str, task: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Run `task` with the arguments given; `info` names it when it fails. A task may submit others."""
        with self._changed:
            self._open += 1
        try:
            future = self._executor.submit(task, *args, **kwargs)
        except RuntimeError:  # shut down
            with self._changed:
                self._open -= 1
                self._changed.notify_all()
            raise
        future.add_done_callback(lambda future: self._finished(info, future))

    def wait_for_futures(self) -> None:
        """Wait until no task is left, those that tasks submitted included."""
        with self._changed:
            self._changed.wait_for(lambda: self._open == 0)

    def raise_if_errors(self) -> None:
        """Raise RuntimeError with their number if tasks failed."""
        if self._failed:
            raise RuntimeError(f"{self._failed} task(s) failed.")

    def _finished(self, info: str, future: Future[Any]) -> None:
        error = None if future.cancelled() else future.exception()
        if error is not None:
            log.logger().warning("task failed: %s: %s", info, error)
        with self._changed:
            self._failed += error is not None
            self._open -= 1
            self._changed.notify_all()

    def __enter__(self) -> TaskRunner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.wait_for_futures()  # the executor itself would refuse tasks of tasks by then
        self._executor.shutdown(wait=kind is None, cancel_futures=kind is not None)
