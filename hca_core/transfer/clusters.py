"""Executors by their address: clusters that run already."""

from __future__ import annotations

import socket
import sys
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hca_core import log
from hca_core.errors import NetworkError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CONNECT_SECONDS = 10.0
_CLOSE_SECONDS = 2.0
_DASK_PORT = 8786


@contextmanager
def executor_of(text: str) -> Iterator[Executor]:
    """Give the executor that `text` names, dask://HOST[:PORT], and leave it at the end.

    Raises UsageError for another text or if the package is missing, NetworkError if no scheduler answers.
    """
    host, port = _address(text)
    quiet = "distributed" not in sys.modules  # who uses it already sees what it says
    try:
        from distributed import Client
    except ImportError:
        text = "a Dask cluster needs the package 'distributed', which is not installed here"
        raise UsageError(text, hint="pip install 'hca-core[dask]'") from None
    if quiet:
        _silence()
    address = f"{f'[{host}]' if ':' in host else host}:{port}"
    try:
        _greet(host, port, f"tcp://{address}")
        client = Client(f"tcp://{address}", timeout=_CONNECT_SECONDS, set_as_default=False)
    except Exception as error:  # strangers answer what they like
        text = f"no Dask scheduler answers at {address} ({described(error)})"
        raise NetworkError(text, hint="start one with 'dask scheduler', or write the address that it shows") from error
    try:
        if not client.scheduler_info()["workers"]:
            log.logger().warning("the scheduler at %s has no workers yet; waiting for some", address)
        yield _Ending(client)
    finally:
        try:
            client.close(timeout=_CLOSE_SECONDS)
        except OSError:  # TimeoutError is one: the scheduler is gone
            pass


class _Ending(Executor):
    """What Dask's own executor is, but that each future comes to an end.

    There one whose result is being brought here just when the scheduler dies stays as it is, and is waited for in vain.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def submit(self, fn: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Future[Any]:
        """Let a worker call a function. What can't be brought here counts as dropped: CancelledError."""
        there = self._client.submit(fn, *arguments, pure=False, **keywords)
        here: Future[Any] = Future()

        async def bring() -> None:
            result, error = None, None
            try:
                result = await there
            except BaseException as raised:  # noqa: BLE001 - carried to the thread that waits
                error = raised if there.status == "error" else CancelledError(described(raised))
            if not here.set_running_or_notify_cancel():
                return  # nobody wants it any more
            if error is None:
                here.set_result(result)
            else:
                here.set_exception(error)

        def end(ended: Future[Any]) -> None:
            if ended.cancelled() and there.status != "cancelled":
                there.cancel()

        here.add_done_callback(end)
        self._client.loop.add_callback(bring)
        return here


def _greet(host: str, port: int, address: str) -> None:
    """Exchange greetings with a scheduler: a Client waits for those of a stranger for ever. Raises what goes wrong."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from distributed.comm import connect

    async def greet() -> None:
        comm = await asyncio.wait_for(connect(address, timeout=_CONNECT_SECONDS), _CONNECT_SECONDS)
        await comm.close()

    # Dask tries a port where nobody listens again and again.
    socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
    with ThreadPoolExecutor(1) as pool:  # in a notebook this thread has a loop of its own
        pool.submit(asyncio.run, greet()).result()


def _address(text: str) -> tuple[str, int]:
    """Return host and port of a text like dask://host:port. Raises UsageError."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port or _DASK_PORT
    except ValueError:  # a port that is none
        host = None
    if not host or parts.scheme != "dask" or parts.path.strip("/") or parts.query or parts.username is not None:
        raise UsageError(f"the executor is {text!r}, but must be dask://HOST:PORT")
    return host, port


def _silence() -> None:
    """Take the handlers away that write Dask's logs, with tracebacks, to stderr: we say what matters."""
    import logging

    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("distributed", "tornado"):
            logger = logging.getLogger(name)
            logger.handlers = [logging.NullHandler()]
            logger.propagate = False


def described(error: BaseException) -> str:
    """Return the kind of an error that is not one of ours, and what it says, as a piece of a sentence."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
