"""The installed `hca` command against a real embedded deployment with the sample dataset."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hca_local.sample import dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_local.sample.values import Dataset, SampleBundle

    Run = Callable[..., subprocess.CompletedProcess[str]]

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Deployed:
    """A running deployment: its URL, its data directory, the environment that lets `hca` use it."""

    url: str
    data: Path
    environment: dict[str, str] = field(repr=False)

    def log(self) -> list[str]:
        """Return the lines of the service's log: time, method, target, status, duration."""
        return (self.data / "log").read_text().splitlines()

    def requests(self, method: str, beginning: str) -> list[str]:
        """Return the targets so far of `method` that begin with `beginning`, in their order."""
        split = [line.split(" ") for line in self.log()]
        return [words[2] for words in split if words[1] == method and words[2].startswith(beginning)]


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment that knows nothing of the machine's user; the installed `hca` comes first on its PATH."""
    folders = {"HOME": home, "XDG_CONFIG_HOME": home / ".config", "XDG_CACHE_HOME": home / ".cache"}
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return {**{name: str(folder) for name, folder in folders.items()}, "PATH": path, "LC_ALL": "C.UTF-8", **more}


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Deployed]]:
    """A function that starts a deployment as people do, with `hca local up` and the options given."""
    home = tmp_path_factory.mktemp("local-home")
    running: list[str] = []

    def up(*options: str) -> Deployed:
        data = str(tmp_path_factory.mktemp("deployment") / "data")
        command = ["hca", "local", "up", "--data", data, *options]
        started = subprocess.run(command, env=environment(home), capture_output=True, text=True, check=True)
        running.append(data)
        told = subprocess.run(
            ["hca", "local", "env", "--data", data], env=environment(home), capture_output=True, text=True, check=True
        )
        lines = dict(re.findall(r"export (\w+)=(\S+)", told.stdout))
        return Deployed(json.loads(started.stdout)["url"], Path(data), lines)

    yield up
    for data in running:
        subprocess.run(["hca", "local", "down", "--data", data], env=environment(home), capture_output=True, check=True)


@pytest.fixture(scope="session")
def deployment(start: Callable[..., Deployed]) -> Deployed:
    """The deployment that all tests read from, with its settings as they are without options."""
    return start()


@pytest.fixture(scope="session")
def sample() -> Dataset:
    """The sample dataset, built anew: what the services must answer with."""
    return dataset.build()


@pytest.fixture(scope="session")
def living(sample: Dataset) -> list[SampleBundle]:
    """The bundle versions of the sample that are not deleted, in the order of their keys."""
    dead = {(stone.uuid, stone.version) for stone in sample.tombstones}
    alive = [one for one in sample.bundles if not {(one.uuid, None), (one.uuid, one.version)} & dead]
    return sorted(alive, key=lambda one: (one.uuid, one.version))


@pytest.fixture
def env(deployment: Deployed, tmp_path: Path) -> dict[str, str]:
    """The environment of a user of the deployment, with a home of the test's own."""
    return environment(tmp_path / "home", **deployment.environment)


@pytest.fixture
def run(env: dict[str, str]) -> Run:
    """A function that runs a program in the test's directory."""

    def call(*words: str, text: bool = True, **settings: Any) -> subprocess.CompletedProcess[str]:
        merged = {"env": env, "timeout": 90, **settings}
        return subprocess.run(words, capture_output=True, text=text, check=False, **merged)

    return call


@pytest.fixture
def hca(run: Run) -> Run:
    """A function that runs the installed `hca`."""
    return lambda *words, **settings: run(str(BIN / "hca"), *words, **settings)


@pytest.fixture
def script(run: Run) -> Run:
    """A function that saves a published example in the test's directory and runs it as its name tells."""

    def call(name: str, text: str, shell: str = "bash") -> subprocess.CompletedProcess[str]:
        Path(name).write_text(text)
        program = str(BIN / "python") if name.endswith(".py") else shutil.which(shell)
        if program is None:
            pytest.skip(f"there is no {shell} here")
        return run(program, name)

    return call


def unless_missing(result: subprocess.CompletedProcess[str]) -> None:
    """Skip a test whose example needs an operation that the embedded deployment does not serve yet."""
    if "not_implemented" in result.stderr:
        assert result.returncode != 0
        assert "does not serve it yet" in result.stderr
        pytest.skip("the embedded deployment does not serve this operation yet")


@pytest.fixture(name="unless_missing")
def _unless_missing() -> Callable[[subprocess.CompletedProcess[str]], None]:
    return unless_missing
