"""Which bytes of a file a download asks for: a range, or units of an index (contract §6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hca_local.shock import index_files, indexing, nodes
from hca_local.shock.calls import ShockError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from hca_local.shock.calls import Call
    from hca_local.shock.nodes import Doc

_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_PART = re.compile(r"(\d{1,18})(?:-(\d{1,18}))?", re.ASCII)
_OUT_OF_BOUNDS = "Index record out of bounds"
_NO_PART = "Index parameter requires part parameter"
_INVALID_INDEX = "Invalid index type"
_INVALID_RANGE = "Invalid index record range"


@dataclass(frozen=True)
class Slice:
    """What is sent of a file: `size` bytes, those of `ranges` in this order."""

    size: int
    ranges: Callable[[], Iterable[tuple[int, int]]]
    is_whole: bool = False


def whole(size: int) -> Slice:
    """Return all of a file of `size` bytes."""
    return Slice(size, lambda: [(0, size)], is_whole=True)


async def asked(call: Call, doc: Doc) -> Slice:
    """Return what the query of a request asks for of the file of a node. Raises ShockError (400)."""
    size = doc["file"]["size"]
    if call.has("seek") or call.has("length"):
        if doc["subset"] and call.shock.quirks:
            raise ShockError(400, "subset nodes do not currently support seek/length offset retrieval")
        return _bytes(call, size)
    name = call.first("index")
    if name is None:
        return whole(size)
    if name == indexing.SIZE:
        return _pieces(call, doc, size)
    return await _units(call, doc, name)


def _bytes(call: Call, size: int) -> Slice:
    """Return the bytes that `seek` and `length` mean. Raises ShockError (400)."""
    seek = _integer(call, "seek", 0, "seek must be an integer value")
    length = _integer(call, "length", size, "length must be an integer value")
    if not call.shock.quirks:
        if seek < 0 or length < 0:
            raise ShockError(400, "seek and length can't be negative.")
        if seek >= size and seek > 0:
            raise ShockError(400, f"The file has {size} bytes, there is nothing at {seek}.")
    elif length < 0:
        length = size
    elif seek < 0:
        # The real server promises bytes here that it then can't read.
        return Slice(min(length, size - seek), lambda: [(size, size)])
    start = min(seek, size)
    end = min(start + length, size)
    return Slice(end - start, lambda: [(start, end)])


def _pieces(call: Call, doc: Doc, size: int) -> Slice:
    """Return pieces of equal size, by their numbers. Raises ShockError (400)."""
    quirks = call.shock.quirks
    if quirks and doc["subset"]:
        raise ShockError(400, "subset nodes do not currently support virtual indices")
    if quirks and doc["file"]["virtual"]:
        raise ShockError(400, _INVALID_INDEX)
    chunk = _integer(call, "chunk_size", nodes.CHUNK, "Invalid chunk_size")
    if chunk < 0 or (chunk == 0 and not quirks):
        raise ShockError(400, "Invalid chunk_size")
    parts = _parts(call)
    if not size:
        raise ShockError(400, _OUT_OF_BOUNDS)
    ranges = []
    for first, last in parts:
        # The real server lets the piece pass that would follow an exact multiple; it is empty.
        if (first - 1) * chunk > size - (0 if quirks else 1):
            raise ShockError(400, _OUT_OF_BOUNDS)
        start = (first - 1) * chunk
        ranges.append((start, max(start, min(last * chunk, size))))
    return Slice(sum(end - start for start, end in ranges), lambda: ranges)


async def _units(call: Call, doc: Doc, name: str) -> Slice:
    """Return units of the index `name`, by their numbers. Raises ShockError (400)."""
    known = doc["indexes"].get(name)
    path = index_files.path_of(call.shock.root, doc["id"], name)
    if known is None or not index_files.is_name(name):
        raise ShockError(400, _INVALID_INDEX)
    if known["locked"]:
        raise ShockError(400, "Node file is locked")
    if not path.exists():
        raise ShockError(400, _INVALID_INDEX)
    # With quirks its sender tells how many it has, whatever the file says.
    total = min(known["total_units"], index_files.count(path))
    is_optional = known.get("kind") == indexing.SUBSET or bool(doc["subset"] and doc["subset"]["index"] == name)
    parts = [(1, total)] if is_optional and not call.has("part") else _parts(call)
    for first, last in parts:
        if max(first, last) > total:
            raise ShockError(400, _OUT_OF_BOUNDS)
    numbers = [(first - 1, max(last, first - 1)) for first, last in parts]
    size = await call.shock.run(_size, path, numbers)
    return Slice(size, lambda: _ranges(path, numbers))


def _parts(call: Call) -> list[tuple[int, int]]:
    """Return the first and the last number of each part that is asked for. Raises ShockError (400)."""
    values = [value for key, value in call.query if key == "part"]
    if not values:
        raise ShockError(400, _NO_PART)
    parts = []
    for value in values:
        found = _PART.fullmatch(value)
        if not found:
            raise ShockError(400, _INVALID_RANGE)
        first, last = int(found[1]), int(found[2] or found[1])
        if not first:
            raise ShockError(400, _OUT_OF_BOUNDS)
        if last < first and not call.shock.quirks:
            raise ShockError(400, _INVALID_RANGE)
        parts.append((first, last))
    return parts


def _integer(call: Call, key: str, default: int, complaint: str) -> int:
    """Return an integer of the query. Raises ShockError (400) with `complaint`."""
    value = call.first(key)
    if value is None:
        return default
    if not _INTEGER.fullmatch(value):
        raise ShockError(400, complaint)
    return int(value)


def _size(path: Path, numbers: list[tuple[int, int]]) -> int:
    return sum(index_files.size(path, first, end) for first, end in numbers)


def _ranges(path: Path, numbers: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield where the units lie; neighbours are one range. Raises OSError."""
    start = end = 0
    for first, last in numbers:
        for unit in index_files.units(path, first, last):
            if unit.offset != end:
                yield start, end
                start = unit.offset
            end = unit.offset + unit.length
    yield start, end
