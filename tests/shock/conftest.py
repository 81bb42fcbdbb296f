"""What the tests of `hca shock` share: modules beside this one, servers, clients that go through a fault proxy."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_core.testing import Outcome
    from hca_shock.client import ShockClient


def _load(name: str) -> Any:
    """Let the module `name` beside this one be imported as `shock_<name>`; tests are no package."""
    path = Path(__file__).with_name(f"{name}.py")
    specification = importlib.util.spec_from_file_location(f"shock_{name}", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


servers = _load("servers")
_load("doubles")


@pytest.fixture
def deployment(request: pytest.FixtureRequest) -> Any:
    """A server with the faults of the real one, unless the parameter (0 or 1) asks for one without them."""
    return servers.shared(getattr(request, "param", 1))


@pytest.fixture
def proxy(deployment: Any) -> Any:
    """A proxy before it."""
    return servers.proxied(deployment)


@pytest.fixture
def shock(proxy: Any) -> Iterator[ShockClient]:
    """A client that goes through the proxy."""
    with servers.quick(proxy.url) as made:
        yield made


@pytest.fixture
def run(proxy: Any, hca: Callable[..., Outcome], isolated_home: Path) -> Callable[..., Outcome]:
    """A function that runs `hca shock` through the proxy, and waits only shortly."""
    folder = isolated_home / ".config" / "hca"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"shock": {"first_wait": 0.01, "most_wait": 0.05}}))
    return lambda *words, **more: hca("shock", "--url", proxy.url, *map(str, words), **more)
