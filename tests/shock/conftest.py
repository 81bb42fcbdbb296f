"""What the tests of `hca shock` share: modules beside this one, servers, clients that go through a fault proxy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from neighbours import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_core.testing import Outcome
    from hca_shock.client import ShockClient


servers = load(Path(__file__).with_name("servers.py"), "shock_servers")
load(Path(__file__).with_name("doubles.py"), "shock_doubles")


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
