"""The bytes of a node's file from anywhere on, in order: over one connection, or over several where one is slow.

Shock knows no HTTP ranges; it has `seek` and `length` instead, and answers 200 to whatever it sends (service contract
§0.8). What is read here looks to `hca_core.content` like the answer to a range.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from hca_core import content
from hca_core.errors import IntegrityError, NetworkError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests import Response

    from hca_shock.server import Server

RETRIES = 6  # in a row, without a byte between them
FIRST_WAIT_SECONDS = 0.25
PIECE = 8 * 1024 * 1024
# A connection that brings a piece in less than this is not the reason why it takes long.
_FAST_SECONDS = 0.15
_WORTH_SEVERAL = 4 * PIECE


class Range:
    """A file of `size` bytes from `offset` on, in the form of an answer with status 206.

    Parameters: `connections` is how many may be used at the same time; each has one piece in memory then.
    """

    status_code = 206

    def __init__(self, server: Server, node_id: str, offset: int, size: int, connections: int = 1) -> None:
        self.url = server.url_of("node", node_id)
        self.headers = {"Content-Range": f"bytes {offset}-{size - 1}/{size}"}
        self.raw = _Several(server, node_id, offset, size, connections)

    def close(self) -> None:
        """End all requests that are under way."""
        self.raw.close()


def opened(server: Server, node_id: str, seek: int, length: int) -> Response:
    """Return the open answer for `length` bytes from `seek` on, which there are.

    Raises IntegrityError for an answer that is longer: it is from another place. A shorter one is for the reader to
    notice, and to ask for the rest. ShockApiError, NetworkError.
    """
    params = [("download_raw", None), ("seek", str(seek)), ("length", str(length))]
    answer = server.opened("node", node_id, params=params)
    told = answer.headers.get("Content-Length", "")
    if told.isdigit() and int(told) > length:
        answer.close()
        raise IntegrityError(f"node {node_id}: expected {length} bytes from byte {seek} on, the server has {told}")
    return answer


def quota(server: Server) -> content.Quota:
    """Return the patience of one download."""
    return content.Quota(RETRIES, FIRST_WAIT_SECONDS)


def blocks(answer: Response) -> Iterator[bytes]:
    """Yield the bytes of an open answer as they come. Raises NetworkError if it breaks off."""
    import urllib3

    try:
        while block := answer.raw.read(content.BLOCK, decode_content=False):
            yield block
    except (urllib3.exceptions.HTTPError, OSError) as error:
        told = " ".join(str(error).split())[:200]
        raise NetworkError(f"the connection broke ({told})", hint="run the same command again") from error


class _Several:
    """Reads a range in order. The first piece tells whether more connections than one are worth it."""

    def __init__(self, server: Server, node_id: str, offset: int, size: int, connections: int) -> None:
        self._server, self._node_id = server, node_id
        self._at, self._end = offset, size
        self._answer: Any = None
        self._left = 0  # bytes that the open answer has yet to bring
        self._undecided = connections > 1 and size - offset >= _WORTH_SEVERAL
        self._connections = connections
        self._started = 0.0
        self._pieces: deque[Future[bytes]] = deque()
        self._is_slow = False
        self._stopped = threading.Event()

    def read(self, size: int, decode_content: bool = False) -> bytes:
        """Return up to `size` bytes, none at the end. Raises HCAError, urllib3's errors, OSError."""
        if self._left == 0 and self._at < self._end and not self._is_slow:
            self._open_next()
        if self._is_slow:
            return self._next_piece()
        block: bytes = self._answer.raw.read(min(size, self._left), decode_content=False) if self._left else b""
        self._at += len(block)
        self._left -= len(block)
        if self._left == 0 and self._answer is not None:
            self._answer.close()
        return block

    def close(self) -> None:
        """End everything."""
        self._stopped.set()
        if self._answer is not None:
            self._answer.close()

    def _open_next(self) -> None:
        """Open the next answer; begin to read by several connections instead if the first piece came slowly."""
        if self._started:
            self._undecided = False
            if time.monotonic() - self._started > _FAST_SECONDS:
                self._is_slow = True
                return
        length = self._end - self._at
        if self._undecided:
            self._started = time.monotonic()
            length = PIECE
        self._answer, self._left = opened(self._server, self._node_id, self._at, length), length

    def _next_piece(self) -> bytes:
        while len(self._pieces) < self._connections and self._at < self._end:
            length = min(PIECE, self._end - self._at)
            self._pieces.append(self._begun(self._at, length))
            self._at += length
        return self._pieces.popleft().result() if self._pieces else b""

    def _begun(self, seek: int, length: int) -> Future[bytes]:
        """Begin to fetch a piece. The thread is a daemon: the process must not wait for a silent server at its end."""
        piece: Future[bytes] = Future()

        def fetch() -> None:
            try:
                piece.set_result(self._fetched(seek, length))
            except BaseException as error:  # noqa: BLE001 - carried to who waits for the piece
                piece.set_exception(error)

        threading.Thread(target=fetch, daemon=True, name="range").start()
        return piece

    def _fetched(self, seek: int, length: int) -> bytes:
        """Return a piece. Raises NetworkError if it comes short."""
        answer = opened(self._server, self._node_id, seek, length)
        found = bytearray()
        try:
            while len(found) < length and not self._stopped.is_set():
                block = answer.raw.read(min(1024 * 1024, length - len(found)), decode_content=False)
                if not block:
                    raise NetworkError(f"the answer for {length} bytes from {seek} on ended after {len(found)}")
                found += block
        finally:
            answer.close()
        return bytes(found)
