"""Runs one service of a plugin in this process, from its lock to its last answer."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import uvicorn

from hca_core import local_services
from hca_core.errors import HCAError, PluginError
from hca_core.local_services import LocalService
from hca_local import data_directory, locking
from hca_local.server import listening
from hca_local.server.log import NamedLog
from hca_local.services.application import Guard, as_asgi
from hca_local.services.callers import Doorkeeper

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from hca_core.local_services import Application
    from hca_local.services.values import ServiceOrder

_GRACE_SECONDS = 2
_POLL_SECONDS = 0.01


def serve(order: ServiceOrder, announce: Callable[[str], None]) -> None:
    """Run the service of `order` until SIGTERM; `announce` is called with its URL as soon as it takes requests.

    Raises HCAError if it can't be run.
    """
    directory = data_directory.at(order.data)
    own = directory.service(order.name)
    own.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locking.held(own.lock), listening.listener(None, order.port) as listener:
        url = f"http://{listening.HOST}:{listener.getsockname()[1]}"
        log = NamedLog(directory.log, order.name)
        service = LocalService(
            name=order.name,
            url=url,
            directory=own.data,
            temporary=order.temporary,
            caller=Doorkeeper(directory, order.url).caller,
            log=log.line,
        )
        server = _server(Guard(as_asgi(_made(service)), order.name, log))
        _run(server, listener, lambda: announce(url))
    if not server.started:
        raise HCAError(f"The service {order.name!r} refused to start", hint="hca local logs")


def _made(service: LocalService) -> Application:
    """Return the application of the plugin. Raises HCAError that names the service."""
    try:
        return local_services.application(service)
    except PluginError:
        raise
    except HCAError as error:
        raise HCAError(f"The service {service.name!r} can't be run: {error.message}", error.hint) from error


def _server(application: Guard) -> uvicorn.Server:
    config = uvicorn.Config(
        application,
        http="httptools",
        ws="none",
        lifespan="auto",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=listening.KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return uvicorn.Server(config)


def _run(server: uvicorn.Server, listener: socket.socket, announce: Callable[[], None]) -> None:
    """Run the event loop until the server is told to stop; `announce` is called when it takes requests."""
    # uvicorn raises the signal that stopped it once more: it has been heeded, and the process is to end in peace.
    signal.signal(signal.SIGTERM, lambda *_: None)

    async def until_stopped() -> None:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not (server.started or serving.done()):
            await asyncio.sleep(_POLL_SECONDS)
        if server.started:
            announce()
        await serving

    # uvicorn leaves the process when an application refuses to start; that is to be told.
    with suppress(SystemExit), asyncio.Runner(loop_factory=listening.loop_factory()) as runner:
        runner.run(until_stopped())
