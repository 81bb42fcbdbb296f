"""Files that are indexes: 16 bytes for each unit, its offset and its length as little-endian integers."""

from __future__ import annotations

import os
import sys
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hca_core.errors import UsageError
from hca_shock.forms import BLOCK, Source, file_blocks

if TYPE_CHECKING:
    from hca_core.files import StrPath

_PAIR = 16


@dataclass(frozen=True)
class Found:
    """What a file that is an index has: its size in bytes, how many units, their average length in bytes."""

    size: int
    units: int
    average: int


def read(path: StrPath, file_size: int) -> Found:
    """Read an index of a file of `file_size` bytes. Raises UsageError if it is none, with the first wrong unit."""
    name = os.fspath(path)
    try:
        size = os.stat(name).st_size
        if not size or size % _PAIR:
            raise UsageError(
                f"{name} is no index: {size} bytes are no pairs of 64-bit integers",
                hint="hca shock index upload --help tells what an index is; hca shock index build has one made",
            )
        total = 0
        for number, block in enumerate(file_blocks(name)):
            numbers = array("q", block)
            if sys.byteorder == "big":
                numbers.byteswap()
            offsets, lengths = numbers[::2], numbers[1::2]
            total += sum(lengths)
            for place, (offset, length) in enumerate(zip(offsets, lengths, strict=True)):
                if offset < 0 or length < 0 or offset + length > file_size:
                    unit = number * (BLOCK // _PAIR) + place + 1
                    raise UsageError(
                        f"{name} is no index of this file: unit {unit} has {length} bytes at {offset}, "
                        f"the file has {file_size}"
                    )
    except OSError as error:
        raise UsageError(f"{name} can't be read: {error.strerror}") from error
    return Found(size, size // _PAIR, total * _PAIR // size)


def content(path: StrPath, found: Found) -> bytes | Source:
    """Return the content of the file as it is sent."""
    if found.size <= BLOCK:
        return b"".join(file_blocks(path))
    return Source(found.size, lambda: file_blocks(path, 0, found.size))
