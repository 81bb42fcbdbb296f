"""The building of indexes: in a thread, reading the file once, into a file that takes its place when it is complete."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from hca_local.shock import content, index_files, records_in_files, times
from hca_local.shock.calls import ShockError
from hca_local.shock.sequences import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from hca_local.shock.nodes import Doc
    from hca_local.shock.shock import Shock

    Find = Callable[[Iterable[bytes]], Iterator[int]]

# How the indexes that are built from the bytes alone find where their units begin.
FINDERS: dict[str, Find] = {
    "line": records_in_files.lines,
    "record": records_in_files.records,
    "chunkrecord": records_in_files.chunks,
}
BAM = "bai"
SIZE = "size"
SUBSET = "subset"
COLUMN = "column"
_LONGEST_NUMBER = 32  # digits and line end


class Built(NamedTuple):
    """What an index file holds: how many units, how many bytes they have together."""

    units: int
    size: int


def subset_index(shock: Shock, doc: Doc, parent: str, numbers: BinaryIO, name: str) -> Built:
    """Make the index `name` of the units of the index `parent` whose numbers are in a file; call it in a thread.

    Raises ShockError (400), OSError.
    """
    path = _ready(shock, doc, parent)
    size = 0

    def measured() -> Iterator[tuple[int, int]]:
        nonlocal size
        for unit in chosen(path, numbers):
            size += unit.length
            yield unit

    with made(shock, index_files.path_of(shock.root, doc["id"], name)) as file:
        count = index_files.write(file, measured())
    return Built(count, size)


def from_bytes(shock: Shock, doc: Doc, name: str, find: Find) -> Built:
    """Build the index `name` of a node, whose units begin where `find` says; call it in a thread.

    Raises ShockError, MalformedError, OSError.
    """
    whole = content.of(shock, doc)
    with made(shock, index_files.path_of(shock.root, doc["id"], name)) as file:
        units = records_in_files.units(find(whole.blocks()), whole.size)
        count = index_files.write(file, units)
        if not count:
            raise MalformedError("Index empty.")
    return Built(count, whole.size)


def uploaded(shock: Shock, doc: Doc, name: str, source: BinaryIO, expected: int | None) -> Built:
    """Take an open file as the index `name` of a node; call it in a thread.

    Parameters: `expected` is how many units its sender says it has, None if he does not. Raises ShockError (400) if it
    is no index of the node's file, OSError.
    """
    size = 0

    def checked() -> Iterator[tuple[int, int]]:
        nonlocal size
        for unit in index_files.units_in(source):
            if unit.offset < 0 or unit.length < 0 or unit.offset + unit.length > doc["file"]["size"]:
                raise ShockError(400, f"The index has a unit outside of the file: {unit.length} at {unit.offset}.")
            size += unit.length
            yield unit

    try:
        with made(shock, index_files.path_of(shock.root, doc["id"], name)) as file:
            count = index_files.write(file, checked())
            if not count:
                raise ShockError(400, "The index has no units.")
            if expected not in (None, count):
                raise ShockError(400, f"The index has {count} units, not {expected} as totalUnits says.")
    except index_files.TornError as error:
        raise ShockError(
            400, "An index has 16 bytes for each unit: offset and length, as little-endian 64-bit integers."
        ) from error
    return Built(count, size)


def entry(built: Built) -> dict[str, Any]:
    """Return what a node tells of an index."""
    average = built.size // built.units if built.units else 0
    return {
        "total_units": built.units,
        "average_unit_size": average,
        "created_on": times.now(),
        "locked": None,
    }


def finder(name: str, number: int) -> Find:
    """Return how the units of an index are found; `number` is that of the column for the index of a column."""
    return partial(records_in_files.column, number=number) if number else FINDERS[name]


def chosen(index: Path, numbers: BinaryIO) -> Iterator[index_files.Unit]:
    """Yield the units of an index whose numbers, counted from 1, an open file has. Raises ShockError (400), OSError."""
    total = index_files.count(index)
    units = index_files.units(index, 0, total)
    before = 0
    for line in iter(partial(numbers.readline, _LONGEST_NUMBER), b""):
        text = line.strip()
        if not text:
            continue
        if not text.isdigit() or len(text) == _LONGEST_NUMBER:
            raise ShockError(400, "Subset index: the file is to have one number on each line.")
        number = int(text)
        if number <= before:
            raise ShockError(
                400,
                "Subset indices must be numerically sorted and non-redundant, "
                f"found value {number} after value {before}",
            )
        if number > total:
            raise ShockError(400, f"Subset index: {number} does not exist in parent index file.")
        yield next(islice(units, number - before - 1, None))
        before = number
    if not before:
        raise ShockError(400, "Subset index: the file has no numbers.")


@contextmanager
def made(shock: Shock, path: Path) -> Iterator[BinaryIO]:
    """Give a file that becomes `path` when it is complete, and is gone when it does not. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    incoming = shock.root / "incoming" / f"index-{secrets.token_hex(8)}"
    try:
        with open(os.open(incoming, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(incoming, path)
    except BaseException:
        incoming.unlink(missing_ok=True)
        raise


def _ready(shock: Shock, doc: Doc, name: str) -> Path:
    """Return the file of an index that units are chosen from. Raises ShockError (400)."""
    known = doc["indexes"].get(name)
    path = index_files.path_of(shock.root, doc["id"], name)
    if known is None or known["locked"] or not index_files.is_name(name) or not path.exists():
        raise ShockError(400, f"Node {doc['id']} does not have index of type {name}.")
    return path
