"""Fixtures for tests of the embedded deployment: real server processes on loopback, each on its own directory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from hca_local import control, data_directory, launch
from hca_local.data_directory import DataDirectory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import requests

    from hca_local.launch import Launched


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep everything that a test starts away from the developer's own files and settings."""
    home = tmp_path / "home"
    for name in [name for name in os.environ if name.startswith(("HCA_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    return home


@pytest.fixture(scope="session")
def sample_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data directory with the sample dataset that nobody serves, to be copied."""
    directory = DataDirectory(tmp_path_factory.mktemp("sample") / "data")
    data_directory.make(directory)
    data_directory.create_store(directory, sample=True, lasting=False)
    return directory.root


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """Return one deployment with the sample dataset, for tests that only read; blobs are ready at once."""
    with launch.private(tmp_path_factory.mktemp("deployment") / "data", first_get_redirects=0) as launched:
        yield launched


@pytest.fixture
def launched(sample_store: Path) -> Iterator[Callable[..., Launched]]:
    """Return a function that starts a deployment of the test's own: `launched(data, **settings)`.

    A directory that is not there yet gets the sample dataset, quickly.
    """
    with ExitStack() as stack:

        def start(data: Path, *, empty: bool = False, **settings: Any) -> Launched:
            if not empty and not data.exists():
                shutil.copytree(sample_store, data, copy_function=copy)
            return stack.enter_context(launch.private(data, empty=empty, **settings))

        yield start


def copy(source: str, target: str) -> None:
    """Copy a file of a store; blobs never change, so a second link to them does."""
    if "/blobs/" in source:
        os.link(source, target)
    else:
        shutil.copy(source, target)


@pytest.fixture(scope="session")
def http() -> Iterator[requests.Session]:
    """Return a plain HTTP client that follows nothing by itself."""
    import requests

    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def api(deployment: Launched, http: requests.Session) -> Callable[..., requests.Response]:
    """Return a function that sends one request to the shared deployment: `api("GET", "/files/...", replica="aws")`."""

    def send(method: str, path: str, headers: dict[str, str] | None = None, **query: Any) -> requests.Response:
        url = f"{deployment.url}/v1{path}"
        return http.request(method, url, params=query, headers=headers, allow_redirects=False, timeout=30)

    return send


@pytest.fixture
def hca(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs `hca` as a process in the test's directory and captures what it prints."""

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "hca_core", *map(str, arguments)],
            cwd=tmp_path,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """Return the path of a data directory that is not there yet; what runs on it in the end is stopped."""
    directory = DataDirectory(tmp_path / "data")
    yield directory.root
    control.down(directory)


@pytest.fixture
def until() -> Callable[[Callable[[], Any]], Any]:
    """Return a function that waits until a condition holds and returns its value; it fails after 20 seconds."""

    def wait(condition: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 20
        while not (value := condition()):
            assert time.monotonic() < deadline, "it never happened"
            time.sleep(0.01)
        return value

    return wait


@pytest.fixture
def is_alive() -> Callable[[int], bool]:
    """Return a function that tells whether there is a process with a number."""

    def alive(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True

    return alive
