"""Starts processes that fetch: it has loaded what they need and forks, as 200 starts of Python would take too long.

It reads orders from its standard input, a line of JSON each, and answers each with a line: `fetch` forks a process and
tells its number, `wait` tells how that ended (as subprocess does: a signal is negative).
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import resource
import signal
import sys
import threading
from types import SimpleNamespace
from typing import Any

from hca_core import http, transfer
from hca_core.errors import HCAError
from hca_core.transfer import Address, Service, Settings, Transfer, fetch, parts

for _module in pkgutil.iter_modules(transfer.__path__):
    importlib.import_module(f"hca_core.transfer.{_module.name}")
parts.owner(0)  # which loads the rest: who becomes another user may not read the installation


def main() -> None:
    """Do what is ordered until the input ends."""
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            # The child takes Ctrl-C from where it knows what to do with it.
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
            answer = os.fork()
            if answer == 0:
                os._exit(interruptible(order))
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        print(answer, flush=True)


def interruptible(order: dict[str, Any]) -> int:
    """Return what `run` does, wherever in it Ctrl-C arrives."""
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        status = run(order)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        return 130
    return status


def run(order: dict[str, Any]) -> int:
    """Fetch what is ordered and return the exit status that `hca` would have; the errors go to the order's file."""
    descriptor = os.open(order["errors"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 2)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.closerange(3, 100)
    if "files" in order.get("limits", {}):
        resource.setrlimit(resource.RLIMIT_NOFILE, (order["limits"]["files"],) * 2)
    if "size" in order.get("limits", {}):
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["limits"]["size"],) * 2)
    if "hoard" in order:
        hoard(order["hoard"])
    if "user" in order:
        os.setgroups([])
        os.setgid(order["user"])
        os.setuid(order["user"])
    if "clock" in order:
        jumping(order["clock"])
    for name, value in order.get("constants", {}).items():
        module, _, constant = name.rpartition(".")
        setattr(sys.modules[f"hca_core.transfer.{module}"], constant, value)
    # Long: what a test lets stall is there until the test goes on, and what it counts is not asked for twice.
    session = http.Session(http.Policy(connect_timeout=60, read_timeout=order.get("read_timeout", 600)))
    service = Service("tests", client=SimpleNamespace(session=session))
    folder = order["folder"]
    wanted = [
        Transfer(
            name,
            f"{folder}/{name}",
            Address(order["url"] + name, service),
            size,
            digest,
            link=link and f"{folder}/{link}",
        )
        for name, size, digest, link in order["wanted"]
    ]
    status = 0
    try:
        for result in fetch(wanted, Settings(**{"jobs": 6, "min_delay": 0.01, **order.get("settings", {})})):
            if result.error is not None:
                print(result.transfer.name, repr(result.error), file=sys.stderr)
                status = int(result.error.exit_status) if isinstance(result.error, HCAError) else 99
    except OSError as error:
        print(error, file=sys.stderr)
        status = 1
    sys.stderr.flush()
    return status


def hoard(count: int) -> None:
    """Hold so many file descriptors open for half a second, as another part of a program may."""
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(count)]
    threading.Timer(0.5, lambda: [os.close(one) for one in held]).start()


def jumping(seconds: float) -> None:
    """Let the clock that people set jump to and fro at every look at it."""
    import time

    real, looks = time.time, [0]

    def jumped() -> float:
        looks[0] += 1
        return real() + (seconds if looks[0] % 2 else -seconds)

    time.time = jumped


if __name__ == "__main__":
    main()
