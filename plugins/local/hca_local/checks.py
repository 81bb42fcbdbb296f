"""What `hca doctor` tells of the deployment on this machine: does it run, what did a kill leave, are its ports free?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_core.doctor import Check
from hca_core.errors import HCAError
from hca_local import control, data_directory, settings, state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_local.data_directory import DataDirectory


def checks(timeout: float | None) -> Iterator[Check]:
    """Yield the checks of the deployment that the commands are for; without a `timeout` it is not asked.

    Raises HCAError if its data directory is something else.
    """
    directory = data_directory.at(None)
    if not data_directory.is_store(directory):
        yield Check("deployment", "ok", f"there is none in {directory.root}", "hca local up, where you want one")
        return
    found = state.current(directory)
    if found is None:
        yield from _stopped(directory)
    elif timeout is None:
        yield Check("deployment", "ok", f"it is running at {found.url} (process {found.pid})")
    else:
        yield from _running(directory)


def _running(directory: DataDirectory) -> Iterator[Check]:
    found = control.status(directory)
    told = f"it is {found.condition}{f' at {found.url}' if found.url else ''} (process {found.pid})"
    if found.condition == "not answering":
        yield Check("deployment", "problem", told, "hca local down, then hca local up; 'hca local logs' tells more")
    else:
        yield Check("deployment", "ok", told)
    for one in found.services:
        if one["state"] == "running":
            yield Check(str(one["service"]), "ok", f"it is running at {one['url']}")
        else:
            yield Check(str(one["service"]), "problem", one["problem"] or f"it is {one['state']}", "hca local logs")


def _stopped(directory: DataDirectory) -> Iterator[Check]:
    if directory.state.exists():
        text = f"the process that served {directory.root} was killed; what was acknowledged is kept"
        yield Check("deployment", "warning", text, "hca local up, or hca local down")
    else:
        yield Check("deployment", "ok", f"it is stopped; its data are in {directory.root}", "hca local up")
    kept = settings.load(directory.settings)
    for port in filter(None, (kept.port, kept.s3_port, kept.shock_port, kept.azul_port, *kept.service_ports.values())):
        if not _is_free(port):
            text = f"another program listens at port {port}, which the deployment had: it will have another one"
            yield Check("port", "warning", text, "after 'hca local up', take its addresses anew: hca local env")


def _is_free(port: int) -> bool:
    from hca_local.server import listening

    try:
        listening.listener(port).close()
    except HCAError:
        return False
    return True
