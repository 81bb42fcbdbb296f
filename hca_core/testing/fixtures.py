"""The fixtures that `pytest_plugins = ["hca_core.testing"]` gives a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hca_core.testing.isolation import isolated
from hca_core.testing.loopback import LoopbackService
from hca_core.testing.network import NetworkRefusedError, refused
from hca_core.testing.plugins import Plugins
from hca_core.testing.running import Outcome, run_hca

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "network: may reach other machines, which tests with isolated_home may not")


@pytest.fixture
def isolated_home(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A home of the test's own (see `isolated`), and no way to other machines; its path.

    A test that wanted to leave this machine fails at its end, even if its code made light of the refusal. One that
    is marked with `@pytest.mark.network` may leave.
    """
    with isolated(tmp_path_factory.mktemp("isolated")) as home:
        if request.node.get_closest_marker("network"):
            yield home
            return
        with refused() as watch:
            yield home
        if watch.hosts:
            pytest.fail(str(NetworkRefusedError(watch.hosts[0])), pytrace=False)


@pytest.fixture
def service() -> Iterator[LoopbackService]:
    """A scripted service on this machine."""
    with LoopbackService() as running:
        yield running


@pytest.fixture
def hca(isolated_home: Path) -> Callable[..., Outcome]:
    """The function `run_hca`, in a home of the test's own."""
    return run_hca


@pytest.fixture
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plugins]:
    """A function that registers a plugin for this test: see `Plugins`."""
    plugins = Plugins(tmp_path_factory.mktemp("plugins"))
    yield plugins
    plugins.undo()
