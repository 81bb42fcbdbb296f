"""The provider on a real store, served by uvicorn in a thread of the test, and a browser that only knows HTTP.

`conftest.py` here and the tests in a real browser load this file by its path.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import re
import socket
import sqlite3
import threading
import time
from concurrent.futures import Future
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests  # noqa: TID253 - tests start once
import uvicorn
from starlette.routing import Router
from waiting import PATIENCE

from hca_local.identity import passwords, sessions
from hca_local.identity.caller import Callers
from hca_local.identity.issuer import Issuer
from hca_local.identity.provider import Provider, routes
from hca_local.identity.schema import TABLES
from hca_local.identity.service_accounts import SERVICE_ACCOUNT_TABLES, ServiceAccounts
from hca_local.server import problems
from hca_local.server.listening import KEEP_ALIVE_SECONDS
from hca_local.server.pages import not_found
from hca_local.store import database
from hca_local.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from starlette.types import ASGIApp, Receive, Scope, Send

KEY = b"0123456789abcdef0123456789abcdef"
ADA = "ada@example.org"
VERIFIER = "a-verifier-that-only-the-application-knows-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
BACK = "http://127.0.0.1:9/back"
LIFETIME = 3600


class Clock:
    """A clock that a test can put forward, and stop."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self._stopped: float | None = None

    def __call__(self) -> float:
        return (time.time() if self._stopped is None else self._stopped) + self.ahead

    def stop(self) -> None:
        """Stand still, but for what the test puts it forward: how long the test itself takes counts no more."""
        self._stopped = time.time()


class People:
    """A directory of users that a test fills."""

    def __init__(self) -> None:
        self.groups: dict[str, list[str]] = {ADA: ["user_default", "hca"]}
        self.disabled: set[str] = set()
        self.provisioned: list[str] = []

    def provision(self, connection: sqlite3.Connection, user: str) -> None:
        self.provisioned.append(user)
        self.groups.setdefault(user, ["user_default"])

    def is_known(self, connection: sqlite3.Connection, user: str) -> bool:
        return user in self.groups

    def is_enabled(self, connection: sqlite3.Connection, user: str) -> bool:
        return user not in self.disabled

    def groups_of(self, connection: sqlite3.Connection, user: str) -> list[str]:
        return self.groups.get(user, [])

    def roles_of(self, connection: sqlite3.Connection, user: str) -> list[str]:
        return ["default_user"]

    def allowed_actions(self, connection: sqlite3.Connection, user: str) -> list[str]:
        return ["fus:GetUser"]


class Told:
    """Turns problems into answers, as the gateway does."""

    def __init__(self, application: ASGIApp) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.application(scope, receive, send)
        except problems.ProblemError as problem:
            await problems.response(problem)(scope, receive, send)


class Served:
    """A running provider."""

    def __init__(self, path: Path, url: str, issuer_key: RSAPrivateKey) -> None:
        self.path = path
        self.url = url
        self.issuer = Issuer(issuer_key, url)
        self.clock = Clock()
        self.people: Any = People()

    def provider(self, records: sqlite3.Connection, writer: Writer) -> Provider:
        callers = Callers(
            self.issuer, ServiceAccounts(records), lambda sid: sessions.is_revoked(records, sid), leeway=0
        )
        return Provider(self.issuer, records, writer, KEY, self.people, callers.check, LIFETIME, self.clock)

    def count(self, table: str) -> int:
        with closing(database.connect(self.path)) as connection:
            return int(connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])

    def is_revoked(self, sid: str) -> bool:
        with closing(database.connect(self.path)) as connection:
            return sessions.is_revoked(connection, sid)

    def authorize_url(self, **changed: str | None) -> str:
        """Return the address that an application opens; None leaves a parameter out."""
        query: dict[str, str | None] = {
            "client_id": "hca-cli",
            "redirect_uri": BACK,
            "response_type": "code",
            "scope": "openid email offline_access",
            "state": "st/at&e",
            "nonce": "no-nce",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        } | changed
        given = {name: value for name, value in query.items() if value is not None}
        return f"{self.url}/oauth/authorize?{urlencode(given)}"

    def post(self, path: str, **form: str | None) -> requests.Response:
        """Send a form as an application does."""
        given = {name: value for name, value in ({"client_id": "hca-cli"} | form).items() if value is not None}
        return requests.post(self.url + path, data=given, timeout=60, allow_redirects=False)

    def code(self, email: str = ADA, **changed: str | None) -> str:
        """Return the code of a new login."""
        answer = Browser(self).consent(self.authorize_url(**changed), email)
        return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]

    def redeem(self, code: str, /, **changed: str | None) -> requests.Response:
        form: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": BACK,
            "code_verifier": VERIFIER,
        }
        return self.post("/oauth/token", **form | changed)

    def log_in(self, email: str = ADA, **changed: str | None) -> dict[str, Any]:
        """Return the tokens of a new login."""
        answer = self.redeem(self.code(email, **changed))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def refresh(self, token: str, **more: str) -> requests.Response:
        return self.post("/oauth/token", grant_type="refresh_token", refresh_token=token, **more)


class Browser:
    """A browser without a window: it keeps cookies and fills in forms."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.http = requests.Session()
        self.http.trust_env = False

    def get(self, url: str, **headers: str) -> requests.Response:
        return self.http.get(url, headers=headers, timeout=60, allow_redirects=False)

    def submit(self, page: requests.Response, **fields: str) -> requests.Response:
        """Send the form of `page` with `fields` in it, to the address that the page has."""
        data = {"token": token_in(page)} | fields
        return self.http.post(page.url, data=data, timeout=60, allow_redirects=False)

    def log_in(self, page: requests.Response, email: str = ADA) -> requests.Response:
        """Log in on `page` and return the page after it."""
        answer = self.submit(page, action="login", email=email, password=passwords.password(KEY, email))
        assert answer.status_code == 303, answer.text
        return self.get(self.served.url + answer.headers["location"])

    def consent(self, url: str, email: str = ADA, action: str = "allow") -> requests.Response:
        """Log in on the page `url`, decide, and return the answer to that."""
        return self.submit(self.log_in(self.get(url), email), action=action)


def token_in(page: requests.Response) -> str:
    """Return the token of the form in `page`."""
    found = re.search(r'name="token" value="([^"]+)"', page.text)
    assert found, page.text
    return html.unescape(found[1])


@contextmanager
def serving(path: Path, issuer_key: RSAPrivateKey, people: Any = None, tables: str = "") -> Iterator[Served]:
    """Serve a provider whose store is the file `path`."""
    with closing(database.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(TABLES + SERVICE_ACCOUNT_TABLES + tables)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    served = Served(path, f"http://127.0.0.1:{listener.getsockname()[1]}", issuer_key)
    served.people = people or served.people
    running: Future[uvicorn.Server] = Future()

    async def serve() -> None:
        records = database.connect(path)
        writer = Writer(lambda: database.connect(path, durable=False))
        router = Router(routes(served.provider(records, writer)), redirect_slashes=False, default=not_found)
        # As in a deployment: it is the client who closes an idle connection, also one that was paused for a while, and
        # the end waits for none.
        config = uvicorn.Config(
            Told(router),
            log_config=None,
            lifespan="off",
            access_log=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        running.set_result(server)
        await server.serve(sockets=[listener])
        writer.close()
        records.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    listener.listen()
    thread.start()
    try:
        server = running.result(timeout=PATIENCE)
        yield served
    finally:
        server.should_exit = True
        thread.join()
