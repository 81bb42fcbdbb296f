"""Where calls may go: to this machine, or anywhere if the deployment is set so."""

from __future__ import annotations

import ipaddress
import socket


class ForeignHostError(Exception):
    """A callback is not on this machine, and calls are not to leave it."""


def allowed(host: str, port: int, *, anywhere: bool) -> list[str]:
    """Return the addresses of `host` to connect to.

    Connect to these and not to the name: it could stand for something else a moment later.
    Raises ForeignHostError if one of them is not of this machine, unless `anywhere`; OSError, UnicodeError if the
    name stands for nothing.
    """
    found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not anywhere and not all(ipaddress.ip_address(address).is_loopback for address in found):
        raise ForeignHostError(host)
    return found
