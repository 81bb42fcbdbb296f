"""`hca local` up, down, status, env, logs and serve as real processes."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import ports
import pytest
from waiting import until

from hca_local import shell as shell_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import requests

    Hca = Callable[..., subprocess.CompletedProcess[str]]

COMMANDS = ["up", "down", "status", "env", "seed", "logs", "serve", "run", "shock"]


def shell(script: str, *, environment: dict[str, str]) -> str:
    """Return what a POSIX shell prints for `script`, in which `hca` is this environment's."""
    define = f'hca() {{ {shlex.quote(sys.executable)} -m hca_core "$@"; }}\n'
    command = ["sh", "-euc", define + script]
    inherited = os.environ | environment
    return subprocess.run(command, env=inherited, capture_output=True, text=True, check=True, timeout=60).stdout


def test_the_group_is_in_the_list_with_its_line(hca: Hca) -> None:
    assert re.search(r"^  local +Run the data services on this machine\.$", hca("--help").stdout, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(hca: Hca, command: str) -> None:
    answer = hca("local", command, "-h")
    assert answer.returncode == 0
    assert f"hca local {command}" in answer.stdout.split("Options:")[0].split("\n", 1)[1]


def test_help_loads_neither_server_nor_database() -> None:
    code = (
        "import sys; sys.argv = ['hca', 'local', 'up', '--help']\n"
        "from hca_core.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'starlette', 'uvicorn', 'sqlite3', 'asyncio', 'jsonschema', 'requests', 'json', 'logging'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(json.loads(answer.stderr.strip().splitlines()[-1].replace("'", '"')))
    assert not loaded & {"starlette", "uvicorn", "sqlite3", "asyncio", "jsonschema", "requests"}


def test_a_day_in_the_life(hca: Hca, http: requests.Session, data: Path, is_alive: Callable[[int], bool]) -> None:
    before = hca("local", "status", "--data", data, "--output", "json")
    assert (before.returncode, json.loads(before.stdout)[0]["state"]) == (1, "stopped")
    assert not data.exists(), "asking must not make anything"

    started = hca("local", "up", "--data", data, "--retry-after", "4", "--port", ports.lasting())
    assert started.returncode == 0, started.stderr
    document = json.loads(started.stdout)
    assert document["started"] is True
    assert f'eval "$(hca local env --data {data})"' in started.stderr
    assert "Services: dss, auth, upload, s3, shock, azul (" in started.stderr
    url = document["url"].removesuffix("/v1")
    assert http.get(f"{url}/internal/health", timeout=30).json() == {"Healthy": True}
    config = data / "config.json"
    urls = {"DSSClient": f"{url}/v1/swagger.json", "AuthClient": f"{url}/swagger.json"}
    told = json.loads(config.read_text())
    uploads = told.pop("upload")
    assert told == {name: {"swagger_url": where} for name, where in urls.items()}
    assert uploads == {
        "preprod_api_url_template": f"{url}/v1",
        "s3_endpoint_url": json.loads((data / "state.json").read_text())["s3_url"],
        "api_keys": {"local": (data / "upload.key").read_text().strip()},
    }
    for private in ("upload.key", "config.json", "signing.key", "log", "store.sqlite3", "settings.json", "state.json"):
        assert (data / private).stat().st_mode & 0o077 == 0, private

    again = hca("local", "up", "--data", data)
    assert (again.returncode, json.loads(again.stdout)["pid"]) == (0, document["pid"])
    assert "already running" in again.stderr

    found = hca("local", "status", "--data", data, "--output", "json")
    assert found.returncode == 0
    row, *others = json.loads(found.stdout)
    assert [one["service"] for one in others] == ["auth", "upload", "s3", "shock", "azul"]
    assert {one["service"]: one["url"] for one in others}["upload"] == f"{url}/v1"
    assert list(row) == ["service", "url", "state", "pid", "data", "bundles", "files", "bytes", "problem"]
    assert (row["state"], row["pid"], row["data"], row["bundles"]) == ("running", document["pid"], str(data), 72)
    assert row["bytes"] > 10_000_000

    stopped = hca("local", "down", "--data", data)
    assert (stopped.returncode, stopped.stdout) == (0, "")
    until(lambda: not is_alive(document["pid"]))
    assert not (data / "state.json").exists()
    assert "not running" in hca("local", "down", "--data", data).stderr

    restarted = json.loads(hca("local", "up", "--data", data).stdout)
    assert restarted["url"] == document["url"], "the port of a directory should stay"
    reads = "/files/1330ef1a-7a21-40c6-84c5-5cec18204028?replica=aws"
    waiting = http.get(restarted["url"] + reads, allow_redirects=False, timeout=30)
    assert waiting.headers["Retry-After"] == "4", "settings should stay"


def test_a_port_that_is_gone_is_replaced(hca: Hca, data: Path) -> None:
    first = json.loads(hca("local", "up", "--data", data, "--empty").stdout)["url"]
    hca("local", "down", "--data", data)
    port = int(first.removesuffix("/v1").rsplit(":", 1)[1])
    assert json.loads((data / "settings.json").read_bytes())["port"] == port
    with ExitStack() as stack:
        with suppress(OSError):  # if somebody else has it by now, it is as well
            stack.enter_context(socket.create_server(("127.0.0.1", port), reuse_port=False))
        second = json.loads(hca("local", "up", "--data", data).stdout)["url"]
    assert second != first


def test_the_given_port_and_an_empty_store(hca: Hca, data: Path, http: requests.Session) -> None:
    port = ports.lasting()
    answer = hca("local", "up", "--data", data, "--port", port, "--empty")
    assert json.loads(answer.stdout)["url"] == f"http://127.0.0.1:{port}/v1"
    listing = http.get(f"http://127.0.0.1:{port}/v1/bundles/all?replica=aws", timeout=30)
    assert listing.json()["bundles"] == []


def test_two_starts_at_once_give_one_deployment(data: Path) -> None:
    command = [sys.executable, "-m", "hca_core", "local", "up", "--data", str(data)]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        for _ in range(2)
    ]
    documents = [json.loads(one.communicate(timeout=60)[0]) for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert documents[0]["pid"] == documents[1]["pid"]
    assert sorted(one["started"] for one in documents) == [False, True]


def test_a_dead_deployment_is_not_taken_for_a_living_one(hca: Hca, data: Path) -> None:
    pid = json.loads(hca("local", "up", "--data", data, "--empty").stdout)["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: hca("local", "status", "--data", data).returncode == 1)
    assert (data / "state.json").exists()
    assert hca("local", "env", "--data", data).returncode == 1
    assert "not running" in hca("local", "down", "--data", data).stderr
    assert hca("local", "up", "--data", data).returncode == 0


def test_a_deployment_that_ignores_the_first_signal_is_killed(
    hca: Hca, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hca_local import control, launch
    from hca_local.data_directory import DataDirectory

    monkeypatch.setattr(launch, "STOP_SECONDS", 0.3)
    pid = json.loads(hca("local", "up", "--data", data, "--empty").stdout)["pid"]
    os.kill(pid, signal.SIGSTOP)
    assert control.down(DataDirectory(data))
    assert hca("local", "status", "--data", data).returncode == 1


def test_env_is_for_the_shell(hca: Hca, tmp_path: Path) -> None:
    data = tmp_path / "it's data"
    hca("local", "up", "--data", data, "--empty")
    try:
        script = f"""
            eval "$(hca local env --data {shlex.quote(str(data))})"
            echo "$HCA_CONFIG_FILE|${{HCA_DSS_URL-none}}|${{AWS_PROFILE-none}}|$AWS_DEFAULT_REGION"
            echo "${{HCA_UPLOAD_URL-none}} $HCA_SHOCK_URL"
            eval "$(hca local env --data {shlex.quote(str(data))})"
            eval "$(hca local env --unset)"
            echo "${{HCA_CONFIG_FILE-none}}|${{HCA_DSS_URL-none}}|${{AWS_PROFILE-none}}|${{AWS_ACCESS_KEY_ID-none}}"
            echo "${{HCA_UPLOAD_URL-none}} ${{HCA_SHOCK_URL-none}}"
            env | grep -E 'HCA_LOCAL|AWS_E|AWS_S|AWS_[A-Z]*REGION|HCA_CRED' || true
            eval "$(hca local env --unset)"
            echo "${{AWS_ACCESS_KEY_ID-none}}"
        """
        used = f"{data}/config.json|none|none|us-east-1"
        shock = json.loads((data / "state.json").read_text())["shock_url"]
        ours = [used, f"none {shock}"]
        assert shell(script, environment={}).splitlines() == [*ours, "none|none|none|none", "none none", "none"]
        mine = {
            "HCA_CONFIG_FILE": "/my config.json",
            "HCA_DSS_URL": "https://dss.example.org",
            "HCA_UPLOAD_URL": "https://upload.example.org",
            "HCA_SHOCK_URL": "https://shock.example.org",
            "AWS_PROFILE": "me",
            "AWS_ACCESS_KEY_ID": "mine",
        }
        assert shell(script, environment=mine).splitlines() == [
            *ours, "/my config.json|https://dss.example.org|me|mine",
            "https://upload.example.org https://shock.example.org", "mine",
        ]  # fmt: skip
    finally:
        hca("local", "down", "--data", data)


def test_another_deployment_takes_the_place_of_one_that_was_used() -> None:
    mine = {"AWS_ACCESS_KEY_ID": "mine", "PATH": "/bin"}
    first = {"AWS_ACCESS_KEY_ID": "first", "AWS_PROFILE": None, "HCA_CONFIG_FILE": "first.json"}
    second = {"HCA_CONFIG_FILE": "second.json", "AWS_PROFILE": None}
    one = after(shell_lines.use(first, mine), mine)
    assert one["AWS_ACCESS_KEY_ID"] == "first"
    two = after(shell_lines.use(second, one), one)
    assert (two["AWS_ACCESS_KEY_ID"], two["HCA_CONFIG_FILE"]) == ("mine", "second.json")
    assert after(shell_lines.undo(two), two) == after(shell_lines.undo(one), one) == mine
    assert shell_lines.undo(mine) == []


def after(lines: list[str], environment: dict[str, str]) -> dict[str, str]:
    """Return the environment after a shell has run `lines`, which are simple."""
    found = dict(environment)
    for line in lines:
        verb, _, rest = line.partition(" ")
        name, _, value = rest.partition("=")
        if verb == "export":
            found[name] = shlex.split(value)[0]
        else:
            del found[name]
    return found


def test_env_without_a_deployment(hca: Hca, data: Path) -> None:
    answer = hca("local", "env", "--data", data)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "hca local up" in answer.stderr


def test_the_default_directory_is_the_user_s(hca: Hca, own_home: Path) -> None:
    row = json.loads(hca("local", "status", "--output", "json").stdout)[0]
    assert row["data"].startswith(str(own_home))


def test_the_commands_are_for_the_deployment_of_the_environment(hca: Hca, data: Path, tmp_path: Path) -> None:
    hca("local", "up", "--data", data, "--empty")
    other = {"HCA_LOCAL_DATA": str(tmp_path / "nobody's")}
    assert hca("local", "status", "--data", data, **other).returncode == 0, "an option counts more"
    assert hca("local", "status", **other).returncode == 1
    script = f"""
        eval "$(hca local env --data {shlex.quote(str(data))})"
        cd /
        hca local status --output json --query '[0].[state, data]'
        hca local logs --lines 1 | grep -c GET
        hca local down
        eval "$(hca local env --unset)"
        echo "${{HCA_LOCAL_DATA-none}}"
        hca local status --output json --query '[0].data' || true
    """
    answered, _, rest = shell(script, environment={"HCA_LOCAL_DATA": ""}).partition("]")
    assert json.loads(answered + "]") == ["running", str(data)]
    found, mine, default = rest.split("\n")[1:4]
    assert (found, mine) == ("1", "")
    assert default.endswith('/hca/local"'), "an empty variable names nothing"


def test_logs(hca: Hca, data: Path, http: requests.Session) -> None:
    missing = hca("local", "logs", "--data", data)
    assert (missing.returncode, "There is no log" in missing.stderr) == (1, True)
    url = json.loads(hca("local", "up", "--data", data, "--empty").stdout)["url"]
    http.get(f"{url}/swagger.json", timeout=30)
    everything = hca("local", "logs", "--data", data, "--lines", 1000).stdout.splitlines()
    assert sum("GET /v1/swagger.json 200" in line for line in everything) == 1
    assert hca("local", "logs", "--data", data, "--lines", 1).stdout.splitlines() == everything[-1:]
    assert hca("local", "logs", "--data", data, "--lines", 0).stdout == ""


def test_logs_follow(hca: Hca, data: Path, http: requests.Session) -> None:
    url = json.loads(hca("local", "up", "--data", data, "--empty").stdout)["url"]
    command = [sys.executable, "-m", "hca_core", "local", "logs", "-f", "--lines", "1000", "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        assert "START" in following.stdout.readline()
        http.get(f"{url}/nowhere", timeout=30)
        for line in following.stdout:
            if "/v1/nowhere 404" in line:
                break
        following.send_signal(signal.SIGINT)
    assert following.returncode == 130


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_stops_cleanly(data: Path, http: requests.Session, number: int) -> None:
    command = [sys.executable, "-m", "hca_core", "local", "serve", "--empty", "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as serving:
        assert serving.stderr is not None
        line = serving.stderr.readline()
        url = next(word for word in line.split() if word.startswith("http://"))
        assert http.get(f"{url}/v1/bundles/all?replica=aws", timeout=30).status_code == 200
        serving.send_signal(number)
        out, err = serving.communicate(timeout=60)
    assert (serving.returncode, out, err) == (0, "", "")
    assert (data / "log").read_text().splitlines()[-1].endswith(" STOP")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["up", "--port", "0"], "--port"),
        (["up", "--first-get-redirects", "-1"], "--first-get-redirects"),
        (["up", "--url-lifetime", "0"], "--url-lifetime"),
        (["up", "--s3-endpoint", "localhost:9000"], "'localhost:9000' is not a URL"),
        (["up", "--shock-anonymous", "some"], "--shock-anonymous"),
        (["up", "--shock-quirks", "2"], "--shock-quirks"),
        (["up", "--shock-paths", "."], "'.' is not the absolute path of a directory"),
        (["up", "--shock-paths", "/no such folder"], "is not the absolute path of a directory"),
        (["up", "--shock-reap-seconds", "0"], "--shock-reap-seconds"),
        (["up", "--shock-user", "ann"], "NAME:PASSWORD"),
        (["up", "--azul-mode", "newest"], "--azul-mode"),
        (["up", "--azul-wait", "-1"], "--azul-wait"),
        (["run", "--shock-user", "ann:", "--", "true"], "the password of ann is empty"),
        (["serve", "--shock-user", "bob:x", "--shock-user", "ann:a:b"], "the password of ann can't have a colon in it"),
        (["run"], "COMMAND"),
        (["seed"], "DIR"),
        (["sead"], "Did you mean"),
    ],
)
def test_wrong_usage(hca: Hca, arguments: list[str], sentence: str) -> None:
    answer = hca("local", *arguments)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert sentence in answer.stderr


def test_env_makes_credentials_that_are_gone_anew(hca: Hca, data: Path) -> None:
    hca("local", "up", "--data", data, "--empty")
    (data / "credentials.json").unlink()
    answer = hca("local", "env", "--data", data)
    assert (answer.returncode, "HCA_CREDENTIALS_FILE" in answer.stdout) == (0, True)
    assert json.loads((data / "credentials.json").read_bytes())
