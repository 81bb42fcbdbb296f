"""The bytes of objects: files with names of our own, each written once and never changed."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class Files:
    """The directory of the bytes.

    Files of an object that somebody reads are not removed before the last reader has left. All methods but
    `sync`, `link` and `unlink` are for the thread of the event loop.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._readers = Counter[int]()
        self._waiting: dict[int, list[str]] = {}
        self._added = threading.Event()

    def new_name(self) -> str:
        """Return a name that no file has."""
        return secrets.token_hex(16)

    def path(self, name: str) -> str:
        """Return where the file `name` is."""
        return os.path.join(self.directory, name)

    def added(self) -> None:
        """Note that there is a new file whose name is to last."""
        self._added.set()

    def sync(self) -> None:
        """Make the names of new files last, as their bytes already do. Raises OSError."""
        if not self._added.is_set() or os.name == "nt":
            return  # there a directory can't be synced, and need not be
        self._added.clear()
        descriptor = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def link(self, name: str) -> str:
        """Return the name of a new file with the bytes of the file `name`. Raises OSError."""
        made = self.new_name()
        try:
            os.link(self.path(name), self.path(made))
        except OSError:  # no links on this file system, or no more of them to this file
            with open(self.path(name), "rb") as source, open(self.path(made), "xb") as target:
                shutil.copyfileobj(source, target, 1024 * 1024)
                target.flush()
                os.fsync(target.fileno())
        self._added.set()
        return made

    @contextmanager
    def being_read(self, number: int) -> Iterator[None]:
        """Keep the files of the object version `number` until the body has run."""
        self._readers[number] += 1
        try:
            yield
        finally:
            self._readers[number] -= 1
            if not self._readers[number]:
                del self._readers[number]
                self.unlink(self._waiting.pop(number, ()))

    def removable(self, number: int, names: Iterable[str]) -> list[str]:
        """Return the files `names` of the removed object version `number` if they can go now; else they go later."""
        if number not in self._readers:
            return list(names)
        self._waiting[number] = list(names)
        return []

    def unlink(self, names: Iterable[str]) -> None:
        """Remove files. One that can't be removed is left for the next start, for no row names it any more."""
        for name in names:
            try:
                os.unlink(self.path(name))
            except OSError:
                pass
