"""What the tests of the transfer engine share: a server that lies, files to fetch from it, the fault table."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from neighbours import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


_HERE = Path(__file__).parent
server_module = load(_HERE / "server.py", "transfer_server")
load(_HERE / "faults.py", "transfer_faults")
tools = load(_HERE / "tools.py", "transfer_tools")


@pytest.fixture
def server() -> Iterator[Any]:
    """A server that does what a test scripts."""
    with server_module.Server() as made:
        yield made


@pytest.fixture
def remote(server: Any, tmp_path: Path) -> Iterator[Any]:
    """Files of that server, to be fetched to the folder `got`."""
    with tools.Remote(server.url, tmp_path / "got") as made:
        yield made


# Read now: while a test runs, no variable of who runs it is there.
TABLE = os.environ.get("HCA_FAULT_TABLE", "")


@pytest.fixture
def record() -> Callable[..., None]:
    """A function that adds a line to the fault table, if `HCA_FAULT_TABLE` names a file for it (see fault_table.py)."""
    return _record


def _record(fault: str, tried: int, outcome: str, *, lost: int = 0, again: int = 0) -> None:
    if TABLE:
        line = {"fault": fault, "tried": tried, "outcome": outcome, "lost": lost, "again": again}
        with open(TABLE, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Count a test of the table that failed as one loss: it did not come to its own line."""
    report = yield
    if report.failed and "record" in getattr(item, "fixturenames", ()):
        _record(item.name, 1, "FAILED", lost=1)
    return report
