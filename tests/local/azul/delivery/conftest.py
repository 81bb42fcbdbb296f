"""Fixtures for tests of what the Azul stand-in gives out: one deployment, whose faults each test scripts for itself."""

from __future__ import annotations

import csv
import io
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from hca_core.files import write_atomic
from hca_local import launch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import requests

    from hca_local.launch import Launched

# What the service gives, by the names of the files; one file of each name is enough.
Rows = dict[str, dict[str, str]]


class Azul:
    """A client that follows nothing by itself."""

    def __init__(self, launched: Launched, http: requests.Session) -> None:
        self.url: str = json.loads(launched.directory.state.read_bytes())["azul_url"]
        self.root: Path = launched.directory.root / "azul"
        self.log: Path = launched.directory.log
        self.credentials: Path = launched.directory.credentials
        self._http = http

    @property
    def beside(self) -> str:
        """The address of storage and mirror for who asks at `url`."""
        return self.url.replace("127.0.0.1", "localhost")

    @property
    def token(self) -> str:
        """The token of the deployment's first user, who may read managed data."""
        logins = json.loads(self.credentials.read_bytes())
        return str(next(find(logins, "access_token")))

    def send(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: Any = None, **query: Any
    ) -> requests.Response:
        """Send a request to a path, or to a whole URL."""
        url = path if path.startswith("http") else f"{self.url}{path}"
        return self._http.request(
            method, url, params=query, headers=headers, json=body, allow_redirects=False, timeout=30
        )

    def get(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> requests.Response:
        """Send a GET request."""
        return self.send("GET", path, headers, **query)

    def manifest(self, filters: object = None, headers: dict[str, str] | None = None, **query: Any) -> Any:
        """Return the last answer about a manifest, followed from its PUT on."""
        if filters is not None:
            query["filters"] = json.dumps(filters)
        answer = self.send("PUT", "/fetch/manifest/files", headers, **query)
        while answer.status_code == 200 and answer.json()["Status"] == 301:
            answer = self.get(answer.json()["Location"], headers)
        return answer

    def content(self, filters: object = None, headers: dict[str, str] | None = None, **query: Any) -> bytes:
        """Return the bytes of a manifest."""
        answer = self.manifest(filters, headers, **query)
        assert answer.status_code == 200, answer.text
        found = self.get(answer.json()["Location"])
        if found.status_code == 302:
            found = self.get(found.headers["Location"])
        assert found.status_code == 200, found.text
        return found.content

    @contextmanager
    def script(self, *rules: dict[str, Any], **others: Any) -> Iterator[None]:
        """Let faults happen while the body runs."""
        path = self.root / "faults.json"
        write_atomic(path, json.dumps({"script": rules, **others}).encode())
        try:
            yield
        finally:
            path.unlink()


def find(document: Any, key: str) -> Iterator[Any]:
    """Yield all values of `key` in a document."""
    if isinstance(document, dict):
        for name, value in document.items():
            if name == key:
                yield value
            yield from find(value, key)


def table(content: bytes) -> list[dict[str, str]]:
    """Return the rows of a compact manifest."""
    return list(csv.DictReader(io.StringIO(content.decode(), newline=""), dialect="excel-tab"))


@pytest.fixture(scope="module")
def azul(deployment: Launched, http: requests.Session) -> Azul:
    """Return a client of the deployment that all tests share."""
    found = Azul(deployment, http)
    found.root.mkdir(exist_ok=True)
    return found


@pytest.fixture(scope="session")
def old_azul(tmp_path_factory: pytest.TempPathFactory, http: requests.Session) -> Iterator[Azul]:
    """Return a client of a deployment in the old mode, which tells the waits of the service, three times."""
    data = tmp_path_factory.mktemp("old") / "data"
    with launch.private(data, empty=True, azul_mode="old", azul_wait=100, azul_polls=7) as launched:
        yield Azul(launched, http)


@pytest.fixture(scope="session")
def rows(deployment: Launched, http: requests.Session) -> Rows:
    """Return the rows of the manifest of all public files, by the names of the files."""
    return {row["file_name"]: row for row in table(Azul(deployment, http).content())}
