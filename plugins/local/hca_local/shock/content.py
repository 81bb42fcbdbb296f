"""The bytes of a node, wherever they lie: in a file of its own, in those of other nodes, in pieces of another's."""

from __future__ import annotations

import os
from contextlib import aclosing
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Protocol

from hca_local.shock import index_files, nodes
from hca_local.shock.calls import ShockError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Iterator
    from pathlib import Path

    from hca_local.shock.nodes import Doc
    from hca_local.shock.shock import Shock

CHUNK = 1024 * 1024
# Reading so much from the page cache takes the event loop less time than a hop to a thread and back.
_INLINE = 256 * 1024
_DEEPEST = 20


class Span(NamedTuple):
    """Bytes of a file from `offset` on."""

    path: str
    offset: int
    length: int


class Source(Protocol):
    """Where bytes lie; `size` is how many they are."""

    @property
    def size(self) -> int:
        """How many bytes there are."""

    def spans(self, start: int, end: int) -> Iterator[Span]:
        """Yield where the bytes from `start` to `end` lie, in order."""


@dataclass(frozen=True)
class Stored:
    """All bytes of one file."""

    path: str
    size: int

    def spans(self, start: int, end: int) -> Iterator[Span]:
        """Yield where the bytes from `start` to `end` lie."""
        if start < end:
            yield Span(self.path, start, end - start)


@dataclass(frozen=True)
class Joined:
    """The bytes of several sources, one after another."""

    sources: tuple[Source, ...]
    size: int

    def spans(self, start: int, end: int) -> Iterator[Span]:
        """Yield where the bytes from `start` to `end` lie."""
        begin = 0
        for source in self.sources:
            first, last = max(start - begin, 0), min(end - begin, source.size)
            if first < last:
                yield from source.spans(first, last)
            begin += source.size


@dataclass(frozen=True)
class Chosen:
    """Units of another source: the index file `here` tells where they are among themselves, `there` in the source."""

    source: Source
    size: int
    here: Path
    there: Path

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


class Content:
    """The bytes of a node, to be read."""

    def __init__(self, shock: Shock, source: Source) -> None:
        self.size = source.size
        self._shock = shock
        self._source = source

    @property
    def file(self) -> str | None:
        """The path of the file that these bytes are; None if they lie in several, or in a piece of one."""
        return self._source.path if isinstance(self._source, Stored) else None

    async def pieces(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `start` to `end`. Raises OSError if they are not all there."""
        async with aclosing(self.pieces_of([(start, end)], end - start)) as pieces:
            async for piece in pieces:
                yield piece

    async def pieces_of(self, ranges: Iterable[tuple[int, int]], size: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of `ranges`, from one place up to another each; they are `size` bytes together.

        Raises OSError if they are not all there.
        """
        reader = _Reader(chain.from_iterable(self._source.spans(start, end) for start, end in ranges))
        try:
            if size <= _INLINE:
                if block := reader.read(size):
                    yield block
                return
            while block := await self._shock.run(reader.read, CHUNK):
                yield block
        finally:
            reader.close()

    def read_sync(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` to `end`, in a thread that may wait. Raises OSError if they are not there."""
        reader = _Reader(self._source.spans(start, end))
        try:
            return reader.read(end - start)
        finally:
            reader.close()

    def blocks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from `start` to `end`, in a thread that may wait. Raises OSError if they are not there."""
        reader = _Reader(self._source.spans(start, self.size if end is None else end))
        try:
            while block := reader.read(CHUNK):
                if self._shock.is_over:
                    raise OSError("the server is being stopped")
                yield block
        finally:
            reader.close()


def of(shock: Shock, doc: Doc) -> Content:
    """Return the bytes of a node. Raises ShockError: it has none, or what they are part of is gone."""
    return Content(shock, _source(shock, doc, 0))


def of_file(shock: Shock, path: Path) -> Content:
    """Return the bytes of a file of the service. Raises OSError."""
    return Content(shock, Stored(str(path), os.stat(path).st_size))


def _source(shock: Shock, doc: Doc, depth: int) -> Source:
    if not nodes.has_file(doc):
        raise ShockError(400, "Node has no file")
    if depth > _DEEPEST:
        raise ShockError(400, "The file of this node is made of others that are made of others, too often to follow.")
    size = doc["file"]["size"]
    if doc["subset"]:
        # The parent may be deleted meanwhile; what the node itself refers to of its bytes is kept.
        own = doc["data"] or doc["path"]
        whole = _stored(shock, doc, None) if own else _of_other(shock, doc["subset"]["parent"], depth)
        name = doc["subset"]["index"]
        here = index_files.path_of(shock.root, doc["id"], name)
        return Chosen(whole, size, here, index_files.origins_of(shock.root, doc["id"], name))
    if doc["file"]["virtual"]:
        return Joined(tuple(_of_other(shock, id, depth) for id in doc["file"]["virtual_parts"]), size)
    return _stored(shock, doc, size)


def _of_other(shock: Shock, id: str, depth: int) -> Source:
    doc = nodes.get(shock.records, id)
    if doc is None:
        raise ShockError(404, f"The node {id}, which the file of this one is made of, is gone.")
    return _source(shock, doc, depth + 1)


def _stored(shock: Shock, doc: Doc, size: int | None) -> Stored:
    """Return the file of a node; `size` None takes the size that it has on disk. Raises ShockError."""
    if not (doc["path"] or doc["data"]):
        return Stored("", 0)
    path = doc["path"] or str(shock.path_of(doc["data"]))
    try:
        found = os.stat(path).st_size
    except OSError as error:
        raise ShockError(500, f"The file of this node can't be read: {error.strerror}.") from error
    if size is not None and found < size:
        raise ShockError(500, "The file of this node is shorter than it was.")
    return Stored(path, found if size is None else size)


class _Reader:
    """Reads spans in order, each file opened when it is its turn."""

    def __init__(self, spans: Iterator[Span]) -> None:
        self._spans = spans
        self._path = ""
        self._descriptor = -1
        self._offset = 0
        self._left = 0

    def read(self, count: int) -> bytes:
        """Return the next bytes: `count`, fewer at the end only. Raises OSError."""
        blocks = []
        while count and (self._left or self._next()):
            block = os.pread(self._descriptor, min(count, self._left), self._offset)
            if not block:
                raise OSError(f"{self._path} is shorter than it was a moment ago")
            self._offset += len(block)
            self._left -= len(block)
            count -= len(block)
            blocks.append(block)
        return blocks[0] if len(blocks) == 1 else b"".join(blocks)

    def close(self) -> None:
        """Close what is open."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _next(self) -> bool:
        """Turn to the next span; False if there is none."""
        span = next(self._spans, None)
        if span is None:
            return False
        if span.path != self._path:
            self.close()
            self._descriptor = os.open(span.path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
            self._path = span.path
        self._offset, self._left = span.offset, span.length
        return True
