"""The server process that `hca local up` and `run` start: `python -P -m hca_local.background`.

Its order is the first line of its standard input, in JSON: what is in the arguments of a process, others can see. It
tells on its standard output, in one line of JSON, where it serves or why it can't; after that it is silent there.
"""

from __future__ import annotations

import json
import os
import sys
import traceback

from hca_core.errors import HCAError
from hca_local.order import Order
from hca_local.serving import serve


def main() -> int:
    """Serve by the order on the standard input and return the exit status."""
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return 1  # whoever was giving it is gone
    order = Order(**json.loads(line))
    try:
        serve(order, lambda url: _announce(url, order.data))
    except HCAError as error:
        _tell({"error": error.message, "hint": error.hint})
        return 1
    except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits to be told
        traceback.print_exc()
        _tell({"error": f"The server failed: {error!r}.", "hint": None})
        return 1
    return 0


def _announce(url: str, data: str) -> None:
    os.chdir(data)  # not to keep busy whatever directory it was started in
    _tell({"url": url, "pid": os.getpid()})
    # The reader closes its end after this line; from here on output goes where errors go.
    os.dup2(2, 1)


def _tell(report: dict[str, str | int | None]) -> None:
    os.write(1, json.dumps(report).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
