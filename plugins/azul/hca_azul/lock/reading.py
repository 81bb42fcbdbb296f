"""Lock: a lock file that was read and found good; its files are read again each time they are wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_azul.lock import parsing
from hca_azul.lock.document import FILES, Header, row_of
from hca_core.errors import HCAError, UsageError, os_error_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_azul.rows import Row


@dataclass(frozen=True)
class Lock:
    """The files of a lock file, which may be iterated again and again; one at a time is in memory.

        wanted = [row for row in reading.read("hca-lock.json") if row.name.endswith(".h5ad")]

    The places that it tells are in `extra["place"]` of its rows (the layout "recorded").
    """

    path: str
    header: Header

    @property
    def catalog(self) -> str:
        """The catalog that the files were found in; it may be gone."""
        return self.header.catalog

    def __iter__(self) -> Iterator[Row]:
        return (row_of(item, self.header) for key, item in _entries(self.path) if key == FILES)


def read(path: str) -> Lock:
    """Return the lock in a file, all of which is checked now. Raises UsageError for what can't be used."""
    told: dict[str, Any] = {}
    try:
        for key, value in _entries(path):
            if key != FILES:
                told[key] = value
        lock = Lock(path, Header.of(told))
        _check_files(lock)
    except HCAError as error:
        raise UsageError(
            f"the lock file {path} can't be used: {error.message}", hint=error.hint or "hca azul lock makes one"
        ) from error
    return lock


def _check_files(lock: Lock) -> None:
    """Raise HCAError unless all files are there, and each can be used."""
    count = size = 0
    rows = iter(lock)
    while True:
        try:
            row = next(rows, None)
        except HCAError as error:
            raise HCAError(f"file {count + 1} {error.message}") from error
        if row is None:
            break
        count, size = count + 1, size + (row.size or 0)
    if (lock.header.count, lock.header.bytes) != (count, size):
        raise HCAError(
            f"it should have {lock.header.count} files of {lock.header.bytes} bytes, but has {count} of {size}: "
            "it was cut or changed"
        )


def _entries(path: str) -> Iterator[tuple[str, Any]]:
    try:
        with open(path, encoding="utf-8-sig") as stream:
            yield from parsing.entries(stream, FILES)
    except UnicodeDecodeError as error:
        raise HCAError("it is not UTF-8 text") from error
    except OSError as error:
        raise HCAError(os_error_text(error)) from error
