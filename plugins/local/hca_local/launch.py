"""Starts server processes and waits until they answer; ends them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hca_core.errors import HCAError
from hca_local import data_directory
from hca_local.order import Order

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import IO

    from hca_local.data_directory import DataDirectory

START_SECONDS = 60.0
STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Launched:
    """A deployment that was started: where it answers, its data directory, its process."""

    url: str
    directory: DataDirectory
    process: subprocess.Popen[bytes]


def start(order: Order, errors: IO[bytes] | int) -> Launched:
    """Start a server process and return when it takes requests.

    `errors` is where its standard error goes. It runs in its own session, so a Ctrl-C for this one doesn't end it.
    Raises HCAError if it can't serve, with what it said.
    """
    # -P: the current directory is not searched for modules, whatever lies in it.
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "hca_local.background"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        start_new_session=True,
    )
    try:
        _give(process, order)
        report = _report(process)
    except BaseException:
        stop(process)
        raise
    if "url" not in report:
        stop(process)
        raise HCAError(report["error"], report.get("hint"))
    if process.stdout:
        process.stdout.close()
    return Launched(report["url"], data_directory.at(order.data), process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server process that this one started, and wait until it is gone."""
    _close_input(process)
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


def remove(data: str) -> None:
    """Remove the data directory of a temporary deployment; its server has mostly done so before."""
    shutil.rmtree(data, ignore_errors=True)


@contextmanager
def private(
    data: str | os.PathLike[str],
    *,
    keep: bool = True,
    empty: bool = False,
    shock_users: Sequence[str] = (),
    **changes: int | str,
) -> Iterator[Launched]:
    """Serve the data directory `data` for as long as the body runs, and not longer than this process lives.

        with launch.private(tmp_path / "data", first_get_redirects=0) as deployment:
            requests.get(f"{deployment.url}/internal/health")

    Parameters: `keep` False removes the directory in the end; `empty` makes a new store without the sample dataset;
    `shock_users` are users of the Shock service, as for `hca local up --shock-user`; `changes` are settings (see
    settings.py). Raises HCAError if it can't be served.
    """
    directory = data_directory.at(os.fspath(data))
    order = Order(
        str(directory.root),
        empty=empty,
        changes=dict(changes),
        shock_users=list(shock_users),
        temporary=not keep,
        with_parent=True,
    )
    launched = start(order, subprocess.DEVNULL)
    try:
        yield launched
    finally:
        stop(launched.process)


def _give(process: subprocess.Popen[bytes], order: Order) -> None:
    """Tell a server process its order; its input stays open for as long as it depends on this process."""
    assert process.stdin is not None  # noqa: S101 - it was started with a pipe
    try:
        process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        process.stdin.flush()
    except BrokenPipeError:
        pass  # it has ended already; that it says nothing is told next
    if not order.with_parent:
        _close_input(process)


def _close_input(process: subprocess.Popen[bytes]) -> None:
    """Close the input of a server process, which may have left without having read it all."""
    if process.stdin:
        with suppress(BrokenPipeError):
            process.stdin.close()


def _report(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Return the one line that a server process tells about itself. Raises HCAError."""
    assert process.stdout is not None  # noqa: S101 - it was started with a pipe
    lines: list[bytes] = []
    # A thread, because a pipe can't be read with a deadline everywhere.
    reader = threading.Thread(target=lambda out=process.stdout: lines.append(out.readline()), daemon=True)
    reader.start()
    reader.join(START_SECONDS)
    if not lines:
        raise HCAError(f"The server did not start within {START_SECONDS:.0f} seconds.", hint="hca local logs")
    if not lines[0]:
        raise HCAError("The server ended before it was ready.", hint="hca local logs")
    report: dict[str, Any] = json.loads(lines[0])
    return report
