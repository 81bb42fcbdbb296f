"""`hca local run`: the command sees one private deployment, and nothing of it is left behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    Hca = Callable[..., subprocess.CompletedProcess[str]]

RUN = [sys.executable, "-m", "hca_core", "local", "run", "--empty", "--"]
# Says what the deployment is and then waits until its standard input ends.
WAITING = """
import json, os, sys
config = os.environ["HCA_CONFIG_FILE"]
state = json.load(open(os.path.join(os.path.dirname(config), "state.json")))
print(json.dumps({"pid": os.getpid(), "server": state["pid"], "data": os.path.dirname(config)}), flush=True)
sys.stdin.read()
"""


def test_nothing_of_its_own_is_printed(hca: Hca) -> None:
    answer = hca("local", "run", "--empty", "--", "printf", "%s|", "hello", "--data", "-h", "a b")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "hello|--data|-h|a b|", "")


def test_the_command_knows_this_deployment_only(hca: Hca) -> None:
    code = (
        "import json, os, sys, urllib.request\n"
        "names = {name: value for name, value in os.environ.items() if name.startswith('HCA_')}\n"
        "config = json.load(open(names['HCA_CONFIG_FILE']))\n"
        "url = config['DSSClient']['swagger_url'].replace('swagger.json', 'bundles/all?replica=aws')\n"
        "names['count'] = json.load(urllib.request.urlopen(url))['page_count']\n"
        "print(json.dumps(names))\n"
    )
    outside = {
        "HCA_CONFIG_FILE": "/elsewhere.json",
        "HCA_DSS_URL": "https://dss.example.org",
        "HCA_AUTH_URL": "https://auth.example.org",
        "HCA_UPLOAD_URL": "https://upload.example.org",
        "HCA_SHOCK_URL": "https://shock.example.org",
        "HCA_AZUL_URL": "https://azul.example.org",
        "HCA_AZUL_MIRROR_URL": "https://mirror.example.org",
        "HCA_CACHE_DIR": "/elsewhere",
        "HCA_LOCAL_DATA": "/elsewhere",
        "HCA_TOKEN": "for another service",
        "AWS_PROFILE": "mine",
        "AWS_SESSION_TOKEN": "mine",
    }
    answer = hca("local", "run", "--", sys.executable, "-c", code, **outside)
    seen = json.loads(answer.stdout)
    data = Path(seen["HCA_CONFIG_FILE"]).parent
    ours = {"HCA_CONFIG_FILE", "HCA_CREDENTIALS_FILE", "HCA_CACHE_DIR", "HCA_LOCAL_DATA", "HCA_SHOCK_URL"}
    ours |= {"HCA_AZUL_URL", "HCA_AZUL_MIRROR_URL"}
    assert set(seen) == ours | {"count"}
    assert seen["HCA_LOCAL_DATA"] == str(data)
    assert seen["HCA_SHOCK_URL"].startswith("http://127.0.0.1:")
    assert seen["HCA_AZUL_MIRROR_URL"] == seen["HCA_AZUL_URL"].replace("127.0.0.1", "localhost") + "/mirror"
    assert Path(seen["HCA_CACHE_DIR"]).is_relative_to(data)
    assert seen["count"] == 69
    assert not data.exists()


@pytest.mark.parametrize(
    ("command", "status"), [(["true"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], 128 + 9)]
)
def test_the_exit_status_is_the_command_s(hca: Hca, command: list[str], status: int) -> None:
    assert hca("local", "run", "--empty", "--", *command).returncode == status


def test_a_command_that_can_not_be_run(hca: Hca, tmp_path: Path) -> None:
    missing = hca("local", "run", "--empty", "--", "no-such-command")
    assert (missing.returncode, missing.stdout) == (127, "")
    assert missing.stderr == "hca: no-such-command: no such command.\n"
    (tmp_path / "file").write_text("not executable")
    refused = hca("local", "run", "--empty", "--", tmp_path / "file")
    assert refused.returncode == 126
    assert "can't be run" in refused.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_go_to_the_command(number: int, is_alive: Callable[[int], bool]) -> None:
    code = WAITING.replace("sys.stdin.read()", "").replace(
        "print(",
        "import os, signal\n"
        "def answer(number, frame):\n"
        "    os.write(1, b'got %d\\n' % number)\n"  # not print: the signal may come in the middle of one
        "    sys.exit(40)\n"
        "signal.signal(signal.SIGINT, answer)\n"
        "signal.signal(signal.SIGTERM, answer)\n"
        "print(",
        1,
    )
    command = [*RUN, sys.executable, "-c", f"{code}\nsignal.pause()"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as running:
        assert running.stdout is not None
        told = json.loads(running.stdout.readline())
        running.send_signal(number)
        assert running.stdout.readline() == f"got {int(number)}\n"
        assert running.wait(60) == 40
    assert not is_alive(told["server"])
    assert not Path(told["data"]).exists()


def test_a_command_that_a_signal_ends(is_alive: Callable[[int], bool]) -> None:
    command = [*RUN, sys.executable, "-c", WAITING]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        assert running.stdout is not None
        told = json.loads(running.stdout.readline())
        running.terminate()
        assert running.wait(60) == 128 + 15
    assert not is_alive(told["server"])


def test_the_server_does_not_outlive_a_killed_run(is_alive: Callable[[int], bool]) -> None:
    command = [*RUN, sys.executable, "-c", WAITING]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        told = json.loads(running.stdout.readline())
        assert is_alive(told["server"])
        running.kill()
        running.wait()
        until(lambda: not is_alive(told["server"]))
        until(lambda: not Path(told["data"]).exists())


def test_kept_data_can_be_used_again(hca: Hca, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    kept = tmp_path / "kept"
    first = hca("local", "run", "--keep", kept, "--empty", "--", sys.executable, "-m", "hca_core", "local", "seed",
                folder, "--data", kept, "--output", "json")  # fmt: skip
    assert first.returncode == 0, first.stderr
    assert (kept / "store.sqlite3").exists()
    uuid = json.loads(first.stdout)[0]["uuid"]
    code = (
        "import json, os, sys, urllib.request\n"
        "url = json.load(open(os.environ['HCA_CONFIG_FILE']))['DSSClient']['swagger_url']\n"
        "print(urllib.request.urlopen(url.replace('swagger.json', f'bundles/{sys.argv[1]}?replica=aws')).status)\n"
    )
    second = hca("local", "run", "--keep", kept, "--", sys.executable, "-c", code, uuid)
    assert second.stdout == "200\n"
    assert not (kept / "state.json").exists()


def test_a_refused_directory_is_not_removed(tmp_path: Path, hca: Hca) -> None:
    foreign = tmp_path / "mine"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("x")
    assert hca("local", "run", "--keep", foreign, "--", "true").returncode == 1
    assert (foreign / "thesis.txt").exists()
