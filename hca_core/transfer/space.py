"""What there is to do, counted without doing it: files, bytes, what is there already, and the room on the disk."""

from __future__ import annotations

import os
import shutil
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hca_core.errors import HCAError
from hca_core.transfer import parts, seal
from hca_core.transfer.report import Missing, in_bytes
from hca_core.transfer.values import origin_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hca_core.transfer.report import Report
    from hca_core.transfer.run import Total
    from hca_core.transfer.values import Transfer

_ABSENT, _SEALED, _UNCHECKED = range(3)
# How a file is kept while they are counted: its size (no disk can have a larger one), and in two bytes the number of
# its source's origin (8 bits), how many requests it takes (6 bits), and whether it is there (2 bits).
_MOST_SIZE = 2**63 - 1
_MOST_REQUESTS = 63
_BUCKETS = 256
_BLOCK = 4096  # what a small file takes at least, on nearly all file systems
_WORTH_A_LOOK = 1024 * 1024  # bytes: parts of smaller files do not make a difference


class NoSpaceError(HCAError):
    """There is not enough room on the disk for what is to be fetched."""

    def __init__(self, directory: str, needed: int, free: int, what: str = "") -> None:
        super().__init__(
            f"there is not enough room in {directory or '.'}: {what}{_exactly(needed)} needed, {_exactly(free)} free",
            hint="make room, or name another disk; nothing of it was fetched",
        )


def _exactly(size: int) -> str:
    return f"{in_bytes(size)} ({size:,} bytes)" if size >= 1000 else in_bytes(size)


@dataclass
class Plan:
    """What there is to do, each target counted once; `unchecked` of those `present` will be read to be sure of them.

    `held` bytes of what is not there are in parts of earlier runs; `sources` counts it by the origin of its source.
    """

    files: int = 0
    size: int = 0
    present: int = 0
    present_size: int = 0
    unchecked: int = 0
    requests: int = 0
    held: int = 0
    room: int = 0
    sources: Counter[str] = field(default_factory=Counter)


class Tally:
    """Counts transfers with 18 bytes of memory for each; duplicates are sorted out at the end."""

    def __init__(self) -> None:
        self._keys = [array("Q") for _ in range(_BUCKETS)]
        self._sizes = [array("Q") for _ in range(_BUCKETS)]
        self._states = [array("H") for _ in range(_BUCKETS)]
        self._origins: dict[str, int] = {}
        self._held = 0

    def add(self, transfer: Transfer) -> None:
        """Count a transfer: one look at the disk."""
        key = hash(transfer.target) & 0xFFFFFFFFFFFFFFFF
        size = min(transfer.size or 0, _MOST_SIZE)
        state = _state(transfer)
        requests = origin = 0
        if state == _ABSENT:
            origin = self._origins.setdefault(origin_of(transfer.source), len(self._origins))
            requests = 0 if transfer.size == 0 else getattr(transfer.source, "requests_each", 1)
            if size >= _WORTH_A_LOOK:
                self._held += held(transfer.target)
        self._keys[key % _BUCKETS].append(key)
        self._sizes[key % _BUCKETS].append(size)
        self._states[key % _BUCKETS].append(origin << 8 | min(requests, _MOST_REQUESTS) << 2 | state)

    def plan(self) -> Plan:
        """Return the sums."""
        plan = Plan(held=self._held, room=-self._held)
        origins = list(self._origins)
        for keys, sizes, states in zip(self._keys, self._sizes, self._states, strict=True):
            for size, packed in dict(zip(keys, zip(sizes, states, strict=True), strict=True)).values():
                state = packed & 3
                plan.files += 1
                plan.size += size
                plan.requests += packed >> 2 & _MOST_REQUESTS
                if state == _ABSENT:
                    plan.sources[origins[packed >> 8]] += 1
                    plan.room += -(-size // _BLOCK) * _BLOCK
                else:
                    plan.present += 1
                    plan.present_size += size
                    plan.unchecked += state == _UNCHECKED
        plan.room = max(plan.room, 0)
        return plan


def _state(transfer: Transfer) -> int:
    if transfer.digest is None:
        return _ABSENT  # it may be any file, so it will be fetched
    try:
        found = os.stat(transfer.target)
    except (FileNotFoundError, NotADirectoryError):
        return _ABSENT
    if transfer.size is not None and found.st_size != transfer.size:
        return _ABSENT
    return _SEALED if seal.is_sealed(found, transfer.digest) else _UNCHECKED


def held(target: str) -> int:
    """Return how many bytes of a file the largest of its parts has already."""
    return max([0, *(parts.size(one) for one in parts.Listing().of(target))])


def free_below(directory: str) -> int | None:
    """Return how many bytes there is room for where `directory` is or will be, None where the system does not tell."""
    folder = os.path.abspath(directory or ".")
    while not os.path.isdir(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    try:
        found = shutil.disk_usage(folder)
    except OSError:
        return None
    return found.free if found.total else None


def check(wanted: Iterable[Transfer | Missing], total: Total | None, directory: str) -> None:
    """Raise NoSpaceError if there is no room for what is `wanted`.

    Where the `total` of everything fits nothing more is done; else what is not there yet is counted, unless `wanted`
    is an iterator, which can't be gone through twice: there `Room` looks at each file.
    """
    free = free_below(directory)
    if free is None or total is None or total.size + total.files * _BLOCK <= free or iter(wanted) is wanted:
        return
    tally = Tally()
    for one in wanted:
        if not isinstance(one, Missing):
            tally.add(one)
    needed = tally.plan().room
    if needed > free:
        raise NoSpaceError(directory, needed, free)


class Room:
    """Watches the room on the disk where it is not known beforehand how much will come.

    It is looked at again only when as much was asked for as was free then, so that small files cost nothing.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._left = free_below(directory)

    def take(self, transfer: Transfer) -> None:
        """Raise NoSpaceError if there is certainly no room for a file."""
        if self._left is None:
            return
        self._left -= transfer.size or 0
        if self._left >= 0:
            return
        free = free_below(self._directory)
        self._left = free
        if free is None or _state(transfer) != _ABSENT:
            return
        needed = (transfer.size or 0) - held(transfer.target)
        if needed > free:
            raise NoSpaceError(self._directory, needed, free, what=f"{transfer.name}: ")
        self._left = free - needed


def planned(wanted: Iterable[Transfer | Missing], report: Report, directory: str) -> dict[str, Any]:
    """Return the document of a dry run; what can't be had is noted in `report`. Nothing is written or fetched."""
    tally = Tally()
    for one in wanted:
        if isinstance(one, Missing):
            report.missing(one)
        else:
            tally.add(one)
    plan = tally.plan()
    free = free_below(directory)
    return {
        "dry_run": True,
        "files": plan.files,
        "bytes": plan.size,
        "present": plan.present,
        "present_bytes": plan.present_size,
        "unchecked": plan.unchecked,
        "to_fetch": plan.files - plan.present,
        "bytes_to_fetch": max(plan.size - plan.present_size - plan.held, 0),
        "requests": plan.requests,
        **({"sources": dict(plan.sources)} if any(plan.sources) else {}),
        "room_needed": plan.room,
        "room_free": free,
        "enough_room": free is None or plan.room <= free,
    }
