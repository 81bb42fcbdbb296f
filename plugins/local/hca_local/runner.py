"""Runs one command on a private deployment that lives exactly as long."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from dataclasses import replace
from typing import TYPE_CHECKING

from hca_local import control, launch, shell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType

    from hca_local.data_directory import DataDirectory
    from hca_local.launch import Launched
    from hca_local.order import Order


class CommandError(Exception):
    """The command could not be started; `exit_status` is what a shell would answer."""

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


def run(command: Sequence[str], order: Order, started: Callable[[DataDirectory], None]) -> int:
    """Run `command` with the deployment of `order`, a temporary one if its `data` is empty; return the exit status.

    `started` is called with the data directory when the deployment runs. Raises HCAError if the deployment can't be
    started, CommandError if the command can't.
    """
    temporary = not order.data
    data = order.data or tempfile.mkdtemp(prefix="hca-local-")
    order = replace(order, data=data, temporary=temporary, with_parent=True)
    try:
        launched = launch.start(order, subprocess.DEVNULL)
    except BaseException:
        if temporary:
            launch.remove(data)
        raise
    try:
        started(launched.directory)
        return _run(command, environment(launched))
    finally:
        launch.stop(launched.process)
        if temporary:
            launch.remove(data)


def environment(launched: Launched) -> dict[str, str]:
    """Return this process's environment, changed so that `hca` knows the deployment and no other service."""
    directory = launched.directory
    return shell.private(directory, control.running(directory), os.environ)


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run `command`, passing signals on to it, and return its exit status: 128 + N after the signal N."""
    early: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def forward(number: int, frame: FrameType | None) -> None:
        if child is None:
            early.append(number)
        elif number != signal.SIGINT or not _from_terminal():
            child.send_signal(number)

    numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before = {number: signal.signal(number, forward) for number in numbers}
    try:
        child = _started(command, environment)
        for number in early:
            child.send_signal(number)
        status = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return status if status >= 0 else 128 - status


def _started(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start `command`. Raises CommandError."""
    try:
        return subprocess.Popen(command, env=dict(environment))
    except FileNotFoundError as error:
        raise CommandError(f"{command[0]}: no such command.", 127) from error
    except OSError as error:
        raise CommandError(f"{command[0]} can't be run: {error.strerror}.", 126) from error


def _from_terminal() -> bool:
    """Tell whether a Ctrl-C comes from a terminal that has sent it to the command as well."""
    if os.name == "nt":
        return True  # the console sends it to all of its processes
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
