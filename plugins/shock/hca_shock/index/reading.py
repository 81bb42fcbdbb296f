"""The bytes that the server sends of a node's file: counted, taken up again where the connection broke."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_core import content
from hca_core.errors import IntegrityError
from hca_shock.transfer import ranges

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_shock.server import Params, Server


def span(server: Server, node_id: str, start: int, end: int) -> Iterator[bytes]:
    """Yield the bytes of a node's file from `start` to before `end`; what breaks off is asked for from there on.

    Nothing tells whether they are the right ones; for a whole file, hca_shock.transfer.streaming compares its MD5.
    Raises IntegrityError if other than so many bytes come, NetworkError, ShockApiError.
    """
    if start == end:
        return
    stopped = server.session.stopped
    quota = ranges.quota(server)
    yield from content.blocks(lambda at: _Exact(server, node_id, at, end), start, end, quota, stopped)


def blocks(server: Server, node_id: str, params: Params) -> Iterator[bytes]:
    """Yield what the server sends of a node's file for `params`, as it comes.

    Raises NetworkError if it breaks off before the length that the server told, ShockApiError.
    """
    asked: Params = [("download_raw", None), *params]
    with server.stream("node", node_id, params=asked) as response:
        yield from ranges.blocks(response)


class _Exact:
    """The answer for the bytes from `start` to before `end`, in the form in which hca_core.content reads a range.

    It has so many bytes, or reading it raises IntegrityError: a server that does not heed seek and length sends others
    (service contract §0.8).
    """

    status_code = 206

    def __init__(self, server: Server, node_id: str, start: int, end: int) -> None:
        self._response = ranges.opened(server, node_id, start, end - start)
        self._name = f"{node_id}, bytes {start} to {end}"
        self._length = self._left = end - start
        self.url = self._response.url
        self.headers = {"Content-Range": f"bytes {start}-{end - 1}/{end}"}
        self.raw = self

    def read(self, size: int, decode_content: bool = False) -> bytes:
        """Return up to `size` bytes, none at the end. Raises IntegrityError, urllib3's errors, OSError."""
        block: bytes = self._response.raw.read(size, decode_content=False)
        self._left -= len(block)
        if self._left < 0:
            raise IntegrityError(f"{self._name}: the server sends more than {self._length} bytes")
        if self._left and not block:
            raise IntegrityError(f"{self._name}: received {self._length - self._left} bytes instead of {self._length}")
        return block

    def close(self) -> None:
        """Close the connection."""
        self._response.close()
