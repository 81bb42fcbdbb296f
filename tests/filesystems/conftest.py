"""What the tests of the file systems share: a deployment, and a DSS whose answers are scripted."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

import pytest
from neighbours import load

from hca_local import launch

pytest.importorskip("fsspec")

import fsspec

from hca_dss.filesystem import DSSFileSystem
from hca_shock.filesystem import ShockFileSystem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_core.testing import LoopbackService, Route

local = load(Path(__file__).parents[1] / "local" / "conftest.py", "local_conftest")
VERSION = local.VERSION
BUNDLE = "6b7f1f3c-54a7-4b4c-9a38-55a0e9b6d801"
QUICK = {"first_wait": 0.01, "most_wait": 0.02}


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """No test gets a file system that another one has made."""
    for kind in (DSSFileSystem, ShockFileSystem):
        kind.clear_instance_cache()
    yield
    for kind in (DSSFileSystem, ShockFileSystem):
        kind.clear_instance_cache()


class Deployment:
    """A deployment, its user, and where bundles and nodes are made."""

    def __init__(self, launched: Any, http: Any) -> None:
        self.user = local.Writing(launched, http)
        self.url = f"{launched.url}/v1/swagger.json"
        self.shock_url = json.loads(launched.directory.state.read_bytes())["shock_url"]
        self.directory = launched.directory
        self.trees: dict[str, str] = {}

    def bundle(self, contents: dict[str, bytes], uuid: str | None = None, version: str = VERSION) -> str:
        """Make a bundle and return its path."""
        files = {name: self.user.put_file(content) for name, content in contents.items()}
        return f"aws/{self.user.put_bundle(files, uuid, version)}"

    def node(self, content: bytes, name: str) -> str:
        """Make a node and return its id."""
        from hca_shock.client import ShockClient

        path = Path(name)
        path.write_bytes(content)
        with ShockClient(self.shock_url) as shock:
            return shock.put(path).id


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment that all tests of the file systems make bundles and nodes in."""
    import requests

    with (
        requests.Session() as http,
        launch.private(tmp_path_factory.mktemp("fs") / "data", empty=True, first_get_redirects=0) as launched,
    ):
        http.trust_env = False
        yield Deployment(launched, http)


@pytest.fixture
def deployment(served: Deployment, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """That deployment, named by the environment, as it is in the processes that a test starts."""
    monkeypatch.setenv("HCA_DSS_URL", served.url)
    monkeypatch.setenv("HCA_SHOCK_URL", served.shock_url)
    return served


class Scripted:
    """A DSS with one bundle, whose contents lie at signed addresses of the same service: `/blobs/NAME`."""

    def __init__(self, service: LoopbackService) -> None:
        self.service = service
        self.contents: dict[str, bytes] = {}

    def holds(self, contents: dict[str, bytes], version: str = VERSION, **wrong: Any) -> str:
        """Tell of a bundle of these contents and return its path; `wrong` replaces what is said of every file."""
        self.contents = contents
        files = [self._entry(name, content) | wrong for name, content in contents.items()]
        document = {"bundle": {"uuid": BUNDLE, "version": version, "creator_uid": 0, "files": files}}
        key = {"X-OpenAPI-Paginated-Content-Key": "bundle.files"}
        self.anew(f"/v1/bundles/{BUNDLE}").reply(json=document, headers=key)
        return f"aws/{BUNDLE}"

    def anew(self, path: str) -> Route:
        """Return the script of a path, which is empty."""
        route = self.service.on("GET", path)
        route._answers.clear()
        return route

    def entry(self, name: str) -> str:
        """Return the path of the look-up of a file."""
        return f"/v1/files/{uuid5(UUID(BUNDLE), name)}"

    def leads(self, name: str, blob: str = "") -> None:
        """Let the look-up of a file lead to its blob, and the blob answer with its content, ranges too."""
        blob = blob or f"/blobs/{len(self.contents)}-{list(self.contents).index(name)}"
        self.anew(self.entry(name)).redirect(f"{self.service.url}{blob}?signed=1")
        self.anew(blob).reply(body=self.contents[name], ranges=True)

    def serves(self, contents: dict[str, bytes]) -> str:
        """Do all of that."""
        path = self.holds(contents)
        for name in contents:
            self.leads(name)
        return path

    def blobs(self) -> list[Any]:
        """Return the requests for contents so far."""
        return [one for one in self.service.asked("GET") if one.path.startswith("/blobs/")]

    def look_ups(self) -> list[Any]:
        """Return the look-ups so far."""
        return [one for one in self.service.asked("GET") if one.path.startswith("/v1/files/")]

    def sent(self) -> int:
        """Return how many bytes of contents were asked for by ranges; every request must have one."""
        ranges = [one.headers["Range"].removeprefix("bytes=").split("-") for one in self.blobs()]
        return sum(int(last) - int(first) + 1 for first, last in ranges)

    def _entry(self, name: str, content: bytes) -> dict[str, Any]:
        return {
            "name": name,
            "uuid": str(uuid5(UUID(BUNDLE), name)),
            "version": VERSION,
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
            "indexed": name.endswith(".json"),
            "content-type": "application/octet-stream",
        }


@pytest.fixture
def scripted(dss: LoopbackService) -> Scripted:
    """A scripted DSS; `HCA_DSS_URL` names it."""
    return Scripted(dss)


@pytest.fixture
def system() -> Callable[..., Any]:
    """A function that returns a `dss` file system that waits only shortly between tries."""
    return lambda **options: fsspec.filesystem("dss", **{**QUICK, **options})
