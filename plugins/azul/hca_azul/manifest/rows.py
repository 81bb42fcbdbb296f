"""The rows of a manifest, as often as somebody wants to see them: of a file, of standard input, of the service."""

from __future__ import annotations

import io
import os
import shutil
import stat
import sys
import tempfile
import threading
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from hca_azul.manifest import compact, curl
from hca_core.errors import UsageError, os_error_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, BinaryIO, TextIO

    from _typeshed import WriteableBuffer

    from hca_azul.client import AzulClient
    from hca_azul.rows import Row

DEFAULT_TIMEOUT = 1800.0  # seconds for the service to make a manifest
_LOOKED_AT = 1000  # characters, to tell the two kinds apart
_BLOCK = 64 * 1024  # bytes


class Rows:
    """Rows that may be iterated again and again, each time from the first on; one at a time is in memory.

        with rows.read("manifest.tsv") as found:
            count = sum(1 for row in found)

    Parameters: `source` is a compact manifest or one for curl: a path, or an open file (see `temporary`), which is
    closed with this. `name` is what messages call it. Iterating raises UsageError for what is no manifest, or can't be
    read.
    """

    def __init__(self, source: str | IO[bytes], name: str) -> None:
        self.name = name
        self._source = source
        self._reading = threading.Lock()
        self._cut: set[str] = set()

    @property
    def is_curl(self) -> bool:
        """Whether it is a manifest for curl. Raises UsageError if it can't be read."""
        with self._opened() as (_, is_curl):
            return is_curl

    def __iter__(self) -> Iterator[Row]:
        with self._opened() as (stream, is_curl):
            if is_curl:
                yield from curl.rows(stream, self.name)
            else:
                yield from compact.rows(stream, self.name, self._cut)

    @contextmanager
    def _opened(self) -> Iterator[tuple[TextIO, bool]]:
        """Give the manifest as text, and tell whether it is one for curl. Raises UsageError."""
        try:
            # Programs that people look at tables with put a mark of three bytes before UTF-8.
            with self.content() as content, io.TextIOWrapper(content, encoding="utf-8-sig", newline="") as stream:
                begin = stream.read(_LOOKED_AT)
                stream.seek(0)
                yield stream, curl.is_curl(begin)
        except UnicodeDecodeError as error:
            raise UsageError(f"{self.name} is no manifest: it is not UTF-8 text") from error
        except OSError as error:
            raise UsageError(f"the manifest can't be read: {os_error_text(error)}") from error

    def content(self) -> io.BufferedReader:
        """Return the manifest as an open file that is read from its begin. Raises OSError, UsageError if closed."""
        if isinstance(self._source, str):
            return open(self._source, "rb")
        if self._source.closed:
            raise UsageError(f"{self.name} is closed already")
        return io.BufferedReader(_Another(self._source, self._reading), _BLOCK)

    def close(self) -> None:
        """Remove the file if it is a temporary one."""
        if not isinstance(self._source, str):
            self._source.close()

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read(source: str | os.PathLike[str], stdin: BinaryIO | None = None) -> Rows:
    """Return the rows of the manifest in the file `source`; "-" is standard input.

    What can be read only once (a pipe) is kept in a temporary file until the rows are closed.
    Parameters: `stdin` is standard input, if it is not that of the process. Raises UsageError if there is no such file.
    """
    path = os.fspath(source)
    try:
        if path == "-":
            return _kept(stdin or sys.stdin.buffer, "standard input")
        if stat.S_ISREG(os.stat(path).st_mode):
            return Rows(path, path)
        with open(path, "rb") as stream:
            return _kept(stream, path)
    except OSError as error:
        raise UsageError(f"the manifest can't be read: {os_error_text(error)}") from error


def rows_for(
    client: AzulClient, filters: Any, *, timeout: float = DEFAULT_TIMEOUT, waiting: Callable[[], None] = lambda: None
) -> Rows:
    """Let the service make a compact manifest of the files that `filters` select, and return its rows.

    Parameters and errors: see `AzulClient.manifest`. Close what is returned.
    """
    return client.manifest(filters, timeout=timeout, waiting=waiting).rows()


@contextmanager
def temporary() -> Iterator[IO[bytes]]:
    """Give a new file without a name, so that nothing is left of it even after SIGKILL; closed if the block raises."""
    stream = tempfile.TemporaryFile(prefix="hca-azul-")  # noqa: SIM115 - closed with the rows
    try:
        yield stream
        stream.flush()
    except BaseException:
        stream.close()
        raise


class _Another(io.RawIOBase):
    """Reads an open file from its begin, wherever others are in it; `lock` is for all who read it."""

    def __init__(self, source: IO[bytes], lock: threading.Lock) -> None:
        self._source, self._lock = source, lock
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        with self._lock:
            self._source.seek(self._position)
            self._position = self._source.seek(offset, whence)
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        with self._lock:
            self._source.seek(self._position)
            count: int = self._source.readinto(buffer)  # type: ignore[attr-defined]
        self._position += count
        return count


def _kept(stream: BinaryIO, name: str) -> Rows:
    with temporary() as kept:
        shutil.copyfileobj(stream, kept)
    return Rows(kept, name)
