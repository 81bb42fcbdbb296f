"""No way out: while a test runs, connections of its process to anything but this machine are refused.

Watches Python's sockets and, if it is installed, libcurl (`pycurl`). Processes that a test starts are not watched.
"""

from __future__ import annotations

import ipaddress
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HERE, _NOWHERE = ".localhost", ".invalid"  # RFC 6761: names that mean this machine, and names that nobody has
_METHODS = ("connect", "connect_ex", "sendto")


class NetworkRefusedError(RuntimeError):
    """A test wanted to leave this machine. Not an OSError: nobody shall take it for a fault that passes."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"this test wanted to reach {host}, which is not on this machine; "
            "script a LoopbackService for it, or mark the test with @pytest.mark.network"
        )
        self.host = host


class Watch:
    """Whether connections are refused now, and the hosts that somebody wanted to reach."""

    def __init__(self) -> None:
        self.on = True
        self.hosts: list[str] = []

    def refuses(self, host: str, port: object) -> NetworkRefusedError | None:
        """Return the error for a connection to `host`, or None if nobody minds it."""
        if not self.on or is_here(host):
            return None
        self.hosts.append(f"{host}:{port}")
        return NetworkRefusedError(self.hosts[-1])


@contextmanager
def refused() -> Iterator[Watch]:
    """Refuse connections to other machines; what was caught on the way (as by a thread) is among `Watch.hosts`, too."""
    watch = Watch()
    try:
        with _replaced(_watched_sockets(watch)), _replaced(_watched_curl(watch)):
            yield watch
    finally:
        watch.on = False  # a test's own patch, undone later than ours, may bring ours back


def is_here(host: object) -> bool:
    """Tell whether `host` (a name, an address, nothing) is on this machine, without asking anybody."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if not isinstance(host, str) or host in ("", "localhost") or host.endswith((_HERE, _NOWHERE)):
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return host == socket.gethostname()
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def _watched_sockets(watch: Watch) -> list[tuple[Any, str, Any]]:
    """Return what to put in place of which attributes: the ways of Python's sockets to other machines."""

    def watched(method: Callable[..., Any]) -> Callable[..., Any]:
        def called(self: socket.socket, *arguments: Any) -> Any:
            address = arguments[-1]  # a path for UNIX sockets
            error = watch.refuses(address[0], address[1]) if isinstance(address, tuple) else None
            if error is not None:
                raise error
            return method(self, *arguments)

        return called

    look_up = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *arguments: Any, **settings: Any) -> Any:
        if watch.on and isinstance(host, str) and host.endswith(_NOWHERE):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        error = None if _is_address(host) else watch.refuses(host, port)
        if error is not None:
            raise error
        return look_up(host, port, *arguments, **settings)

    methods = [(socket.socket, name, watched(getattr(socket.socket, name))) for name in _METHODS]
    return [*methods, (socket, "getaddrinfo", getaddrinfo)]


def _is_address(host: object) -> bool:
    """Tell whether `host` is an address: nobody is asked about it, and connecting to it is watched."""
    try:
        ipaddress.ip_address(str(host))
    except ValueError:
        return False
    return True


class _Handed:
    """A socket for libcurl, which takes a duplicate of it and leaves the original to whoever made it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def __del__(self) -> None:
        socket.close(self._descriptor)


def _watched_curl(watch: Watch) -> list[tuple[Any, str, Any]]:
    """Return the same for libcurl, which has its own sockets; a refused connection looks to it like a failed one."""
    try:
        import pycurl
    except ImportError:
        return []

    def open_socket(_purpose: int, where: Any) -> Any:
        if where.family in (socket.AF_INET, socket.AF_INET6) and watch.refuses(where.addr[0], where.addr[1]):
            return pycurl.SOCKET_BAD
        try:
            return _Handed(socket.socket(where.family, where.socktype, where.protocol).detach())
        except OSError:
            return pycurl.SOCKET_BAD  # no file descriptor is left: libcurl finds the reason in errno

    class Curl(pycurl.Curl):
        def __init__(self) -> None:
            super().__init__()
            self.setopt(pycurl.OPENSOCKETFUNCTION, open_socket)

    return [(pycurl, "Curl", Curl)]


@contextmanager
def _replaced(changes: list[tuple[Any, str, Any]]) -> Iterator[None]:
    """Put each value in the place of the attribute of that name, and the old ones back at the end."""
    before = [(owner, name, vars(owner).get(name)) for owner, name, _ in changes]
    for owner, name, value in changes:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for owner, name, value in before:
            if value is None:  # it was inherited
                delattr(owner, name)
            else:
                setattr(owner, name, value)
