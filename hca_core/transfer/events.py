"""What happens in a run, as lines of JSON for programs that watch it: start, file, progress, end."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

from hca_core import hooks, log
from hca_core.errors import ExitStatus, HCAError, Terminated, UsageError
from hca_core.transfer import outputs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_core.transfer.report import Missing, Report
    from hca_core.transfer.run import Total
    from hca_core.transfer.values import Result

PROGRESS_SECONDS = 1.0


class Events:
    """Writes events to a stream, each line whole and at once; may be told by several threads."""

    def __init__(self, stream: TextIO | None, report: Report) -> None:
        self._stream = stream
        self._observed = bool(hooks.observers("hca_transfer"))
        self.wanted = stream is not None or self._observed
        self._report = report
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._next = self._began + PROGRESS_SECONDS
        self._arrived = 0

    def start(self, directory: str, total: Total | None) -> None:
        """Tell that a run begins."""
        known = {"files": total.files, "bytes": total.size} if total else {}
        self._write("start", directory=directory or ".", **known)

    def file(self, result: Result) -> None:
        """Tell what became of a file."""
        transfer, error = result.transfer, result.error
        more: dict[str, Any] = {"link": transfer.link} if transfer.link else {}
        if error is not None:
            more |= {"error": str(error), "exit_status": int(getattr(error, "exit_status", ExitStatus.ERROR))}
        elif result.linked:
            more["linked"] = result.linked
        self._write(
            "file",
            name=transfer.name,
            target=transfer.target,
            status=result.status,
            bytes=transfer.size,
            fetched=result.fetched,
            **more,
        )
        self.arrived(0)

    def missing(self, one: Missing) -> None:
        """Tell of something that failed before it was a file to fetch."""
        self._write(
            "file", name=one.name, status="failed", error=str(one.error), exit_status=int(one.error.exit_status)
        )

    def arrived(self, number: int) -> None:
        """Count so many bytes from the network, and tell the sum once a second at most."""
        now = time.monotonic()
        with self._lock:
            self._arrived += number
            if now < self._next:
                return
            self._next = now + PROGRESS_SECONDS
        self._progress()

    def _progress(self) -> None:
        report = self._report
        self._write(
            "progress", fetched=report.fetched, present=report.present, failed=report.failed, received=self._arrived
        )

    def end(self, error: BaseException | None) -> None:
        """Tell that the run is over, and what it did."""
        more: dict[str, Any] = {"exit_status": int(self._report.exit_status)}
        if isinstance(error, Terminated):
            more = {"error": "ended by SIGTERM", "exit_status": int(ExitStatus.TERMINATED)}
        elif isinstance(error, (KeyboardInterrupt, SystemExit)):
            more = {"error": "interrupted", "exit_status": int(ExitStatus.INTERRUPTED)}
        elif error is not None:
            status = error.exit_status if isinstance(error, HCAError) else ExitStatus.ERROR
            more = {"error": str(error), "exit_status": int(status)}
        seconds = round(time.monotonic() - self._began, 3)
        self._write("end", seconds=seconds, received=self._arrived, report=self._report.document(), **more)

    def _write(self, event: str, **told: Any) -> None:
        if not self.wanted:
            return
        document = {"event": event, "time": round(time.time(), 3), **told}
        if self._observed:
            hooks.transfer(document)
        with self._lock:
            if self._stream is None:
                return
            try:
                self._stream.write(json.dumps(document) + "\n")
                self._stream.flush()
            except OSError as error:  # who watched is gone; that is no reason to stop
                self._stream, self.wanted = None, self._observed
                log.logger().warning("no more events are written: %s", error.strerror)


def check(path: str) -> None:
    """Raise UsageError if events can't be written to `path`, or if it is no file of events."""
    outputs.check(path, "the events", outputs.EVENTS)


@contextmanager
def opened(place: str | TextIO, report: Report) -> Iterator[Events]:
    """Give what writes the events of a run to `place`: a path, an open text stream, or nothing ("").

    A file is written on behind what it has, so that one file tells of several runs. Raises UsageError if it can't be.
    """
    if not place or not isinstance(place, str):
        yield from _ended(Events(place or None, report))
        return
    check(place)
    try:
        stream = outputs.appending(place)
    except OSError as error:
        raise UsageError(f"the events can't be written to {place}: {error.strerror}") from error
    try:
        yield from _ended(Events(stream, report))
    finally:
        with suppress(OSError):  # of what could not be written before
            stream.close()


def _ended(events: Events) -> Iterator[Events]:
    try:
        yield events
    except BaseException as error:
        events.end(error)
        raise
    events.end(None)
