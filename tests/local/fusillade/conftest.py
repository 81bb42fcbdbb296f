"""Fixtures for tests of the embedded Fusillade: its routes on a real server, with a directory in a real file."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import uvicorn
from starlette.routing import Router
from waiting import PATIENCE

from hca_local.fusillade import directory, schema, service
from hca_local.identity import schema as logins
from hca_local.identity.caller import Callers
from hca_local.identity.issuer import ALGORITHM, EMAIL_CLAIM, Issuer, key_id
from hca_local.identity.service_accounts import SERVICE_ACCOUNT_TABLES, ServiceAccounts
from hca_local.server.listening import KEEP_ALIVE_SECONDS
from hca_local.server.pages import not_found
from hca_local.store import database
from hca_local.store.writer import Writer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    import requests
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

ADMIN = "admin@example.org"
ISSUER = "http://127.0.0.1:1"
# Tokens are kept for a whole run of the tests, which may take an hour.
LIFETIME = 24 * 3600


@cache
def signing_key() -> RSAPrivateKey:
    """Return the key that all tokens of a run are signed with."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def token_of(user: str) -> str:
    """Return a token of `user`."""
    return signed({EMAIL_CLAIM: user})


def signed(claims: dict[str, Any]) -> str:
    """Return a token with `claims`, and with all others that one needs."""
    import jwt

    issuer = Issuer(signing_key(), ISSUER)
    common = {"iss": issuer.name, "aud": issuer.name, "exp": int(time.time()) + LIFETIME, "scope": "email", "sub": "x"}
    return jwt.encode({**common, **claims}, issuer.key, ALGORITHM, headers={"kid": key_id(issuer.key)})


@dataclass(frozen=True)
class StandIn:
    """The parts of a deployment that the service works with."""

    records: sqlite3.Connection
    writer: Writer
    callers: Callers


class Fusillade:
    """A client of the service: sends requests in the name of a user."""

    def __init__(self, url: str, path: Path) -> None:
        self.url = url
        self.path = path
        import requests

        self._session = requests.Session()
        self._session.trust_env = False

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        user: str | None = ADMIN,
        token: str = "",
        headers: dict[str, str] | None = None,
        data: bytes | None = None,
        **query: Any,
    ) -> requests.Response:
        """Send one request; `user` None sends no token."""
        given = dict(headers or {})
        if user is not None:
            given["Authorization"] = f"Bearer {token or token_of(user)}"
        url = path if path.startswith("http") else f"{self.url}{path}"
        return self._session.request(
            method, url, json=body, data=data, params=query, headers=given, allow_redirects=False, timeout=30
        )

    @staticmethod
    def allow(*actions: str, resource: str = "arn:hca:fus:*:*:*", effect: str = "Allow", **more: Any) -> dict[str, Any]:
        """Return a policy of one statement."""
        return {"Statement": [{"Effect": effect, "Action": list(actions), "Resource": resource, **more}]}

    @staticmethod
    def signed(claims: dict[str, Any]) -> str:
        """Return a token with `claims`."""
        return signed(claims)

    @staticmethod
    def part(name: str) -> str:
        """Return `name` as a part of a path."""
        return quote(name, safe="")

    def make_role(self, name: str, *actions: str, resource: str = "arn:hca:fus:*:*:*", **more: Any) -> None:
        """Make a role that allows `actions`."""
        body = {"role_id": name, "policy": self.allow(*actions, resource=resource, **more)}
        assert self.send("POST", "/v1/role", body).status_code == 201

    def connection(self) -> sqlite3.Connection:
        """Return a connection of the test's own to the directory."""
        return database.connect(self.path)

    def close(self) -> None:
        """End the connections to the server."""
        self._session.close()


class Served:
    """The service on a free port, in a thread with an event loop of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # asyncio sends small answers at once only on sockets that say which protocol they are for.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._ready = threading.Event()
        self._server: uvicorn.Server | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._ready.wait(PATIENCE), "the server never started"

    def _run(self) -> None:
        records = database.connect(self._path, durable=False)
        writer = Writer(lambda: database.connect(self._path, durable=False))
        # The stand-in has all that the service uses of a deployment.
        callers = Callers(Issuer(signing_key(), ISSUER), ServiceAccounts(records), lambda session: session == "ended")
        routes = service.routes(StandIn(records, writer, callers))  # type: ignore[arg-type]
        application = Router(routes, redirect_slashes=False, default=not_found)
        # As in a deployment: it is the client who closes an idle connection, also one that was paused for a while, and
        # the end waits for none.
        config = uvicorn.Config(
            application,
            log_level="critical",
            lifespan="off",
            loop="asyncio",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)

        async def serve() -> None:
            asyncio.get_running_loop().call_soon(self._ready.set)
            await self._server.serve(sockets=[self._socket])

        asyncio.run(serve())
        writer.close()
        records.close()

    def close(self) -> None:
        """Stop the server."""
        self._server.should_exit = True
        self._thread.join(PATIENCE)


def create(path: Path) -> None:
    """Make a directory with what it has from the beginning."""
    connection = database.connect(path, durable=False)
    connection.executescript(f"PRAGMA journal_mode=WAL;{schema.TABLES}{logins.TABLES}{SERVICE_ACCOUNT_TABLES}")
    with database.transaction(connection):
        directory.bootstrap(connection, ADMIN)
    connection.close()


@contextmanager
def client_of(path: Path) -> Iterator[Fusillade]:
    """Return a client of a service whose new directory is at `path`."""
    create(path)
    served = Served(path)
    client = Fusillade(served.url, path)
    try:
        yield client
    finally:
        client.close()
        served.close()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Fusillade]:
    """Return a client of a service with a new directory."""
    with client_of(tmp_path / "store.sqlite3") as client:
        yield client


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fusillade]:
    """Return a client of a service for requests that change nothing."""
    with client_of(tmp_path_factory.mktemp("shared") / "store.sqlite3") as client:
        yield client


@pytest.fixture
def records(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Return a connection to a new directory that nobody serves."""
    path = tmp_path / "directory.sqlite3"
    create(path)
    connection = database.connect(path, durable=False)
    yield connection
    connection.close()
