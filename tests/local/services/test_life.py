"""The life of plugins' services: started, found again, killed, hanging, gone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ports
import pytest
from waiting import PATIENCE, until

from hca_core.testing import run_hca
from hca_local import control, data_directory, launch, settings
from hca_local.data_directory import DataDirectory
from hca_local.server.log import ServiceLog
from hca_local.services import running
from hca_local.services.values import HEALTH_PATH

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from hca_local.launch import Launched

    Bring = Callable[..., None]
    Hca = Callable[..., subprocess.CompletedProcess[str]]
    Launch = Callable[..., Launched]
    Urls = Callable[[Launched], dict[str, str]]


def states(data: Path) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads((data / "state.json").read_bytes())["services"]
    return found


def told(http: requests.Session, data: Path, name: str = "plain") -> dict[str, Any]:
    answer: dict[str, Any] = http.get(states(data)[name]["url"], timeout=30).json()
    return answer


def port(url: str) -> int:
    return int(url.rsplit(":", 1)[1])


def move(data: Path, *names: str) -> dict[str, str]:
    """Give services other ports for the next start, as if they had had these, and return their URLs.

    The ports of the last start have been the system's choice, which gives them to others as soon as they are free.
    """
    kept = settings.load(data / "settings.json")
    assert kept.service_ports.keys() >= set(names), "the ports of the last start should be kept"
    others = {name: ports.lasting() for name in names}
    settings.save(data / "settings.json", replace(kept, service_ports=kept.service_ports | others))
    return {name: f"http://127.0.0.1:{number}" for name, number in others.items()}


def test_a_day_in_the_life(
    hca: Hca, data: Path, brought: Bring, http: requests.Session, is_alive: Callable[[int], bool]
) -> None:
    brought("plain", "sky", "missing")
    started = hca("local", "up", "--empty", "--data", data)
    assert started.returncode == 0
    assert started.stderr.count("can't be used") == 1
    assert "hca: plugin 'missing' (hca-plugin-weather 1.0) can't be used: ModuleNotFoundError" in started.stderr
    assert "can't be used" not in hca("--quiet", "local", "up", "--data", data).stderr
    assert "Traceback" not in started.stderr
    assert json.loads(started.stdout)["started"] is True
    first, url = told(http, data), states(data)["plain"]["url"]
    assert settings.load(data / "settings.json").service_ports["plain"] == port(url)

    again = hca("local", "up", "--data", data)
    assert again.stderr.count("can't be used") == 1
    assert told(http, data)["pid"] == first["pid"]

    assert hca("local", "down", "--data", data).returncode == 0
    assert not is_alive(first["pid"])
    assert (data / "services" / "sky" / "data" / "ended").exists(), "an application is told of its end"

    url = move(data, "plain")["plain"]
    hca("local", "up", "--data", data)
    second = told(http, data)
    assert (second["starts"], second["url"]) == (2, url), "data and port should stay"


def test_after_a_kill_they_are_gone_and_come_again(
    data: Path, brought: Bring, launched: Launch, http: requests.Session, is_alive: Callable[[int], bool]
) -> None:
    brought("plain", "classic")
    server = launched(data, empty=True)
    before, kept = told(http, data), {name: port(one["url"]) for name, one in states(data).items()}
    children = children_of(server.process.pid)
    assert before["pid"] in children
    os.kill(server.process.pid, signal.SIGKILL)
    until(lambda: not any(map(is_alive, children)))
    assert settings.load(data / "settings.json").service_ports == kept
    urls = move(data, "plain", "classic")
    launched(data)
    after = told(http, data)
    assert (after["starts"], after["pid"] != before["pid"]) == (2, True)
    assert {name: one["url"] for name, one in states(data).items()} == urls


@pytest.mark.parametrize("end", ["down", "kill"])
def test_what_a_service_has_started_ends_with_it(
    data: Path, brought: Bring, launched: Launch, hca: Hca, is_alive: Callable[[int], bool], end: str
) -> None:
    brought(parent="weather_of_test:parent")
    server = launched(data, empty=True)
    child = int((data / "services" / "parent" / "data" / "child").read_text())
    assert is_alive(child)
    if end == "down":
        hca("local", "down", "--data", data)
    else:
        os.kill(server.process.pid, signal.SIGKILL)
    until(lambda: not is_alive(child))


def test_a_port_that_is_gone_is_replaced(data: Path, brought: Bring, hca: Hca, http: requests.Session) -> None:
    brought("plain")
    hca("local", "up", "--empty", "--data", data)
    hca("local", "down", "--data", data)
    before = move(data, "plain")["plain"]
    with socket.create_server(("127.0.0.1", port(before)), reuse_port=False):
        hca("local", "up", "--data", data)
        after = told(http, data)["url"]
    assert after != before
    assert settings.load(data / "settings.json").service_ports == {"plain": port(after)}


def test_one_that_hangs_keeps_nobody(
    data: Path, brought: Bring, hca: Hca, http: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought("plain", "classic")
    url = json.loads(hca("local", "up", "--empty", "--data", data).stdout)["url"]
    here = states(data)
    plain, classic = here["plain"]["url"], here["classic"]["url"]
    pid = told(http, data)["pid"]
    with hang(plain), hang(classic):
        rows = json.loads(hca("local", "status", "--data", data, "--output", "json").stdout)
        conditions = {row["service"]: row["state"] for row in rows}
        assert (conditions["dss"], conditions["plain"]) == ("running", "not answering")
        # What status asks: it gives each of them three seconds, and the one that is here to be seen may need more.
        health = http.get(f"{classic}{HEALTH_PATH}", timeout=PATIENCE).json()
        assert health["Healthy"] is True, "each request to it has a thread of its own"
        assert http.get(f"{classic}/who", timeout=PATIENCE).text == "nobody"
        assert http.get(f"{url}/bundles/all?replica=aws", timeout=30).status_code == 200
        assert running.STOP_SECONDS < launch.STOP_SECONDS, "the deployment should have time to kill it"
        # A machine that is busy may take longer than that time; the request would take ten minutes.
        monkeypatch.setattr(launch, "STOP_SECONDS", PATIENCE)
        assert run_hca("local", "down", "--data", str(data)).exit_status == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert (data / "log").read_text().endswith(" STOP\n"), "the deployment itself should end in peace"


def hang(url: str) -> socket.socket:
    """Return the connection of a request that is never answered."""
    connection = socket.create_connection(("127.0.0.1", port(url)))
    connection.sendall(b"GET /hang HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return connection


def test_one_that_dies_is_told_and_comes_again(
    data: Path, brought: Bring, hca: Hca, http: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    import requests as library

    brought("plain", "sky")
    hca("local", "up", "--empty", "--data", data)
    with pytest.raises(library.ConnectionError):
        http.get(f"{states(data)['plain']['url']}/die", timeout=30)
    until(lambda: states(data)["plain"]["problem"])
    monkeypatch.setattr(control, "_SERVICE_SECONDS", PATIENCE)  # for one that runs, on a machine that pauses it
    answer = run_hca("local", "status", "--data", str(data), "--output", "json")
    rows = {row["service"]: row for row in answer.json()}
    assert answer.exit_status == 0, "ours run"
    assert (
        rows["plain"]["problem"] == "The service 'plain' has ended with status 9; next: hca local down, then up again"
    )
    assert (rows["plain"]["state"], rows["sky"]["state"]) == ("broken", "running")
    assert "plain: ERROR The service 'plain' has ended" in (data / "log").read_text()
    assert "HCA_PLAIN_URL" not in hca("local", "env", "--data", data).stdout
    hca("local", "down", "--data", data)
    hca("local", "up", "--data", data)
    assert told(http, data)["starts"] == 2


def test_run_knows_them_and_leaves_nothing(hca: Hca, brought: Bring) -> None:
    brought("plain", "missing")
    code = "import os, urllib.request as web; print(web.urlopen(os.environ['HCA_PLAIN_URL']).read().decode())"
    answer = hca("local", "run", "--empty", "--", sys.executable, "-c", code, HCA_PLAIN_URL="https://elsewhere.example")
    assert answer.returncode == 0, answer.stderr
    seen = json.loads(answer.stdout)
    assert seen["temporary"] is True
    assert not Path(seen["directory"]).exists()
    assert not Path(seen["environment"]["HCA_CONFIG_FILE"]).parent.exists()
    assert answer.stderr.count("can't be used") == len(answer.stderr.splitlines()) == 1


def test_a_disabled_plugin_brings_nothing(hca: Hca, data: Path, brought: Bring) -> None:
    brought("plain", "sky")
    hca("local", "up", "--empty", "--data", data, HCA_PLUGINS_DISABLED="plain")
    assert list(states(data)) == ["sky"]
    assert not (data / "services" / "plain").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_ends_them_also_while_they_start(
    data: Path, brought: Bring, number: int, is_alive: Callable[[int], bool]
) -> None:
    brought("sky", hanging="weather_of_test:hanging")
    command = [sys.executable, "-m", "hca_core", "local", "serve", "--empty", "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as serving:
        until((data / "services" / "hanging" / "data" / "hangs").exists)
        until(lambda: "sky: START" in (data / "log").read_text())  # it may have been started after the other one
        children = children_of(serving.pid)
        assert len(children) == 2
        assert control.status(DataDirectory(data)).condition == "starting"
        serving.send_signal(number)
        out, err = serving.communicate(timeout=60)
    assert (serving.returncode, out, err) == (0, "", "")
    assert not any(map(is_alive, children))
    assert "did not start" not in (data / "log").read_text(), "nobody should wait for it"


def children_of(pid: int) -> list[int]:
    return [child for child in map(int, filter(str.isdigit, os.listdir("/proc"))) if parent(child) == pid]


def parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def test_where_no_process_can_be_started_ours_go_on(
    tmp_path: Path, brought: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought("plain")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    around = running.Surroundings(str(tmp_path), "http://127.0.0.1:1", True, {}, dict(os.environ))
    services = running.ServicesOfPlugins(around, ServiceLog(tmp_path / "log"), lambda: None)
    asyncio.run(services.start())
    assert services.states["plain"].problem == (
        "The service 'plain' can't be started: /nowhere/python: No such file or directory"
    )


def test_one_that_does_not_start_in_time_is_given_up(
    tmp_path: Path, brought: Bring, monkeypatch: pytest.MonkeyPatch, is_alive: Callable[[int], bool]
) -> None:
    brought("plain", hanging="weather_of_test:hanging")
    monkeypatch.setattr(running, "START_SECONDS", 0.2)
    directory = DataDirectory(tmp_path / "data")
    data_directory.make(directory)
    data_directory.create_store(directory, sample=False, lasting=False)
    around = running.Surroundings(str(directory.root), "http://127.0.0.1:1", True, {}, dict(os.environ))

    async def life() -> running.ServicesOfPlugins:
        services = running.ServicesOfPlugins(around, ServiceLog(directory.log), lambda: None)
        await services.start()
        await services.stop()
        return services

    services = asyncio.run(life())
    late = "The service 'hanging' did not start within 0 seconds"
    assert services.states["hanging"].problem.startswith(late)
    assert services.states["hanging"].url == ""
    assert not any(is_alive(process.pid) for process in services._processes.values())


def test_what_stands_in_the_settings_can_be_wrong(tmp_path: Path, hca: Hca, data: Path) -> None:
    hca("local", "up", "--empty", "--data", data)
    hca("local", "down", "--data", data)
    document = json.loads((data / "settings.json").read_bytes())
    for wrong in ([], {"plain": "80"}, {"plain": True}, {"plain": -1}):
        (data / "settings.json").write_text(json.dumps(document | {"service_ports": wrong}))
        answer = hca("local", "up", "--data", data)
        assert answer.returncode == 1
        assert "'service_ports'" in answer.stderr
        assert "is not an object with ports by name" in answer.stderr


def test_a_port_that_is_none_counts_for_nothing(data: Path, brought: Bring, hca: Hca, http: requests.Session) -> None:
    brought("plain")
    data.mkdir()
    hca("local", "up", "--empty", "--data", data)
    hca("local", "down", "--data", data)
    document = json.loads((data / "settings.json").read_bytes())
    (data / "settings.json").write_text(json.dumps(document | {"service_ports": {"plain": 70000}, "s3_port": 70000}))
    assert hca("local", "up", "--data", data).returncode == 0
    assert told(http, data)["starts"] == 2


def test_the_service_of_a_killed_deployment_is_waited_for(
    data: Path, brought: Bring, hca: Hca, http: requests.Session
) -> None:
    """A process that a kill has left, stopped so that it can't notice, still has the directory."""
    brought("plain")
    pid = json.loads(hca("local", "up", "--empty", "--data", data).stdout)["pid"]
    left = told(http, data)["pid"]
    os.kill(left, signal.SIGSTOP)
    os.kill(pid, signal.SIGKILL)
    until(lambda: control.status(DataDirectory(data)).condition == "stopped")
    answer = hca("local", "up", "--data", data)
    assert answer.returncode == 0
    assert "plain is being served by another process" in answer.stderr
    os.kill(left, signal.SIGCONT)
