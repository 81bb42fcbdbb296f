"""Where the engine of downloads finds the file of a node."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from hca_core.transfer import Request

if TYPE_CHECKING:
    from hca_core.errors import HCAError, ServiceError
    from hca_shock.server import Server


class NodeSource:
    """The file of a node. Pickled, it holds the server's URL; whoever unpickles it uses its own login there.

    Parameters: `size` in bytes; None for one that knows no seek, and is always all of it (service contract §6).
    """

    __slots__ = ("_node_id", "_server", "_size")

    def __init__(self, server: Server, node_id: str, size: int | None = None) -> None:
        self._server, self._node_id, self._size = server, node_id, size

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (self._server.url, self._node_id, self._size)

    def request(self, offset: int, *, anew: bool = False) -> Request:
        """Return the request for the bytes from `offset` on. Raises HCAError."""
        if self._size is None:
            return self._asking()
        return self.piece(offset, self._size - offset) if offset else self._asking()

    def piece(self, offset: int, length: int) -> Request:
        """Return the request for `length` bytes from `offset` on. Raises HCAError.

        Shock knows no HTTP ranges; it has parameters instead, and answers 200 to whatever it sends (service contract
        §0.8).
        """
        return self._asking(("seek", str(offset)), ("length", str(length)), begins=offset)

    def error(self, error: ServiceError) -> HCAError:
        """Return what the server meant by an error."""
        return self._server.told(error, "GET", ("node", self._node_id))

    def _asking(self, *place: tuple[str, str], begins: int = 0) -> Request:
        server = self._server
        url = server.url_of("node", self._node_id, params=[("download_raw", None), *place])
        known = server.credential is not None
        return Request(url, server.session, authenticated=known, begins=begins)


def _unpickled(url: str, node_id: str, size: int | None) -> NodeSource:
    return NodeSource(_server_at(url), node_id, size)


@cache
def _server_at(url: str) -> Server:
    from hca_shock.client import ShockClient

    return ShockClient(url).server
