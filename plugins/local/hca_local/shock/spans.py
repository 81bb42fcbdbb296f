"""Where the bytes of a node lie: a file, several of them, pieces of one."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple, Protocol

from hca_local.shock import index_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Span(NamedTuple):
    """Bytes of a file from `offset` on."""

    path: str
    offset: int
    length: int


class Source(Protocol):
    """Where bytes lie."""

    @property
    def size(self) -> int:
        """How many bytes there are."""

    @property
    def files(self) -> int:
        """Of how many files they are, one that is there several times counted each time."""

    def spans(self, start: int, end: int) -> Iterator[Span]:
        """Yield where the bytes from `start` to `end` lie, in order."""


@dataclass(frozen=True)
class Stored:
    """All bytes of one file."""

    path: str
    size: int
    files: int = 1

    def spans(self, start: int, end: int) -> Iterator[Span]:
        """Yield where the bytes from `start` to `end` lie."""
        if start < end:
            yield Span(self.path, start, end - start)


@dataclass(frozen=True)
class Joined:
    """The bytes of several sources, one after another."""

    sources: tuple[Source, ...]
    size: int

    @cached_property
    def files(self) -> int:
        """Of how many files they are."""
        return sum(source.files for source in self.sources)

    @cached_property
    def _begins(self) -> list[int]:
        """Where each source begins, and the last one ends."""
        return [0, *accumulate(source.size for source in self.sources)]

    def spans(self, start: int, end: int) -> Iterator[Span]:
        """Yield where the bytes from `start` to `end` lie."""
        number = bisect_right(self._begins, start) - 1
        while number < len(self.sources) and self._begins[number] < end:
            begin, source = self._begins[number], self.sources[number]
            yield from source.spans(max(start - begin, 0), min(end - begin, source.size))
            number += 1


@dataclass(frozen=True)
class Chosen:
    """Units of another source: the index file `here` tells where they are among themselves, `there` in the source."""

    source: Source
    size: int
    here: Path
    there: Path

    @property
    def files(self) -> int:
        """Of how many files they are."""
        return self.source.files

    def spans(self, start: int, end: int) -> Iterator[Span]:
        """Yield where the bytes from `start` to `end` lie. Raises OSError."""
        if start >= end:
            return
        first, last = index_files.unit_at(self.here, start), index_files.count(self.here)
        units = index_files.units(self.here, first, last)
        origins = index_files.units(self.there, first, last)
        for unit, origin in zip(units, origins, strict=True):
            if unit.offset >= end:
                return
            skipped = max(start - unit.offset, 0)
            left_out = max(unit.offset + unit.length - end, 0)
            yield from self.source.spans(origin.offset + skipped, origin.offset + origin.length - left_out)
