"""Fixtures for tests of the embedded Shock: clients of real deployments, which the tests share."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from waiting import until

from hca_local import launch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import requests

    from hca_local.data_directory import DataDirectory
    from hca_local.launch import Launched

# An administrator and two others; the password is the name.
USERS = ("ann", "bob", "cal")
ADMIN = "ann"
GIVEN = [f"{name}:{name}{':admin' if name == ADMIN else ''}" for name in USERS]


class ShockService:
    """A client of one server."""

    def __init__(self, launched: Launched, http: requests.Session, files: Path) -> None:
        """Parameters: `files` is the directory whose files nodes may be made of."""
        self.directory: DataDirectory = launched.directory
        self.process = launched.process
        self.url: str = json.loads(self.directory.state.read_bytes())["shock_url"]
        self.root: Path = self.directory.shock
        self.files = files
        self._http = http

    def send(self, method: str, path: str, user: str | None = None, **more: Any) -> requests.Response:
        """Send a request, as `user` or as nobody."""
        auth = (user, user) if user else None
        return self._http.request(method, f"{self.url}{path}", auth=auth, timeout=60, **more)

    def form(self, method: str, path: str, user: str | None = None, /, **pieces: Any) -> requests.Response:
        """Send a form: texts are values, bytes are files with the name of the field, pairs are name and bytes.

        Values come first; the underscore at the beginning of a name is left out, so that it can be a number.
        """
        values, files = [], []
        for field, piece in pieces.items():
            name = field.removeprefix("_")
            if isinstance(piece, str):
                values.append((name, (None, piece)))
            else:
                files.append((name, (name, piece) if isinstance(piece, bytes) else piece))
        return self.send(method, path, user, files=[*values, *files])

    @staticmethod
    def data(response: requests.Response) -> Any:
        """Return the data of an answer that is one."""
        content = response.json()
        assert (response.status_code, content["status"], content["error"]) == (200, 200, None), response.text
        return content["data"]

    @staticmethod
    def refused(response: requests.Response) -> tuple[int, str]:
        """Return status and error of an answer that is none."""
        content = response.json()
        assert content["status"] == response.status_code >= 400, response.text
        assert content["data"] is None
        (error,) = content["error"]
        return response.status_code, error

    def refuses(self, method: str, path: str, user: str | None = None, /, **pieces: Any) -> tuple[int, str]:
        """Return status and error of a form that is refused."""
        return self.refused(self.form(method, path, user, **pieces))

    def post(self, user: str | None = None, /, **pieces: Any) -> dict[str, Any]:
        """Make a node with a form and return it."""
        return self.data(self.form("POST", "/node", user, **pieces))

    def put(self, node: dict[str, Any], user: str | None = None, /, **pieces: Any) -> dict[str, Any]:
        """Change a node with a form and return it."""
        return self.data(self.form("PUT", f"/node/{node['id']}", user, **pieces))

    def get(self, node: dict[str, Any], user: str | None = None) -> dict[str, Any]:
        """Return a node as it is now."""
        return self.data(self.send("GET", f"/node/{node['id']}", user))

    def content(self, node: dict[str, Any], user: str | None = None) -> bytes:
        """Return the bytes of a node."""
        response = self.send("GET", f"/node/{node['id']}?download_raw", user)
        assert response.status_code == 200, response.text
        return response.content

    def unlocked(self, node: dict[str, Any], user: str | None = None) -> dict[str, Any]:
        """Return a node when its file is not locked any more, or will be for ever."""

        def unlocked() -> dict[str, Any] | None:
            found = self.get(node, user)
            lock = found["file"]["locked"]
            return None if lock and not lock["error"] else found

        return until(unlocked)

    def data_files(self) -> set[str]:
        """Return the names of all data files."""
        return {path.name for path in (self.root / "files").rglob("*") if path.is_file()}

    def arriving(self) -> list[str]:
        """Return what is half-arrived."""
        return [path.name for path in (self.root / "incoming").iterdir()]


@pytest.fixture(scope="session")
def shock(tmp_path_factory: pytest.TempPathFactory, http: requests.Session) -> Iterator[ShockService]:
    """Return the server that tests share; each makes nodes of its own. Strangers may do everything."""
    files = tmp_path_factory.mktemp("files")
    with launch.private(
        tmp_path_factory.mktemp("shock") / "data", empty=True, shock_users=GIVEN, shock_paths=str(files)
    ) as launched:
        yield ShockService(launched, http, files)


@pytest.fixture(scope="session")
def quirky(tmp_path_factory: pytest.TempPathFactory, http: requests.Session) -> Iterator[ShockService]:
    """Return a server that behaves as badly as the real one."""
    with launch.private(
        tmp_path_factory.mktemp("quirky") / "data", empty=True, shock_users=GIVEN, shock_quirks=1
    ) as launched:
        yield ShockService(launched, http, tmp_path_factory.mktemp("none"))


@pytest.fixture
def own_shock(http: requests.Session, tmp_path: Path) -> Iterator[Callable[..., ShockService]]:
    """Return a function that starts a server of the test's own on the directory `tmp_path/data`."""
    with ExitStack() as stack:

        def start(**settings: Any) -> ShockService:
            started = launch.private(tmp_path / "data", empty=True, **settings)
            return ShockService(stack.enter_context(started), http, tmp_path)

        yield start
