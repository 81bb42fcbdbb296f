"""Objects that are files of the store: blobs, also under the names that they have in checked-out bundles."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from hca_local.store import blobs, reading, records

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from hca_core.files import StrPath
    from hca_local.server.deployment import Deployment

_CHUNK = 1024 * 1024
# Reading so much from the page cache takes the event loop less time than a hop to a thread and back.
_INLINE = 256 * 1024


class FileContent:
    """The content of an open file."""

    def __init__(self, descriptor: int, etag: str) -> None:
        found = os.fstat(descriptor)
        self.etag = etag
        self.modified = int(found.st_mtime)
        self.size = found.st_size
        self._descriptor = descriptor

    async def pieces(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `start` to `end`. Raises OSError if the file ends before them."""
        os.lseek(self._descriptor, start, os.SEEK_SET)
        if end - start <= _INLINE:
            yield _read(self._descriptor, end - start)
            return
        loop = asyncio.get_running_loop()
        while start < end:
            block = await loop.run_in_executor(None, _read, self._descriptor, min(_CHUNK, end - start))
            start += len(block)
            yield block

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def content(deployment: Deployment, replica: str, key: str) -> FileContent:
    """Return the content of the object `key` in the checkout bucket of `replica`. Raises LookupError."""
    if key.startswith("bundles/"):
        key = _blob_key(deployment, replica, key)
    return opened(blobs.path_of(deployment.directory.blobs, key), f'"{key.split(".")[2]}"')


def opened(path: StrPath, etag: str) -> FileContent:
    """Return the content of the file `path`, with the quoted `etag`. Raises LookupError if it is not there."""
    try:
        return FileContent(os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0)), etag)
    except FileNotFoundError:
        raise LookupError(os.fspath(path)) from None


def _blob_key(deployment: Deployment, replica: str, key: str) -> str:
    """Return the key of the bytes of `bundles/<uuid>.<version>/<name>`. Raises LookupError."""
    _, fqid, name = key.split("/", 2)
    bundle = reading.bundle(deployment.records, replica, *reading.split_key(fqid))
    entry = bundle and reading.bundle_file(deployment.records, bundle.number, name)
    if not entry:
        raise LookupError(key)
    return records.blob_key(entry)


def _read(descriptor: int, count: int) -> bytes:
    """Return exactly `count` bytes. Raises OSError if the file ends before them."""
    block = os.read(descriptor, count)
    while len(block) < count:
        more = os.read(descriptor, count - len(block))
        if not more:
            raise OSError("a stored object is shorter than it was a moment ago")
        block += more
    return block
