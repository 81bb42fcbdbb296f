"""The process of one service of a plugin: `python -P -m hca_local.services.background`.

Its order is the first line of its standard input, in JSON. It tells on its standard output, in one line of JSON, where
the service answers or why it can't. What the plugin prints goes to the deployment's log. When the standard input ends,
the deployment has died, and so does this process, whatever the plugin is doing.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from contextlib import suppress

from hca_core.errors import HCAError
from hca_local import data_directory
from hca_local.server.log import NamedLog
from hca_local.services.values import ServiceOrder, in_one_line


def main() -> int:
    """Run a service by the order on the standard input and return the exit status."""
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return 1  # whoever was giving it is gone
    order = ServiceOrder(**json.loads(line))
    threading.Thread(target=_end_with, args=(os.dup(0),), daemon=True).start()
    answer = os.dup(1)
    log = data_directory.at(order.data).log
    _redirect(str(log))
    try:
        from hca_local.services import hosting

        hosting.serve(order, lambda url: _tell(answer, {"url": url}))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, somebody waits to be told
        NamedLog(log, order.name).line(f"ERROR {''.join(traceback.format_exception(error)).rstrip()}")
        known = error if isinstance(error, HCAError) else HCAError(f"The service {order.name!r} failed: {error!r}.")
        _tell(answer, {"problem": in_one_line(known)})
        return 1
    return 0


def _redirect(log: str) -> None:
    """Let what the plugin prints go to the file `log`, and let it read nothing."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(nothing, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115 - to the end


def _tell(descriptor: int, report: dict[str, str]) -> None:
    os.write(descriptor, json.dumps(report).encode() + b"\n")
    os.close(descriptor)


def _end_with(lifeline: int) -> None:
    """End this process, and its children, at the end of `lifeline`: the process at its other end is gone."""
    while os.read(lifeline, 1024):
        pass
    with suppress(ProcessLookupError, AttributeError):  # it leads a group of its own; Windows has none
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
