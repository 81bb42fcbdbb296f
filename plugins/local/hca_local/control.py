"""Starts, stops and inspects the deployment of a data directory."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hca_core.errors import HCAError
from hca_local import data_directory, launch, locking, settings, state
from hca_local.server.log import rotate
from hca_local.services.values import HEALTH_PATH
from hca_local.store import database, reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_local.data_directory import DataDirectory
    from hca_local.order import Order
    from hca_local.state import ServiceState, State
    from hca_local.store.reading import Totals

_HEALTH_SECONDS = 10.0
_SERVICE_SECONDS = 3.0  # one that hangs must not keep who asks for the others
_INTERVAL = 0.02


@dataclass(frozen=True)
class Status:
    """How a deployment is: `condition` is running, starting, not answering or stopped.

    `services` are those of plugins: `service`, `url`, `state`, and `problem`, a sentence.
    """

    condition: str
    url: str
    s3_url: str
    shock_url: str
    azul_url: str
    pid: int | None
    totals: Totals | None
    services: list[dict[str, str | None]] = field(default_factory=list)


def up(order: Order) -> tuple[State, bool]:
    """Start the deployment of `order` in the background, wait until it answers, and return its state.

    The second value tells whether it was started; False if it was running already. Raises HCAError.
    """
    directory = data_directory.at(order.data)
    data_directory.is_store(directory)
    started = False
    if state.current(directory) is None:
        data_directory.make(directory)
        rotate(directory.log)
        try:
            with open(directory.log, "ab", opener=_private_opener) as errors:
                launch.start(order, errors)
            started = True
        except HCAError:
            if state.current(directory) is None:
                raise  # otherwise somebody else has started it in the same moment
    _wait(lambda: _answers(directory), launch.START_SECONDS, "The deployment does not answer.")
    found = state.current(directory)
    if found is None:
        raise HCAError("The deployment ended again.", hint="hca local logs")
    return found, started


def down(directory: DataDirectory) -> bool:
    """Stop the deployment of `directory` and wait until it is gone; False if there was none. Raises HCAError."""
    found = state.current(directory)
    if found is None:
        state.clear(directory)
        return False
    _wait(lambda: _pid(directory) != 0, _HEALTH_SECONDS, "The deployment does not say which process it is.")
    found = state.current(directory)
    if found is None:
        return True
    _signal(found.pid, signal.SIGTERM)
    if not _within(launch.STOP_SECONDS, lambda: not locking.is_held(directory.lock)):
        _signal(found.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        _wait(lambda: not locking.is_held(directory.lock), launch.STOP_SECONDS, "The deployment can't be stopped.")
    state.clear(directory)
    return True


def status(directory: DataDirectory) -> Status:
    """Return how the deployment of `directory` is and how much its store holds. Raises HCAError."""
    totals = _totals(directory) if data_directory.is_store(directory) else None
    found = state.current(directory)
    if found is None:
        return Status("stopped", "", "", "", "", None, totals)
    if not found.url:
        return Status("starting", "", "", "", "", found.pid or None, totals)
    condition = "running" if _healthy(found.url) else "not answering"
    services = [
        {"service": name, "url": one.url, "state": _condition(one), "problem": one.problem or None}
        for name, one in sorted(found.services.items())
    ]
    return Status(condition, found.url, found.s3_url, found.shock_url, found.azul_url, found.pid, totals, services)


def problems(found: State) -> list[str]:
    """Return what is wrong with the services of plugins of a deployment that runs, a sentence each."""
    return [one.problem for one in found.services.values() if one.problem]


def running(directory: DataDirectory) -> State:
    """Return the state of the deployment of `directory`. Raises HCAError if it is not running."""
    found = state.current(directory)
    if found is None or not found.url:
        raise HCAError(f"No deployment is running on {directory.root}.", hint="hca local up")
    return found


def logged_in(directory: DataDirectory) -> State:
    """Return what `running` does, after a look whether the first user's token will last. Raises HCAError."""
    found = running(directory)
    wanted = settings.load(directory.settings)
    try:
        age = time.time() - directory.credentials.stat().st_mtime
    except FileNotFoundError:
        age = float("inf")
    if age > wanted.token_lifetime / 2:
        renew_credentials(directory, found)
    return found


def renew_credentials(directory: DataDirectory, found: State) -> None:
    """Write new tokens for clients of the deployment of `directory`, which runs as `found` tells. Raises HCAError."""
    from hca_local.identity import issuer

    own = issuer.Issuer(issuer.load_key(directory.issuer_key), found.url)
    lifetime = settings.load(directory.settings).token_lifetime
    with _readable(directory) as connection:
        data_directory.write_credentials(directory, own, lifetime, connection, found.shock_url, found.others)


def _totals(directory: DataDirectory) -> Totals:
    with _readable(directory) as connection:
        return reading.totals(connection)


@contextmanager
def _readable(directory: DataDirectory) -> Iterator[sqlite3.Connection]:
    """Give the store of a deployment to be read. Raises HCAError if it can't be."""
    try:
        with closing(database.connect(directory.store)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise HCAError(f"{directory.store} can't be read: {error}.") from error


def _answers(directory: DataDirectory) -> bool:
    found = state.current(directory)
    return found is None or bool(found.url and _healthy(found.url))


def _condition(service: ServiceState) -> str:
    """Return how a service of a plugin is."""
    if service.problem:
        return "broken"
    return "running" if _healthy(service.url, HEALTH_PATH, _SERVICE_SECONDS) else "not answering"


def _healthy(url: str, path: str = "/internal/health", seconds: float = _HEALTH_SECONDS) -> bool:
    """Tell whether the server at `url` says at `path`, within `seconds`, that it is well."""
    import http.client
    import json

    address = url.removeprefix("http://")
    try:
        with closing(http.client.HTTPConnection(address, timeout=seconds)) as connection:
            connection.request("GET", path)
            return bool(json.loads(connection.getresponse().read())["Healthy"])
    except (OSError, http.client.HTTPException, ValueError, LookupError):
        return False


def _pid(directory: DataDirectory) -> int | None:
    found = state.current(directory)
    return found.pid if found else None


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it has just ended
    except PermissionError as error:
        raise HCAError(f"The deployment belongs to another user (process {pid}).") from error


def _wait(condition: Callable[[], bool], seconds: float, message: str) -> None:
    if not _within(seconds, condition):
        raise HCAError(message, hint="hca local logs")


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_INTERVAL)
    return True


def _private_opener(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
