"""What `hca doctor` tells of the deployment on this machine."""

from __future__ import annotations

import json
import os
import signal
import socket

import ports
import pytest
from waiting import until

from hca_core.testing import run_hca


@pytest.fixture
def checked(hca, tmp_path, monkeypatch):
    monkeypatch.setenv("HCA_LOCAL_DATA", str(tmp_path / "data"))

    def check(*words):
        rows = run_hca("doctor", "--service", "local", "--timeout", "60", "--query", "[?area=='local']", *words).json()
        return {row["name"]: row for row in rows}

    yield check
    hca("local", "down")


def test_where_there_is_none(checked, tmp_path):
    rows = checked()
    assert rows["deployment"]["text"] == f"there is none in {tmp_path / 'data'}"
    assert not (tmp_path / "data").exists()


def test_what_is_no_data_directory(checked, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.txt").touch()
    assert checked()["local"]["state"] == "problem"


def test_one_that_runs_is_killed_and_loses_its_port(checked, hca, tmp_path):
    assert hca("local", "up", "--empty", "--port", ports.lasting()).returncode == 0
    state = json.loads((tmp_path / "data" / "state.json").read_text())
    url = state["url"]
    for words in ((), ("--offline",)):
        row = checked(*words)["deployment"]
        assert row["state"] == "ok"
        assert row["text"].startswith(f"it is running at {url} (process ")
    os.kill(state["pid"], signal.SIGKILL)
    until(lambda: "running" not in checked("--offline")["deployment"]["text"])
    rows = checked()
    assert rows["deployment"]["state"] == "warning"
    assert "was killed" in rows["deployment"]["text"]
    assert "port" not in rows
    with socket.create_server(("127.0.0.1", int(url.rpartition(":")[2]))):
        row = checked()["port"]
    assert row["state"] == "warning"
    assert url.rpartition(":")[2] in row["text"]
    hca("local", "down")
    assert checked()["deployment"]["text"].startswith("it is stopped")
