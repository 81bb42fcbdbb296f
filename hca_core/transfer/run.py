"""One run of transfers as a person orders it: looked at or fetched, here or elsewhere, told of while it goes on."""

from __future__ import annotations

import os
import threading
from collections import deque
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hca_core.errors import UsageError
from hca_core.transfer import engine, space
from hca_core.transfer.report import Missing
from hca_core.transfer.values import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from concurrent.futures import Executor
    from typing import TextIO

    from hca_core.progress import Bar
    from hca_core.transfer.report import Report
    from hca_core.transfer.values import Result, Transfer


@dataclass(frozen=True)
class Total:
    """What is known of a run before it begins: the number of files, and the sum of their sizes in bytes."""

    files: int
    size: int


@dataclass(frozen=True)
class Order:
    """What is to be done with transfers, and what is told of it.

    Parameters:
        settings: how they are fetched.
        dry_run: find out what there is to do, and do nothing.
        emit: write what another tool needs instead of fetching (urls, aria2, curl, s5cmd), with `write`.
        events: where events go, as lines of JSON: a path, or an open text stream; none if empty.
        failures: path of the file of failures, written if something fails.
        shard: the part of the transfers that is this run's, as "2/8", or "env" in a job array; all if empty.
        executor: where else the transfers run: an executor, or its address.
        bar: the progress bar to tell.
        total: what is known beforehand; then the room on the disk is checked before anything is sent.
    """

    settings: Settings = field(default_factory=Settings)
    dry_run: bool = False
    emit: str = ""
    write: Callable[[str], object] | None = None
    events: str | TextIO = ""
    failures: str = ""
    shard: str = ""
    executor: str | Executor | None = None
    bar: Bar | None = None
    total: Total | None = None

    @property
    def fetches(self) -> bool:
        """Tell whether files are to be fetched; otherwise nothing may be written."""
        return not self.dry_run and not self.emit


def run(wanted: Iterable[Transfer | Missing], order: Order, report: Report, *, directory: str) -> Report:
    """Do with the `wanted` files what `order` says, count it in `report`, and return that.

    `directory` is where they go. What is wanted may be iterated over twice if it is no iterator itself; only then is
    the room on the disk counted exactly before the first byte where the sum of all files would not fit.

    Raises UsageError for what can't be done, NoSpaceError, OSError from the disk. What failed is in the report.
    """
    _check(order, directory)
    if order.shard:
        wanted = _sharded(wanted, order.shard)
    if order.emit:
        from hca_core.transfer import emit

        return emit.write(wanted, order, report)
    if order.dry_run:
        report.planned = space.planned(wanted, report, directory)
        return report
    from hca_core.transfer import events, failures

    with ExitStack() as open_now:
        lost = open_now.enter_context(failures.opened(order.failures))
        told = open_now.enter_context(events.opened(order.events, report))
        fetching = _fetching(order, open_now)
        told.start(directory, None if order.shard else order.total)
        space.check(wanted, order.total, directory)
        _Run(order, report, told, lost).over(wanted, directory, fetching)
    return report


def _check(order: Order, directory: str) -> None:
    """Raise UsageError if an order contradicts itself, or if nothing can be put into the directory."""
    if order.emit and order.dry_run:
        raise UsageError("to emit what another tool needs and a dry run exclude each other")
    for name in ("events", "failures", "executor"):
        if getattr(order, name) and not order.fetches:
            raise UsageError(f"{name} are for a run that fetches: not for {'a dry run' if order.dry_run else 'emit'}")
    folder = os.path.abspath(directory or ".")
    while not os.path.lexists(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        raise UsageError(f"nothing can be put into {directory}: {folder} is no directory")


def _fetching(order: Order, open_now: ExitStack) -> Callable[..., Generator[Result, None, None]]:
    """Return what fetches: the engine here, or the one that hands out to an executor."""
    executor: Any = order.executor
    if not executor:
        return engine.fetch
    from hca_core.transfer import spread

    if isinstance(executor, str):
        executor = open_now.enter_context(spread.executor_of(executor))

    def fetch(*arguments: Any, **more: Any) -> Generator[Result, None, None]:
        return spread.fetch_with(executor, *arguments, **more)

    return fetch


class _Run:
    """Feeds the engine, and tells everybody who is to hear of what comes back."""

    def __init__(self, order: Order, report: Report, told: Any, lost: Any) -> None:
        self._order = order
        self._report = report
        self._told = told
        self._lost = lost
        self._missing: deque[Missing] = deque()  # found where transfers are pulled, told where results arrive

    def over(self, wanted: Iterable[Transfer | Missing], directory: str, fetching: Callable[..., Any]) -> None:
        """Fetch it all."""
        order, report = self._order, self._report
        bar = order.bar
        if bar and order.total and not order.shard:
            bar.expect(order.total.files, order.total.size)
        stopped = threading.Event()
        results = fetching(
            self._transfers(wanted, space.Room(directory)), order.settings, stopped=stopped, on_bytes=self._on_bytes()
        )
        with closing(results):  # so an error here, or Ctrl-C, stops everything at once
            for result in results:
                report.add(result)
                if result.error is not None:
                    self._lost.add(result)
                if bar:
                    bar.done(result.transfer.size, result.fetched, failed=result.error is not None)
                if self._told.wanted:
                    self._told.file(result)
                if self._missing:
                    self._tell_missing()
        self._tell_missing()

    def _transfers(self, wanted: Iterable[Transfer | Missing], room: space.Room) -> Iterator[Transfer]:
        for one in wanted:
            if isinstance(one, Missing):
                self._missing.append(one)
            else:
                room.take(one)
                yield one

    def _on_bytes(self) -> Callable[[int], None] | None:
        bar, told = self._order.bar, self._told
        if not told.wanted:
            return bar

        def both(number: int) -> None:
            told.arrived(number)
            if bar:
                bar(number)

        return both

    def _tell_missing(self) -> None:
        while self._missing:
            one = self._missing.popleft()
            self._report.missing(one)
            self._lost.missing(one)
            if self._told.wanted:
                self._told.missing(one)


class _Again:
    """What can be gone through as often as somebody wants to."""

    def __init__(self, make: Callable[[], Iterator[Transfer | Missing]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[Transfer | Missing]:
        return self._make()


def _sharded(wanted: Iterable[Transfer | Missing], text: str) -> Iterable[Transfer | Missing]:
    """Return the part of what is wanted that belongs to a shard. Raises UsageError."""
    from hca_core.transfer import shards

    has = shards.parse(text, os.environ).has

    def key(one: Transfer | Missing) -> str:
        # By content where it is known: it is the same wherever a shard puts its files.
        return one.name if isinstance(one, Missing) else one.digest or one.target

    def mine() -> Iterator[Transfer | Missing]:
        return (one for one in wanted if has(key(one)))

    return mine() if iter(wanted) is wanted else _Again(mine)
