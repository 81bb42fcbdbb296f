"""The file of a node as a file that is read, from anywhere: for `pysam`, `zipfile` and other libraries."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from hca_core.errors import NetworkError
from hca_shock.transfer import ranges
from hca_shock.transfer.getting import check_ready

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from requests import Response

    from hca_shock.node import Node
    from hca_shock.server import Server

BUFFER = 1024 * 1024
_SKIP = 256 * 1024  # bytes that are read and dropped rather than asked for anew
_TRIES = 4


class NodeReader(io.RawIOBase):
    """The file of a node, read and sought; use it through `open_node`, which adds a buffer.

    A connection that breaks is made again where it broke. There is no checksum of a piece: only who reads all of a
    file can compare it. Raises HCAError.
    """

    def __init__(self, server: Server, node: Node) -> None:
        check_ready(node)
        self._server = server
        self._node = node
        self._position = 0
        self._knows_seek = node.type != "subset"  # service contract §6
        self._answer: Response | None = None
        self._answered = 0  # where the open answer is

    def readable(self) -> bool:
        """Whether this can be read."""
        return True

    def seekable(self) -> bool:
        """Whether one can go to another place."""
        return True

    def tell(self) -> int:
        """Return the place, in bytes from the beginning."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to another place and return it. Nothing is asked of the server before the next read."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._node.file.size}[whence]
        if start + offset < 0:
            raise ValueError(f"there is no place {start + offset} in a file")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read into `buffer` and return how many bytes; 0 at the end."""
        if self.closed:
            raise ValueError("this file is closed")
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), self._node.file.size - self._position)
        if wanted <= 0:
            return 0
        block = self._block(wanted)
        view[: len(block)] = block
        self._position += len(block)
        return len(block)

    def close(self) -> None:
        """End the request that is under way."""
        self._drop()
        super().close()

    def _block(self, wanted: int) -> bytes:
        import urllib3

        attempt = 1
        while True:
            try:
                answer = self._at_position()
                block: bytes = answer.raw.read(wanted, decode_content=False)
                if block:
                    self._answered += len(block)
                    return block
                raise NetworkError(f"node {self._node.id}: the answer ended at byte {self._position}")
            except (NetworkError, urllib3.exceptions.HTTPError, OSError) as error:
                self._drop()
                if attempt == _TRIES:
                    raise NetworkError(
                        f"node {self._node.id} can't be read at byte {self._position}: {error}"
                    ) from error
            self._server.session.wait(self._server.session.policy.wait(attempt))
            attempt += 1

    def _at_position(self) -> Response:
        """Return an open answer at our place: the one there is, if the place is not far on.

        Raises NetworkError if it ends before that.
        """
        ahead = self._position - self._answered
        if self._answer is None or ahead < 0 or (ahead > _SKIP and self._knows_seek):
            self._drop()
            self._answered = self._position if self._knows_seek else 0
            self._answer = self._opened(self._answered)
        while self._answered < self._position:
            skipped = self._answer.raw.read(min(BUFFER, self._position - self._answered), decode_content=False)
            if not skipped:
                raise NetworkError(f"node {self._node.id}: the answer ended at byte {self._answered}")
            self._answered += len(skipped)
        return self._answer

    def _opened(self, place: int) -> Response:
        if self._knows_seek:
            return ranges.opened(self._server, self._node.id, place, self._node.file.size - place)
        return self._server.opened("node", self._node.id, params=[("download_raw", None)])

    def _drop(self) -> None:
        if self._answer is not None:
            self._answer.close()
            self._answer = None


def open_node(server: Server, node: Node) -> io.BufferedReader:
    """Return the file of a node as a buffered file for reading, with seek. Raises ShockError if it has none."""
    return io.BufferedReader(NodeReader(server, node), BUFFER)
