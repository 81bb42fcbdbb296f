"""A file that is open for reading; whoever reads all of it gets what was promised, or an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fsspec.spec import AbstractBufferedFile  # noqa: TID253 - only who uses fsspec loads this module

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_core.content import Promise
    from hca_core.filesystem.reading import Content
    from hca_core.filesystem.values import RemoteFile


class ServiceFile(AbstractBufferedFile):  # type: ignore[misc]
    """A file of a service as a binary file: with `read`, `seek`, `tell`, and fsspec's caches.

    Parameters: `content` gives its bytes; asked for at every read, as another process may be the one that reads.
    """

    def __init__(
        self, system: Any, path: str, mode: str, file: RemoteFile, content: Callable[[], Content], **settings: Any
    ) -> None:
        self.details = file.info(path)
        self._content = content
        self._running = Running(path, file.promise)
        super().__init__(system, path, mode, **{**settings, "size": file.size})

    def read(self, length: int | None = -1) -> bytes:
        """Return the next `length` bytes, all that are left by default; fewer at the end.

        Raises IntegrityError with the last byte if all were read in order and are not what was promised, HCAError.
        """
        place = self.loc
        data: bytes = super().read(length)
        self._running.take(place, data)
        return data

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what is pickled: which file it is, and the place in it; it is opened anew."""
        return _reopened, (self.fs, self.path, self.blocksize, self.cache.name, self.loc)

    def _fetch_range(self, start: int, end: int) -> bytes:
        return self._content().part(start, min(end, self.size))


def _reopened(system: Any, path: str, block_size: int, cache_type: str, place: int) -> ServiceFile:
    """Return the open file of those who unpickle one."""
    stream: ServiceFile = system.open(path, block_size=block_size, cache_type=cache_type)
    stream.seek(place)
    return stream


class Running:
    """Computes the digest of what is read, as long as nothing is left out; what is read again counts once."""

    def __init__(self, name: str, promise: Promise) -> None:
        self._name, self._promise = name, promise
        self._hasher = promise.hasher() if promise.digest is not None else None
        self._taken = 0

    def take(self, place: int, data: bytes) -> None:
        """Take what was read at `place`. Raises IntegrityError if that makes it all, and it is wrong."""
        fresh = place + len(data) - self._taken
        if self._hasher is None or not 0 < fresh <= len(data):
            return
        self._hasher.update(memoryview(data)[len(data) - fresh :])
        self._taken += fresh
        if self._taken == self._promise.size:
            self._promise.check(self._name, self._taken, self._hasher.hexdigest())
