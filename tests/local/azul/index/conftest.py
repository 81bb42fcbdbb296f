"""Fixtures for tests of the Azul stand-in's search: one deployment in each mode, which all of them only read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hca_core.credentials import entries
from hca_core.credentials.values import DEFAULT_PROFILE
from hca_local import launch
from hca_local.identity.issuer import Issuer, load_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from hca_local.launch import Launched


class Index:
    """A client of the search of one deployment that follows nothing by itself."""

    def __init__(self, launched: Launched, http: requests.Session) -> None:
        self.launched = launched
        self.url: str = json.loads(launched.directory.state.read_bytes())["azul_url"]
        self._http = http

    def send(self, method: str, path: str, **more: Any) -> requests.Response:
        """Send a request to a path, or to a whole URL."""
        url = path if path.startswith("http") else f"{self.url}{path}"
        return self._http.request(method, url, allow_redirects=False, timeout=60, **more)

    def get(self, path: str, filters: Any = None, token: str = "", **query: Any) -> requests.Response:
        """Send a GET request."""
        if filters is not None:
            query["filters"] = filters if isinstance(filters, str) else json.dumps(filters)
        headers = {"Authorization": f"Bearer {token}"} if token else None
        return self.send("GET", path, params=query, headers=headers)

    def found(self, path: str, filters: Any = None, **query: Any) -> Any:
        """Return the document at a path."""
        answer = self.get(path, filters, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ids(self, entity_type: str, filters: Any = None, token: str = "", **query: Any) -> list[str]:
        """Return the ids of all hits, in the order of the ids or as the `query` says."""
        wanted = {"size": 75, "sort": "entryId", **query}
        page = self.found(f"/index/{entity_type}", filters, token=token, **wanted)
        ids = [hit["entryId"] for hit in page["hits"]]
        while page["pagination"]["next"]:
            page = self.found(page["pagination"]["next"], token=token)
            ids += [hit["entryId"] for hit in page["hits"]]
        return ids

    def refusal(self, path: str, filters: Any = None, **query: Any) -> tuple[int, str, str]:
        """Return status, code and message of what is refused."""
        answer = self.get(path, filters, **query)
        document = answer.json()
        return answer.status_code, document["Code"], document["Message"]

    @property
    def token(self) -> str:
        """The token of the first user, who has the grant for managed data."""
        return entries.read(str(self.launched.directory.credentials), DEFAULT_PROFILE)[self.url].access_token

    def token_of(self, email: str, lifetime: int = 600) -> str:
        """Return a token of another user."""
        issuer = Issuer(load_key(self.launched.directory.issuer_key), self.launched.url)
        return issuer.token(email, "hca", lifetime)


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory, http: requests.Session) -> Iterator[Index]:
    """Return the search as it is today."""
    with launch.private(tmp_path_factory.mktemp("azul") / "data", empty=True) as launched:
        yield Index(launched, http)


@pytest.fixture(scope="session")
def old_index(tmp_path_factory: pytest.TempPathFactory, http: requests.Session) -> Iterator[Index]:
    """Return the search as it was in October 2024."""
    with launch.private(tmp_path_factory.mktemp("azul") / "data", empty=True, azul_mode="old") as launched:
        yield Index(launched, http)
