"""Serves a data directory in this process, from the lock to the last answer."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import uvicorn

from hca_core.errors import HCAError
from hca_local import data_directory, locking, settings, shell, state
from hca_local.server import deployment, listening
from hca_local.server.application import application
from hca_local.server.log import ServiceLog
from hca_local.services.running import ServicesOfPlugins, Surroundings

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from types import FrameType

    from hca_local.data_directory import DataDirectory
    from hca_local.order import Order
    from hca_local.server.deployment import Deployment
    from hca_local.state import State

SHOCK_PORT = 7445  # where clients look for a Shock server on a host without a port
_GRACE_SECONDS = 3


def serve(order: Order, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT, SIGTERM or, if so ordered, the end of the standard input.

    `announce` is called with the URL as soon as requests are taken. Raises HCAError.
    """
    directory = data_directory.at(order.data)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        data_directory.is_store(directory)
        data_directory.make(directory)
        with locking.held(directory.lock):
            try:
                _serve_locked(directory, order, announce)
            finally:
                state.clear(directory)
                if order.temporary:
                    shutil.rmtree(directory.root, ignore_errors=True)
    except (OSError, ValueError, sqlite3.Error) as error:
        raise HCAError(f"The data directory {directory.root} can't be used: {error}.") from error


def _serve_locked(directory: DataDirectory, order: Order, announce: Callable[[str], None]) -> None:
    begun = state.begin(directory)
    wanted = settings.changed(settings.load(directory.settings), order.changes)
    with (
        listening.listener(order.port, wanted.port) as listener,
        listening.listener(None, wanted.s3_port) as s3_listener,
        listening.listener(None, wanted.shock_port, SHOCK_PORT) as shock_listener,
        listening.listener(None, wanted.azul_port) as azul_listener,
    ):
        listeners = [listener, s3_listener, shock_listener, azul_listener]
        port, s3_port, shock_port, azul_port = (one.getsockname()[1] for one in listeners)
        wanted = replace(wanted, port=port, s3_port=s3_port, shock_port=shock_port, azul_port=azul_port)
        data_directory.create_store(directory, sample=not order.empty, lasting=not order.temporary)
        data_directory.clean(directory)
        data_directory.keep_shock_users(directory, order.shock_users)
        settings.save(directory.settings, wanted)
        log = ServiceLog(directory.log)
        url, *own = (f"http://{listening.HOST}:{one}" for one in (port, s3_port, shock_port, azul_port))
        found = replace(begun, url=url, s3_url=wanted.s3_endpoint or own[0], shock_url=own[1], azul_url=own[2])
        served = deployment.opened(directory, wanted, found, log)
        _tell_clients(served, found)
        beside = _services_of_plugins(served, found, temporary=order.temporary, log=log)
        server = _server(served, log)
        log.line(f"START {url} pid {begun.pid}")
        if order.with_parent:
            threading.Thread(target=_end_with_input, args=(server,), daemon=True).start()

        def ready() -> None:
            _keep_ports(served, beside.ports)
            now = replace(found, services=beside.states)
            _tell_clients(served, now)
            state.ready(directory, now)
            announce(url)

        _run(server, listeners, served, beside, ready)
        log.line("STOP")
        log.close()


def _tell_clients(served: Deployment, found: State) -> None:
    """Write the configuration and the logins for clients of what runs as `found` tells. Raises OSError."""
    state.tell_clients(served.directory, found)
    lifetime = served.settings.token_lifetime
    data_directory.write_credentials(
        served.directory, served.issuer, lifetime, served.records, found.shock_url, found.others
    )


def _services_of_plugins(served: Deployment, found: State, *, temporary: bool, log: ServiceLog) -> ServicesOfPlugins:
    """Return the services of plugins for the deployment that runs as `found` tells, to be started."""
    surroundings = Surroundings(
        data=str(served.directory.root),
        url=found.url,
        temporary=temporary,
        ports=served.settings.service_ports,
        environment=shell.private(served.directory, found, os.environ),
    )
    beside = ServicesOfPlugins(
        surroundings, log, lambda: state.ready(served.directory, replace(found, services=beside.states))
    )
    return beside


def _keep_ports(served: Deployment, ports: dict[str, int]) -> None:
    """Keep the `ports` of services of plugins for the next start. Raises OSError."""
    kept = served.settings.service_ports
    if ports.items() - kept.items():
        settings.save(served.directory.settings, replace(served.settings, service_ports=kept | ports))


def _server(served: Deployment, log: ServiceLog) -> uvicorn.Server:
    config = uvicorn.Config(
        application(served, log),
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=listening.BACKLOG,
        timeout_keep_alive=listening.KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    config.load()
    return uvicorn.Server(config)


def _run(
    server: uvicorn.Server,
    listeners: list[socket.socket],
    served: Deployment,
    beside: ServicesOfPlugins,
    ready: Callable[[], None],
) -> None:
    """Run the event loop until the server is told to stop; `ready` is called when all services take requests."""

    def stop(number: int, frame: FrameType | None) -> None:
        # uvicorn handles signals while it runs, and raises them once more when it is done. One that comes before
        # must not be lost: whoever sent it waits for the end.
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)

    async def until_stopped() -> None:
        await served.start()
        serving = asyncio.create_task(server.serve(sockets=listeners))
        starting = asyncio.create_task(beside.start())  # those of plugins may already ask ours
        await asyncio.wait({serving, starting}, return_when=asyncio.FIRST_COMPLETED)
        try:
            if starting.done():
                starting.result()
                ready()
            else:
                starting.cancel()
                await asyncio.wait({starting})  # one whose process is just being made is not known before
            await serving
        finally:
            await beside.stop()
            await served.stop()

    with asyncio.Runner(loop_factory=listening.loop_factory()) as runner:
        runner.run(until_stopped())


def _end_with_input(server: uvicorn.Server) -> None:
    """Stop `server` at the end of the standard input: the process at its other end is gone."""
    while os.read(0, 1024):
        pass
    server.should_exit = True
