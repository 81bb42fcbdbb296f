"""The file of failures: a line of JSON for everything that failed, from which a later run takes it up again.

It holds what a source tells of itself (`Source.row`), no address and no credential.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

from hca_core import log
from hca_core.errors import UsageError, one_line
from hca_core.transfer import outputs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_core.transfer.report import Missing
    from hca_core.transfer.values import Result

_LONGEST = 100_000  # characters of a line; ours have a few hundred


class Failures:
    """Writes failures as they come. The file appears when the run has ended, and only if there are any."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._open = ExitStack()
        self._stream: IO[bytes] | None = None

    def add(self, result: Result) -> None:
        """Note a transfer that failed."""
        if not self._path:
            return
        transfer, error = result.transfer, result.error
        tell = getattr(transfer.source, "row", None)
        known = {"name": transfer.name, "size": transfer.size, transfer.algorithm: transfer.digest}
        row = {**known, "link": transfer.link, **tell()} if tell else {}
        self._write(transfer.link or transfer.name, error, row)

    def missing(self, one: Missing) -> None:
        """Note something that failed before it was a transfer."""
        if self._path:
            self._write(one.name, one.error, dict(one.row))

    def _write(self, name: str, error: Exception | None, row: dict[str, Any]) -> None:
        status = int(getattr(error, "exit_status", 1))
        told = {"name": name, "error": str(error), "exit_status": status, "row": row}
        try:
            if self._stream is None:
                self._stream = self._open.enter_context(outputs.replacing(self._path))
            self._stream.write(json.dumps(told).encode() + b"\n")
        except OSError as problem:
            self._give_up(problem)

    def _give_up(self, problem: OSError) -> None:
        """Write no more: the run and its report matter more than this file."""
        log.logger().warning("the failures can't be written to %s: %s", self._path, problem.strerror)
        with suppress(OSError):
            self.drop(problem)
        self._path = ""

    def finish(self) -> None:
        """Put the file in its place; one that an earlier run left there goes if nothing failed in this one."""
        try:
            self._open.close()
            if self._path and self._stream is None and outputs.is_file(self._path):
                os.unlink(self._path)
        except OSError as problem:
            self._give_up(problem)

    def drop(self, error: BaseException) -> None:
        """Leave everything as it was: the run broke off, and what it did not come to is not known."""
        self._open.__exit__(type(error), error, error.__traceback__)


@contextmanager
def opened(path: str) -> Iterator[Failures]:
    """Give what writes a file of failures to `path` (none if empty).

    Raises UsageError if that is impossible, or if something else than such a file lies there.
    """
    if path:
        check(path)
    failures = Failures(path)
    try:
        yield failures
    except BaseException as error:
        failures.drop(error)
        raise
    failures.finish()


def check(path: str) -> None:
    """Raise UsageError if failures can't be written to `path`, or if it is no file of failures."""
    outputs.check(path, "the failures", outputs.FAILURES)


def rows(path: str) -> Iterator[dict[str, Any]]:
    """Yield what `Source.row` (or `Missing.row`) told of everything in the file of failures at `path`.

    Of what can't be asked for again, as nothing was told of it, it is only the `name`. Raises UsageError if the file
    can't be read or is no such file; the line is named.
    """
    for _, told in _lines(path):
        yield told["row"] or {"name": one_line(told["name"])}


def _lines(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with open(path, encoding="utf-8") as stream:
            if not stream.seekable():
                raise UsageError(f"{path} is a pipe, but failures are read more than once: put them into a file")
            number = 0
            while line := stream.readline(_LONGEST):
                number += 1
                try:
                    told = json.loads(line)
                except (ValueError, RecursionError):
                    told = None
                if not (
                    isinstance(told, dict) and isinstance(told.get("name"), str) and isinstance(told.get("row"), dict)
                ):
                    raise UsageError(f"{path}, line {number}: no failure of a download, as --failures writes them")
                yield number, told
    except OSError as error:
        raise UsageError(f"the failures {path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no file of failures: it is not UTF-8 text") from error
