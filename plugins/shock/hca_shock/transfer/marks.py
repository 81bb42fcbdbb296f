"""How a large file is cut into parts, and how the parts at the server say which upload they belong to.

The server keeps the file name of each part (service contract §5). That is where an upload leaves its mark, so that one
that was interrupted can go on from any machine that has the file, without notes of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MEBIBYTE = 1024 * 1024
_SMALLEST, _LARGEST = 16 * MEBIBYTE, 64 * MEBIBYTE
_FEW = 1000  # parts: every answer of the server lists all of them
_MARK = re.compile(r"hca-(\d{1,19})-(\d{1,19})-([0-9a-f]{12})-(\d{1,9})")


@dataclass(frozen=True)
class Plan:
    """A file of `size` bytes in parts of `part_size` bytes, the last of which may be shorter.

    `content` tells the file from others of its size and name (12 hexadecimal digits).
    """

    size: int
    part_size: int
    content: str

    @property
    def count(self) -> int:
        """How many parts there are."""
        return max(1, -(-self.size // self.part_size))

    def length(self, number: int) -> int:
        """The length of the part `number` (from 1) in bytes."""
        return min(self.part_size, self.size - (number - 1) * self.part_size)

    def mark(self, number: int) -> str:
        """The file name that is sent with the part `number`."""
        return f"hca-{self.size}-{self.part_size}-{self.content}-{number}"


def plan(size: int, content: str, part_size: int | None = None) -> Plan:
    """Return how a file of `size` bytes is cut: in parts of `part_size` bytes, if that is given.

    Else a part has 16 MiB, more if the file would have more than a thousand, and at most 64 MiB, as a few of them are
    held in memory.
    """
    if part_size is None:
        wanted = -(-size // _FEW // MEBIBYTE) * MEBIBYTE
        part_size = min(max(_SMALLEST, wanted), _LARGEST)
    return Plan(size, part_size, content)


def of_mark(name: str) -> Plan | None:
    """Return the plan of the upload that a part with this file name belongs to; None for a part of somebody else."""
    found = _MARK.fullmatch(name)
    if found is None or int(found[2]) == 0:
        return None
    return Plan(int(found[1]), int(found[2]), found[3])
