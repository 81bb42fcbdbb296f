"""Archives of many nodes, made here: each file compared with its size and its md5 before the archive is there.

A server makes archives, too, but of 25 nodes if nobody watches, without those that it can't read just then, with names
as they are, and of one node none (service contract §6). Here small files are fetched side by side, large ones in turn.
"""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from hca_core import content, names
from hca_core.errors import IntegrityError, NotFoundError, UsageError
from hca_core.files import replacing
from hca_shock.transfer import streaming

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hca_core.files import StrPath
    from hca_shock.node import Node
    from hca_shock.server import Server

FORMATS = ("zip", "tar")
_SMALL = 1024 * 1024
_JOBS = 8
_EARLIEST, _LATEST = datetime(1980, 1, 1, tzinfo=UTC), datetime(2107, 12, 31, tzinfo=UTC)  # what a zip file can tell


@dataclass(frozen=True)
class Archive:
    """An archive that was made: its path, how many files and bytes are in it.

    `without_file` are ids of nodes that have none; `unverified` of those whose md5 no server tells: only the size of
    their files was compared.
    """

    path: str
    files: int
    size: int
    without_file: tuple[str, ...]
    unverified: tuple[str, ...]


class _Writer(Protocol):
    def add(self, name: str, node: Node, blocks: Iterator[bytes]) -> None:
        """Write one file."""


def make(
    server: Server,
    nodes: Iterable[Node],
    path: StrPath,
    archive_format: str | None = None,
    told: Callable[[int], None] = lambda count: None,
) -> Archive:
    """Write the files of `nodes` to an archive, which is complete or not there, and return what is in it.

    Parameters: `archive_format` is zip or tar (None: what the name of `path` ends with); `told` hears how many bytes
    have come. Names that could lead somewhere else, or are there already, are changed. Raises UsageError, NotFoundError
    if no node has a file, IntegrityError for one that is not what its node tells, ShockApiError, NetworkError, OSError.
    """
    kind = _format(path, archive_format)
    without: list[str] = []
    unverified: list[str] = []
    count = size = 0
    taken: set[str] = set()
    with replacing(path, 0o666) as stream, _opened(stream, kind) as archive:
        for node, blocks in _fetched(server, _with_files(nodes, without)):
            archive.add(_name(node, taken), node, _counted(blocks, told))
            count += 1
            size += node.file.size
            if node.file.md5 is None:
                unverified.append(node.id)
        if not count:
            raise NotFoundError("none of the nodes has a file" if without else "no node is meant")
    return Archive(os.fspath(path), count, size, tuple(without), tuple(unverified))


def _format(path: StrPath, chosen: str | None) -> str:
    found = chosen or os.path.splitext(os.fspath(path))[1].lower().removeprefix(".")
    if found not in FORMATS:
        raise UsageError(f"{found!r} is no format of archives", hint="--format zip or tar, or a name that ends so")
    if os.path.isdir(path) or not os.path.isdir(os.path.dirname(os.path.abspath(path))):
        raise UsageError(f"{os.fspath(path)} can't be written: it is a directory, or there is none for it")
    return found


def _with_files(nodes: Iterable[Node], without: list[str]) -> Iterator[Node]:
    for node in nodes:
        if node.file.exists or node.type == "subset":
            yield node
        else:
            without.append(node.id)


def _fetched(server: Server, nodes: Iterable[Node]) -> Iterator[tuple[Node, Iterator[bytes]]]:
    """Yield nodes in their order, each with its bytes; a few small files are fetched before it is their turn."""

    def whole(node: Node) -> bytes:
        return b"".join(streaming.blocks(server, node))

    waiting: deque[tuple[Node, Future[bytes] | None]] = deque()

    def first() -> tuple[Node, Iterator[bytes]]:
        node, future = waiting.popleft()
        if future is None:
            return node, streaming.blocks(server, node)
        return node, iter([future.result()])

    pool = ThreadPoolExecutor(_JOBS, thread_name_prefix="archive")
    try:
        for node in nodes:
            waiting.append((node, pool.submit(whole, node) if node.file.size <= _SMALL else None))
            if len(waiting) > 2 * _JOBS:
                yield first()
        while waiting:
            yield first()
    finally:
        pool.shutdown(cancel_futures=True)


def _counted(blocks: Iterator[bytes], told: Callable[[int], None]) -> Iterator[bytes]:
    for block in blocks:
        yield block
        told(len(block))


def _name(node: Node, taken: set[str]) -> str:
    """Return the name of a node's file in an archive: one part of a path, and no other file's, whatever its case."""
    name = node.file.name.replace("\\", "/").rpartition("/")[2]
    if names.problem(name) is not None:
        name = node.id
    found, number = name, 1
    while found.casefold() in taken:
        number += 1
        found = f"{name}.{number}"
    taken.add(found.casefold())
    return found


@contextmanager
def _opened(stream: io.BufferedWriter, kind: str) -> Iterator[_Writer]:
    if kind == "tar":
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
            yield _Tar(archive)
    else:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as packed:
            yield _Zip(packed)


class _Tar:
    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive

    def add(self, name: str, node: Node, blocks: Iterator[bytes]) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = node.file.size, 0o644, int(_made(node).timestamp())
        # tarfile wants all that it asks for at once.
        self._archive.addfile(info, io.BufferedReader(_Blocks(blocks), content.BLOCK))
        for _ in blocks:  # to its end, where it is compared
            raise IntegrityError(f"{node.id}: the server sends more than {node.file.size} bytes")


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def add(self, name: str, node: Node, blocks: Iterator[bytes]) -> None:
        info = zipfile.ZipInfo(name, _made(node).timetuple()[:6])
        info.external_attr = 0o644 << 16
        info.file_size = node.file.size
        with self._archive.open(info, "w", force_zip64=node.file.size >= 2**31) as member:
            for block in blocks:
                member.write(block)


def _made(node: Node) -> datetime:
    return min(max(node.created_on or _EARLIEST, _EARLIEST), _LATEST).astimezone(UTC)


class _Blocks(io.RawIOBase):
    """Reads blocks as a file."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
