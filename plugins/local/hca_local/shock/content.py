"""The bytes of a node, wherever they lie: in a file of its own, in those of other nodes, in pieces of another's."""

from __future__ import annotations

import os
from contextlib import aclosing, closing
from itertools import chain
from typing import TYPE_CHECKING

from hca_local.search.searcher import connected
from hca_local.shock import index_files, nodes
from hca_local.shock.calls import ShockError
from hca_local.shock.spans import Chosen, Joined, Stored

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Iterator
    from pathlib import Path
    from sqlite3 import Connection

    from hca_local.shock.nodes import Doc
    from hca_local.shock.shock import Shock
    from hca_local.shock.spans import Source, Span

CHUNK = 1024 * 1024
# Reading so much from the page cache takes the event loop less time than a hop to a thread and back.
_INLINE = 256 * 1024
_DEEPEST = 20


class Content:
    """The bytes of a node, to be read."""

    def __init__(self, shock: Shock, source: Source) -> None:
        self.size = source.size
        self._shock = shock
        self._source = source

    @property
    def files(self) -> int:
        """Of how many files these bytes are."""
        return self._source.files

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
            if size <= _INLINE and self.file is not None:
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


def is_made_of_others(doc: Doc) -> bool:
    """Tell whether the bytes of a node are those of other nodes."""
    return bool(doc["file"]["virtual"] or (doc["subset"] and not (doc["data"] or doc["path"])))


async def opened(shock: Shock, doc: Doc) -> Content:
    """Return the bytes of a node. Raises ShockError: it has none, or what they are part of is gone."""
    # There may be thousands of others to look for.
    return await shock.run(of, shock, doc) if is_made_of_others(doc) else of(shock, doc)


def of(shock: Shock, doc: Doc) -> Content:
    """Do what `opened` does in a thread that may wait."""
    if not is_made_of_others(doc):
        return Content(shock, _stored_or_chosen(shock, doc))
    with closing(connected(shock.store)) as connection:
        return Contents(shock, connection).of(doc)


def of_file(shock: Shock, path: Path) -> Content:
    """Return the bytes of a file of the service. Raises OSError."""
    return Content(shock, Stored(str(path), os.stat(path).st_size))


class Contents:
    """The bytes of several nodes; of those that are part of several others each is looked for once."""

    def __init__(self, shock: Shock, connection: Connection) -> None:
        """Parameters: `connection` belongs to the thread that asks."""
        self._shock = shock
        self._connection = connection
        self._known: dict[str, Source] = {}

    def of(self, doc: Doc) -> Content:
        """Return the bytes of a node. Raises ShockError: see `opened`."""
        return Content(self._shock, self._source(doc, 0))

    def _source(self, doc: Doc, depth: int) -> Source:
        if depth > _DEEPEST:
            raise ShockError(
                400, "The file of this node is made of others that are made of others, too often to follow."
            )
        if not is_made_of_others(doc):
            return _stored_or_chosen(self._shock, doc)
        if doc["subset"]:
            return _chosen(self._shock, doc, self._of_other(doc["subset"]["parent"], depth))
        sources = tuple(self._of_other(id, depth) for id in doc["file"]["virtual_parts"])
        return Joined(sources, sum(source.size for source in sources))

    def _of_other(self, id: str, depth: int) -> Source:
        if id not in self._known:
            doc = nodes.get(self._connection, id)
            if doc is None:
                raise ShockError(404, f"The node {id}, which the file of this one is made of, is gone.")
            self._known[id] = self._source(doc, depth + 1)
        return self._known[id]


def _stored_or_chosen(shock: Shock, doc: Doc) -> Source:
    """Return the file of a node, or pieces of it, without a look at other nodes. Raises ShockError."""
    if not nodes.has_file(doc):
        raise ShockError(400, "Node has no file")
    # The parent may be deleted meanwhile; what the node itself refers to of its bytes is kept.
    return _chosen(shock, doc, _stored(shock, doc, None)) if doc["subset"] else _stored(shock, doc, doc["file"]["size"])


def _chosen(shock: Shock, doc: Doc, whole: Source) -> Source:
    """Return the pieces of `whole` that are the bytes of a subset node."""
    name = doc["subset"]["index"]
    here = index_files.path_of(shock.root, doc["id"], name)
    return Chosen(whole, doc["file"]["size"], here, index_files.origins_of(shock.root, doc["id"], name))


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
