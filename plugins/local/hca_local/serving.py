"""Serves a data directory in this process, from the lock to the last answer."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sqlite3
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import uvicorn

from hca_core.errors import HCAError
from hca_local import data_directory, locking, settings, state
from hca_local.server import deployment
from hca_local.server.application import application
from hca_local.server.log import ServiceLog

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from hca_local.data_directory import DataDirectory
    from hca_local.order import Order
    from hca_local.server.deployment import Deployment

HOST = "127.0.0.1"
SHOCK_PORT = 7445  # where clients look for a Shock server on a host without a port
_BACKLOG = 2048
_GRACE_SECONDS = 3
# Longer than clients keep a connection of their pool unused, so that it is they who close it.
_KEEP_ALIVE_SECONDS = 90


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
        _listening(order.port, wanted.port) as listener,
        _listening(None, wanted.s3_port) as s3_listener,
        _listening(None, wanted.shock_port, SHOCK_PORT) as shock_listener,
    ):
        listeners = [listener, s3_listener, shock_listener]
        port, s3_port, shock_port = (one.getsockname()[1] for one in listeners)
        wanted = replace(wanted, port=port, s3_port=s3_port, shock_port=shock_port)
        data_directory.create_store(directory, sample=not order.empty, lasting=not order.temporary)
        data_directory.clean(directory)
        data_directory.keep_shock_users(directory, order.shock_users)
        settings.save(directory.settings, wanted)
        log = ServiceLog(directory.log)
        url, s3_url = f"http://{HOST}:{port}", wanted.s3_endpoint or f"http://{HOST}:{s3_port}"
        shock_url = f"http://{HOST}:{shock_port}"
        served = deployment.opened(directory, wanted, url, s3_url, shock_url, log)
        data_directory.write_credentials(directory, served.issuer, wanted.token_lifetime, served.records, shock_url)
        server = _server(served, log)
        state.ready(directory, replace(begun, url=url, s3_url=s3_url, shock_url=shock_url))
        log.line(f"START {url} pid {begun.pid}")
        if order.with_parent:
            threading.Thread(target=_end_with_input, args=(server,), daemon=True).start()
        _run(server, listeners, served, lambda: announce(url))
        log.line("STOP")
        log.close()


def _server(served: Deployment, log: ServiceLog) -> uvicorn.Server:
    config = uvicorn.Config(
        application(served, log),
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    config.load()
    return uvicorn.Server(config)


def _run(
    server: uvicorn.Server, listeners: list[socket.socket], served: Deployment, announce: Callable[[], None]
) -> None:
    """Run the event loop until the server is told to stop; `announce` is called when its work has begun."""

    def stop(number: int, frame: FrameType | None) -> None:
        # uvicorn handles signals while it runs, and raises them once more when it is done. One that comes before
        # must not be lost: whoever sent it waits for the end.
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)

    async def until_stopped() -> None:
        await served.start()
        announce()
        await server.serve(sockets=listeners)
        await served.stop()

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(until_stopped())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the maker of the fastest event loop there is here."""
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop


def _listening(port: int | None, *preferred: int) -> socket.socket:
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
        except OSError:
            pass  # somebody else has it by now
    return _bound(0)


def _bound(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name != "nt":  # there it would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _end_with_input(server: uvicorn.Server) -> None:
    """Stop `server` at the end of the standard input: the process at its other end is gone."""
    while os.read(0, 1024):
        pass
    server.should_exit = True
