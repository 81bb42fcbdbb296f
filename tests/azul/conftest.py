"""What the tests of `hca azul` share: a scripted service with its mirror, and clients of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from hca_azul.client import AzulClient
from hca_local import launch, state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hca_core.testing import LoopbackService, Outcome

QUICK = {"tries": 3, "first_wait": 0.001, "most_wait": 0.002}
CATALOGS = {"default_catalog": "new", "catalogs": {"new": {"atlas": "hca", "internal": False, "plugins": {}}}}


@pytest.fixture
def scripted(
    service: LoopbackService, isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., AzulClient]]:
    """A function that makes clients of `service`, which has a catalog `new`, and a mirror below /mirror."""
    service.on("GET", "/index/catalogs").reply(json=CATALOGS)
    monkeypatch.setenv("HCA_AZUL_MIRROR_URL", f"{service.url}/mirror")
    made: list[AzulClient] = []

    def client(**settings: object) -> AzulClient:
        made.append(AzulClient(**{"url": service.url, **QUICK, **settings}))
        return made[-1]

    yield client
    for one in made:
        one.close()


@dataclass(frozen=True)
class StandIn:
    """The stand-in for Azul of a running deployment: its address, the data directory of the deployment."""

    url: str
    data: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead `hca azul` there, without a login."""
        mirror = self.url.replace("127.0.0.1", "localhost")
        return {"HCA_AZUL_URL": self.url, "HCA_AZUL_MIRROR_URL": f"{mirror}/mirror"}

    def scripted(self, *rules: dict[str, Any], **more: Any) -> None:
        """Write the script of faults that counts from the next request on; nothing goes wrong without any."""
        script = self.data / "azul" / "faults.json"
        temporary = script.with_suffix(".new")
        temporary.write_text(json.dumps({"script": rules, **more}))
        temporary.replace(script)

    def log(self) -> list[str]:
        """Return the lines of the deployment's log that tell of errors."""
        return [line for line in (self.data / "log").read_text().splitlines() if " ERROR " in line]


def _started(folder: Path, **settings: Any) -> Iterator[StandIn]:
    with launch.private(folder / "data", empty=True, **settings) as launched:
        found = state.current(launched.directory)
        assert found is not None
        (folder / "data" / "azul").mkdir(exist_ok=True)
        yield StandIn(found.azul_url, folder / "data")


@pytest.fixture(scope="session")
def _new_standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    yield from _started(tmp_path_factory.mktemp("azul-new"))


@pytest.fixture(scope="session")
def _old_standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    yield from _started(tmp_path_factory.mktemp("azul-old"), azul_mode="old")


@pytest.fixture
def standin(_new_standin: StandIn) -> Iterator[StandIn]:
    """The stand-in as today's Azul; what a test scripts ends with the test, and no token may have reached storage."""
    yield _new_standin
    _new_standin.scripted()
    assert _new_standin.log() == []


@pytest.fixture(params=["new", "old"])
def both(request: pytest.FixtureRequest) -> StandIn:
    """The stand-in as today's Azul, and as that of 2024."""
    found: StandIn = request.getfixturevalue(f"_{request.param}_standin")
    return found


@pytest.fixture
def run(hca: Callable[..., Outcome], standin: StandIn, isolated_home: Path) -> Callable[..., Outcome]:
    """A function that runs `hca azul` against the stand-in, in this process, and waits only shortly."""
    folder = isolated_home / ".config" / "hca"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"azul": {"first_wait": 0.01, "most_wait": 0.02}}))
    return lambda *words, **more: hca("azul", *map(str, words), env={**standin.environment, **more})
