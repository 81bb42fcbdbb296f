"""Puts parts together while they come, so that little is left to do when the last one is there.

The data file grows by each part that follows those it has. An uncompressed part goes as soon as it is safe there: a
file needs its own size on disk and not twice that. A process that begins anew sees by the files of the parts how far
its predecessor came. What is unpacked has to begin from its first byte, so there the parts stay until the end.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from typing import TYPE_CHECKING

from hca_local.shock import arriving, locks, nodes, parts
from hca_local.shock.calls import ShockError
from hca_local.shock.compressed import Unpacker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from hca_local.shock.nodes import Doc
    from hca_local.shock.shock import Shock

_BLOCK = 1024 * 1024
# So many bytes are added before the disk is asked to keep them.
_AT_ONCE = 64 * 1024 * 1024


class _StoppedError(Exception):
    """The service is being stopped."""


class Assemblies:
    """All files that come in parts; for the thread of the event loop."""

    def __init__(self, shock: Shock) -> None:
        self._shock = shock
        self._growing: dict[str, _Growing] = {}
        self._running: dict[str, asyncio.Lock] = {}
        self._wanted = set[str]()
        self._arriving = set[tuple[str, int]]()

    def reserve(self, id: str, numbers: Iterable[int]) -> None:
        """Make sure that nobody else brings these parts of the node `id` meanwhile. Raises ShockError (400)."""
        wanted = {(id, number) for number in numbers}
        if wanted & self._arriving:
            raise ShockError(400, "Node file immutable")
        self._arriving |= wanted

    def release(self, id: str, numbers: Iterable[int]) -> None:
        """Let others bring these parts."""
        self._arriving -= {(id, number) for number in numbers}

    def advance(self, id: str) -> None:
        """Go on with the file of the node `id`, of which a part has come."""
        if id not in self._wanted:  # else somebody waits to look, and will find this part too
            self._wanted.add(id)
            self._shock.later(self._advance(id))

    def resume(self) -> None:
        """Go on with all files whose parts were all there when a former process ended."""
        rows = self._shock.records.execute("SELECT id FROM shock_nodes WHERE is_busy = 1")
        for (id,) in rows.fetchall():
            doc = nodes.get(self._shock.records, id)
            if doc and parts.is_work_left(doc):
                self.advance(id)

    async def drop(self, id: str) -> None:
        """Stop with the file of the node `id`, which is gone, and return when it is not written any more."""
        lock = self._running.get(id)
        if lock:
            async with lock:
                pass
        self._growing.pop(id, None)

    async def _advance(self, id: str) -> None:
        lock = self._running.setdefault(id, asyncio.Lock())
        try:
            async with lock:
                self._wanted.discard(id)
                await self._grow(id)
        except _StoppedError:
            pass
        finally:
            if id not in self._wanted and not lock.locked():
                self._running.pop(id, None)

    async def _grow(self, id: str) -> None:
        """Add the parts that have come, and complete the file if no more will. Raises _StoppedError."""
        doc = nodes.get(self._shock.records, id)
        while doc is not None and parts.is_work_left(doc):
            is_last = parts.is_complete(doc)
            growing = self._growing.get(id)
            if growing is None or (growing.failure and is_last):
                growing = self._growing[id] = _Growing(self._shock, id, doc["data"], doc["parts"]["compression"])
            ready = growing.ready(doc)
            if not is_last and (growing.failure or not ready):
                return
            try:
                await self._shock.run(growing.add, doc, ready)
                if is_last:
                    await self._complete(growing)
                    return
            except (ShockError, OSError) as error:
                growing.failure = str(error)
                if is_last:
                    await self._fail(growing)
                return
            doc = nodes.get(self._shock.records, id)

    async def _complete(self, growing: _Growing) -> None:
        """Make the file that of its node. Raises ShockError (400), OSError."""
        size, md5 = await self._shock.run(growing.finish)

        def edit(doc: Doc) -> None:
            nodes.set_file(doc, doc["file"]["name"] or doc["id"], size, md5)
            nodes.add_size_index(doc)
            locks.unlock_file(doc)
            doc["part_sizes"] = {}

        try:
            await self._shock.writer.run(
                lambda connection: nodes.change(connection, growing.id, edit, "file", "indexes")
            )
        except ShockError:
            return  # the node is gone
        self._growing.pop(growing.id, None)
        await self._shock.run(growing.remove_parts)

    async def _fail(self, growing: _Growing) -> None:
        self._shock.log.line(f"ERROR the parts of {growing.id} can't be put together: {growing.failure}")
        self._growing.pop(growing.id, None)
        try:
            await self._shock.writer.run(
                lambda connection: nodes.change(
                    connection, growing.id, lambda doc: locks.fail_file(doc, growing.failure or "")
                )
            )
        except ShockError:
            pass  # the node is gone


class _Growing:
    """A data file that grows; `add`, `finish` and `remove_parts` are for a thread."""

    def __init__(self, shock: Shock, id: str, data: str, compression: str) -> None:
        self.id = id
        self.failure: str | None = None
        self._shock = shock
        self._path = shock.path_of(data)
        self._parts = shock.parts / id
        self._compression = compression
        self._last = 0
        self._is_begun = False
        self._size = 0
        self._hash = hashlib.md5(usedforsecurity=False)
        self._unpacker = Unpacker(compression) if compression else None

    def ready(self, doc: Doc) -> list[int]:
        """Return the parts that can be added now."""
        numbers = []
        entries = doc["parts"]["parts"]
        for number in range(self._last + 1, len(entries) + 1):
            if entries[number - 1]:
                numbers.append(number)
            elif not parts.is_complete(doc):
                break
        return numbers

    def add(self, doc: Doc, numbers: list[int]) -> None:
        """Add parts. Raises ShockError (400) if they can't be unpacked, OSError, _StoppedError."""
        if not self._is_begun:
            self._begin(doc)
            numbers = [number for number in numbers if number > self._last]
        for some in _portions(numbers, doc["part_sizes"]):
            with open(self._path, "r+b", buffering=0) as target:
                target.seek(self._size)
                for number in some:
                    with open(self._parts / str(number), "rb", buffering=0) as source:
                        self._copy(source.fileno(), target.fileno())
                os.fsync(target.fileno())
            self._last = some[-1]
            if not self._unpacker:
                for number in some:
                    os.unlink(self._parts / str(number))

    def finish(self) -> tuple[int, str]:
        """Return size and md5 of the file, which is complete. Raises ShockError (400) if it can't be."""
        if self._unpacker:
            self._unpacker.finish()
        return self._size, self._hash.hexdigest()

    def remove_parts(self) -> None:
        """Remove what is left of the parts."""
        shutil.rmtree(self._parts, ignore_errors=True)

    def _begin(self, doc: Doc) -> None:
        """Make the file, or go on with what a former process has made of it. Raises OSError, _StoppedError."""
        self._last = 0 if self._unpacker else _added(doc, self._parts)
        sizes = [size for number, size in doc["part_sizes"].items() if int(number) <= self._last]
        self._path.parent.mkdir(exist_ok=True, mode=0o700)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        try:
            if os.fstat(descriptor).st_size < sum(sizes):
                raise OSError(f"of {sum(sizes)} bytes some are lost")
            os.ftruncate(descriptor, sum(sizes))
            for block in self._blocks(descriptor):
                self._hash.update(block)
                self._size += len(block)
        finally:
            os.close(descriptor)
        arriving.sync_directory(self._path.parent)
        arriving.sync_directory(self._path.parent.parent)
        self._is_begun = True

    def _copy(self, source: int, target: int) -> None:
        for data in self._blocks(source):
            for block in self._unpacker.feed(data) if self._unpacker else (data,):
                self._hash.update(block)
                self._size += len(block)
                view = memoryview(block)
                while view:
                    view = view[os.write(target, view) :]

    def _blocks(self, descriptor: int) -> Iterator[bytes]:
        while block := os.read(descriptor, _BLOCK):
            if self._shock.is_over:
                raise _StoppedError
            yield block


def _added(doc: Doc, directory: Path) -> int:
    """Return the last part that is in the data file: its own file, and those of all before, need not be there."""
    numbers = [number for number, entry in enumerate(doc["parts"]["parts"], 1) if entry]
    gone = [number for number in numbers if not (directory / str(number)).exists()]
    return max(gone, default=0)


def _portions(numbers: list[int], sizes: dict[str, int]) -> Iterator[list[int]]:
    """Yield the parts in groups that are written at once."""
    some: list[int] = []
    size = 0
    for number in numbers:
        some.append(number)
        size += sizes[str(number)]
        if size >= _AT_ONCE:
            yield some
            some, size = [], 0
    if some:
        yield some
