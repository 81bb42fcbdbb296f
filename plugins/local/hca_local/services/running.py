"""Starts the processes of plugins' services beside a deployment, watches them, and ends them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hca_core import local_services
from hca_core.errors import os_error_text
from hca_local.services import names
from hca_local.services.values import ServiceOrder, in_one_line
from hca_local.state import ServiceState

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable, Mapping

    from hca_local.server.log import ServiceLog

START_SECONDS = 30.0
STOP_SECONDS = 4.0  # a little more than a service gives its requests (hosting.py)


@dataclass(frozen=True)
class Surroundings:
    """What services are run for: the deployment's data directory and URL, the last ports, their environment."""

    data: str
    url: str
    temporary: bool
    ports: Mapping[str, int]
    environment: Mapping[str, str]


class ServicesOfPlugins:
    """The services that installed plugins bring, for one deployment; for the thread of the event loop.

    `states` tells how each of them is. Parameters: `changed` is called when one has ended by itself.
    """

    def __init__(self, surroundings: Surroundings, log: ServiceLog, changed: Callable[[], None]) -> None:
        self.states: dict[str, ServiceState] = {}
        self._surroundings = surroundings
        self._log = log
        self._changed = changed
        self._processes: dict[str, Process] = {}
        self._watchers: list[asyncio.Task[None]] = []

    @property
    def ports(self) -> dict[str, int]:
        """The ports of those that run, by name."""
        urls = {name: one.url for name, one in self.states.items() if one.url}
        return {name: int(url.rsplit(":", 1)[1]) for name, url in urls.items()}

    async def start(self) -> None:
        """Start them all side by side and return when each of them answers, or has failed."""
        await asyncio.gather(*(self._start(name) for name in local_services.names()))
        running = [(name, self._processes[name]) for name, one in self.states.items() if one.url]
        self._watchers = [asyncio.create_task(self._watch(name, process)) for name, process in running]

    async def stop(self) -> None:
        """End them all and wait until they are gone; those that don't end in time are killed."""
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*(_end(process) for process in self._processes.values()))

    async def _start(self, name: str) -> None:
        why = names.problem(name)
        refusal = in_one_line(local_services.unusable(name, why)) if why else None
        report = {"problem": refusal} if refusal else await self._run(name)
        shown = ascii(name)[:60] if refusal else name  # it may hold anything, and is shown in terminals
        self.states[shown] = ServiceState(url=report.get("url", ""), problem=report.get("problem", ""))
        told = f"START {report['url']}" if "url" in report else f"ERROR {report['problem']}"
        self._log.line(f"{shown}: {told}")

    async def _run(self, name: str) -> dict[str, Any]:
        """Start the process of one service and return what it tells: its `url` or a `problem`."""
        given = self._surroundings
        try:
            process = await _process(given.environment)
        except OSError as error:  # as where there is no room for another process; ours go on
            return {"problem": f"The service {name!r} can't be started: {os_error_text(error)}"}
        self._processes[name] = process
        order = ServiceOrder(name, given.data, given.url, given.ports.get(name, 0), given.temporary)
        try:
            report = await asyncio.wait_for(_report(process, order), START_SECONDS)
        except TimeoutError:
            late = f"The service {name!r} did not start within {START_SECONDS:.0f} seconds"
            report = {"problem": f"{late}; next: hca local logs"}
        if "url" not in report:
            await _end(process)
        return report

    async def _watch(self, name: str, process: Process) -> None:
        """Note when a service ends that nobody has stopped."""
        status = await process.wait()
        problem = f"The service {name!r} has ended with status {status}; next: hca local down, then up again"
        self._log.line(f"{name}: ERROR {problem}")
        self.states[name] = ServiceState(problem=problem)
        self._changed()


async def _process(environment: Mapping[str, str]) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # the current directory is not searched for modules, whatever lies in it
        "-m",
        "hca_local.services.background",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=dict(environment),
        start_new_session=True,  # a Ctrl-C is for the deployment, which ends its services
    )


async def _report(process: Process, order: ServiceOrder) -> dict[str, Any]:
    """Give a process its order and return the one line that it answers. Its input stays open: it ends with that."""
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - it was started with pipes
    with suppress(ConnectionError):  # it has ended already; that it says nothing is told next
        process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        await process.stdin.drain()
    line = await process.stdout.readline()
    if not line:
        return {"problem": f"The service {order.name!r} ended before it was ready; next: hca local logs"}
    report: dict[str, Any] = json.loads(line)
    return report


async def _end(process: Process) -> None:
    """End a process and wait until it is gone, with what it has started itself and left behind."""
    if process.returncode is not None:
        return  # its number may be another's by now
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    with suppress(ProcessLookupError, AttributeError):  # Windows has no groups of processes
        os.killpg(process.pid, signal.SIGKILL)
