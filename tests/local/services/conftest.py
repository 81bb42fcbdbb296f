"""Plugins that bring services of their own, as real packages on the path of real processes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hca_core.testing import Plugins
from hca_local import launch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_local.launch import Launched

    Bring = Callable[..., str]

# A service of ASGI without any framework, one of Starlette, one of WSGI, and some that can't be used.
SOURCE = Path(__file__).with_name("weather.py").read_text(encoding="utf-8")
TARGETS = {
    "plain": "weather_of_test:plain",
    "sky": "weather_of_test:sky",
    "classic": "weather_of_test:classic",
    "missing": "no_such_module:service",
    "raising": "weather_of_test:raising",
    "leaving": "weather_of_test:leaving",
    "talkative": "weather_of_test:talkative",
    "nothing": "weather_of_test:nothing",
    "refusing": "weather_of_test:refusing",
    "dss": "weather_of_test:plain",
    "a;touch pwned": "weather_of_test:plain",
    "../up": "weather_of_test:plain",
}


def bring(folder: Path, targets: dict[str, str], environment: pytest.MonkeyPatch, source: str = SOURCE) -> Plugins:
    """Put a distribution with services onto the path of processes that are started from now on."""
    plugins = Plugins(folder)
    placed = plugins("weather", entry_points={"hca.local": targets}, modules={"weather_of_test": source})
    environment.setenv("PYTHONPATH", str(placed), prepend=os.pathsep)
    return plugins


@pytest.fixture
def brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bring]:
    """Return a function that installs services for the time of a test: `brought("plain", "sky")`."""
    plugins: list[Plugins] = []

    def install(*names: str, source: str = SOURCE, **others: str) -> None:
        targets = {name: TARGETS[name] for name in names} | others
        plugins.append(bring(tmp_path / "plugins", targets, monkeypatch, source))

    yield install
    for one in plugins:
        one.undo()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """Return a deployment with all of these services, for tests that leave them as they are."""
    with pytest.MonkeyPatch.context() as environment:
        plugins = bring(tmp_path_factory.mktemp("plugins"), TARGETS, environment)
        try:
            with launch.private(tmp_path_factory.mktemp("services") / "data", empty=True) as launched:
                yield launched
        finally:
            plugins.undo()


@pytest.fixture(scope="session")
def urls() -> Callable[[Launched], dict[str, str]]:
    """Return a function that gives the URLs of the services of a deployment, by name."""

    def found(launched: Launched) -> dict[str, str]:
        state = json.loads(launched.directory.state.read_bytes())
        return {name: one["url"] for name, one in state["services"].items() if one["url"]}

    return found
