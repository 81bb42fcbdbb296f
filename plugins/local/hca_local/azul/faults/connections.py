"""Ends a connection before its answer is complete. ASGI has no way to say that."""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import Receive

_NO_WAIT = struct.pack("ii", 1, 0)


def hang_up(receive: Receive) -> None:
    """Close the connection behind the bytes that were sent."""
    _transport(receive).close()


def reset(receive: Receive) -> None:
    """Reset the connection; bytes that are on their way are lost."""
    transport = _transport(receive)
    found = transport.get_extra_info("socket")
    if found is not None and os.name != "nt":
        # The socket of the event loop can't be changed; its duplicate is the same to the system.
        with socket.socket(fileno=os.dup(found.fileno())) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_WAIT)
    transport.abort()


async def gone(receive: Receive) -> None:
    """Wait until the client is not there any more."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _transport(receive: Receive) -> Any:
    """Return the connection of uvicorn, whose bound method `receive` is."""
    return getattr(receive, "__self__").transport  # noqa: B009 - only a bound method has one
