"""Journals of work that a kill may interrupt: files of JSON lines that are only ever appended, for the next run."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hca_core import files, locking, log, paths
from hca_core.errors import HCAError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


class JsonLines:
    """A journal that one process at a time has open; several of its threads may append.

    `key` is what the work is known by: the same key, the same journal. `folder` is its place below the directory for
    state, `busy` what to tell whoever comes second.
    """

    def __init__(self, folder: str, key: Sequence[object], busy: str) -> None:
        digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()
        self.path = os.path.join(paths.state_dir(), folder, f"{digest}.jsonl")
        self._busy = busy
        self._writing = threading.Lock()
        self._descriptor = -1

    def look(self) -> list[dict[str, Any]]:
        """Return the lines that there are; nothing is made, locked or changed. Raises OSError."""
        try:
            with open(self.path, "rb") as stream:
                return [line for line in map(_decoded, stream) if line is not None]
        except FileNotFoundError:
            return []

    def open(self) -> None:
        """Open and lock the journal; make it if there is none. Raises HCAError if another run has it, OSError."""
        folder = os.path.dirname(self.path)
        paths.make_private_dir(paths.state_dir())
        paths.make_private_dir(folder)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        while True:
            descriptor = os.open(self.path, flags, 0o600)
            if not locking.taken(descriptor):
                os.close(descriptor)
                raise HCAError(self._busy, hint="wait for its end, or stop it first")
            # A run that ends removes its journal: one that went before we had its lock is nobody's any more.
            if os.path.exists(self.path) and os.path.samestat(os.fstat(descriptor), os.stat(self.path)):
                self._descriptor = descriptor
                return
            os.close(descriptor)

    def close(self) -> None:
        """Close the journal; appending is an error from now on."""
        with self._writing:
            os.close(self._descriptor)
            self._descriptor = -1  # a thread that still works must not write to what gets this number next

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield the lines from the first on. Those that a kill has cut off are left out. Raises OSError."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        last = b"\n"
        with open(self._descriptor, "rb", closefd=False) as stream:
            for last in stream:
                line = _decoded(last)
                if line is not None:
                    yield line
        if not last.endswith(b"\n"):
            os.write(self._descriptor, b"\n")

    def restart(self, lines: Iterable[dict[str, Any]]) -> None:
        """Forget what was written and begin with `lines`; all that was there stays if that fails. Raises OSError."""
        temporary = files.temporary_beside(self.path)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
        with self._writing:
            descriptor = os.open(temporary, flags, 0o600)
            try:
                locking.taken(descriptor)  # nobody else knows it
                _write(descriptor, lines)
                os.replace(temporary, self.path)
            except BaseException:
                os.close(descriptor)
                os.unlink(temporary)
                raise
            os.close(self._descriptor)
            self._descriptor = descriptor

    def append(self, lines: Iterable[dict[str, Any]]) -> None:
        """Write `lines`, in one piece; dataclasses in them become objects. Raises OSError."""
        with self._writing:
            _write(self._descriptor, lines)

    def remove(self) -> None:
        """Remove the journal: the work is done. Raises OSError."""
        os.ftruncate(self._descriptor, 0)
        try:
            os.unlink(self.path)
        except PermissionError:
            pass  # Windows does not remove open files; an empty one is as good as none


def read_each(lines: Iterable[dict[str, Any]], read: Callable[[dict[str, Any]], None]) -> None:
    """Let `read` take the `lines` of a journal one by one; one that it can't make sense of is left out."""
    for line in lines:
        try:
            read(line)
        except (AttributeError, KeyError, TypeError, ValueError):
            log.logger().debug("a line of a journal makes no sense: %r", line)


def _write(descriptor: int, lines: Iterable[dict[str, Any]]) -> None:
    data = memoryview(b"".join(json.dumps(line, default=asdict).encode() + b"\n" for line in lines))
    while data:
        data = data[os.write(descriptor, data) :]


def _decoded(line: bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None
