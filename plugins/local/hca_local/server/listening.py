"""Ports that are listened on, and the event loop: the same for every server of a deployment."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING

from hca_core.errors import HCAError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

HOST = "127.0.0.1"
BACKLOG = 2048
# Longer than clients keep a connection of their pool unused, so that it is they who close it.
KEEP_ALIVE_SECONDS = 90


def listener(port: int | None, *preferred: int) -> socket.socket:
    """Return a listening socket: on `port`, or else on the first of the `preferred` that is free, or else on any.

    A preferred port of 0 is none. Raises HCAError if the wanted port is not free.
    """
    if port:
        try:
            return _bound(port)
        except OSError as error:
            raise HCAError(
                f"Port {port} can't be used: {error.strerror}.", hint="give another --port, or none"
            ) from error
    for one in filter(None, preferred):
        try:
            return _bound(one)
        except (OSError, OverflowError):
            pass  # somebody else has it by now, or it is no port at all: settings.json can be edited
    return _bound(0)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the maker of the fastest event loop there is here."""
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop


def _bound(port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name != "nt":  # there it would let two servers share a port
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((HOST, port))
        found.listen(BACKLOG)
    except BaseException:
        found.close()
        raise
    return found
