"""The files of indexes: pairs of little-endian 64-bit integers, the offset and the length of each unit."""

from __future__ import annotations

import os
import re
import shutil
import sys
from array import array
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

PAIR = 16
_AT_ONCE = 4096  # units
# They become names of files.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", re.ASCII)
_SUFFIX = ".idx"


class TornError(ValueError):
    """A file of units that ends within one."""


class Unit(NamedTuple):
    """A piece of a file."""

    offset: int
    length: int


def is_name(text: str) -> bool:
    """Tell whether `text` may be the name of an index."""
    return _NAME.fullmatch(text) is not None


def directory(root: Path, id: str) -> Path:
    """Return where the files of a node's indexes are; `root` is the directory of the service."""
    return root / "indexes" / id[:2] / id


def path_of(root: Path, id: str, name: str) -> Path:
    """Return the file of the index `name` of a node."""
    return directory(root, id) / f"{name}{_SUFFIX}"


def origins_of(root: Path, id: str, name: str) -> Path:
    """Return the file that tells where the units of a subset node lie in its parent's file."""
    return directory(root, id) / f"{name}.origins"


def bam_path(root: Path, id: str) -> Path:
    """Return the file of the index that samtools has made for a node."""
    return directory(root, id) / "bai.bai"


def count(path: Path) -> int:
    """Return how many units an index has. Raises OSError."""
    return os.stat(path).st_size // PAIR


def units(path: Path, first: int, end: int) -> Iterator[Unit]:
    """Yield the units number `first` to before `end`, counted from 0. Raises OSError if they are not all there."""
    with open(path, "rb") as file:
        file.seek(first * PAIR)
        for unit in islice(units_in(file), end - first):
            first += 1
            yield unit
    if first < end:
        raise OSError(f"{path} is shorter than it was a moment ago")


def units_in(file: BinaryIO) -> Iterator[Unit]:
    """Yield the units in an open file. Raises TornError if it ends within one, OSError."""
    while block := file.read(_AT_ONCE * PAIR):
        if len(block) % PAIR:
            raise TornError
        numbers = _numbers(block)
        yield from map(Unit, numbers[::2], numbers[1::2])


def size(path: Path, first: int, end: int) -> int:
    """Return how many bytes the units number `first` to before `end` have together. Raises OSError."""
    return sum(unit.length for unit in units(path, first, end))


def unit_at(path: Path, position: int) -> int:
    """Return the number of the last unit that begins at `position` or before, in an index without gaps."""
    with open(path, "rb") as file:
        low, high = 0, count(path)
        while low + 1 < high:
            middle = (low + high) // 2
            file.seek(middle * PAIR)
            if _numbers(file.read(PAIR))[0] <= position:
                low = middle
            else:
                high = middle
    return low


def write(file: BinaryIO, found: Iterable[tuple[int, int]]) -> int:
    """Write units, offset and length each, and return how many they were. Raises OSError."""
    pairs = array("q")
    written = 0
    for pair in found:
        pairs.extend(pair)
        if len(pairs) == 2 * _AT_ONCE:
            written += _write(file, pairs)
            del pairs[:]
    return written + _write(file, pairs)


def remove_all(root: Path, id: str) -> None:
    """Remove the indexes of a node that is gone."""
    shutil.rmtree(directory(root, id), ignore_errors=True)


def copy_all(root: Path, source: str, target: str) -> None:
    """Give the node `target` the index files of `source`; they never change, so links will do. Raises OSError."""
    there = directory(root, target)
    try:
        entries = list(os.scandir(directory(root, source)))
    except FileNotFoundError:
        return
    there.mkdir(parents=True, exist_ok=True, mode=0o700)
    for entry in entries:
        try:
            os.link(entry.path, there / entry.name)
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            shutil.copyfile(entry.path, there / entry.name)


def _write(file: BinaryIO, pairs: array[int]) -> int:
    if sys.byteorder == "big":
        pairs = pairs[:]
        pairs.byteswap()
    file.write(pairs)
    return len(pairs) // 2


def _numbers(block: bytes) -> array[int]:
    numbers = array("q", block)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
