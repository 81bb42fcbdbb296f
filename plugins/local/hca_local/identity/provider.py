"""The OpenID Connect provider of a deployment: its parts, and the routes that it answers at the deployment's root."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from starlette.routing import Route

from hca_local.identity import authorization, browsers, device_pages, discovery, grants, userinfo
from hca_local.identity.browsers import Cookies
from hca_local.identity.guesses import Guesses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from sqlite3 import Connection

    from starlette.requests import Request
    from starlette.responses import Response

    from hca_local.identity.browsers import Visit
    from hca_local.identity.caller import Caller
    from hca_local.identity.issuer import Issuer
    from hca_local.store.writer import Writer

_PARTS = (discovery, authorization, grants, userinfo, device_pages)


class Directory(Protocol):
    """What is known about users; the module `hca_local.fusillade.directory` is one."""

    def provision(self, connection: Connection, user: str) -> None:
        """Make `user` known, with the groups that everybody has."""

    def is_known(self, connection: Connection, user: str) -> bool:
        """Tell whether there is `user`."""

    def is_enabled(self, connection: Connection, user: str) -> bool:
        """Tell whether `user` may log in; somebody who is not known yet may."""

    def groups_of(self, connection: Connection, user: str) -> list[str]:
        """Return the names of the groups of `user`."""

    def roles_of(self, connection: Connection, user: str) -> list[str]:
        """Return the names of the roles of `user`."""

    def allowed_actions(self, connection: Connection, user: str) -> list[str]:
        """Return the actions that the policies of `user` allow."""


@dataclass(frozen=True)
class Provider:
    """What the provider works with; `records` belongs to the thread of the event loop.

    `key` is the secret of passwords, cookies and forms; `check` returns who sent a request with some headers, by lower-
    case name, and raises ProblemError; `lifetime` is the seconds that access tokens are good for.
    """

    issuer: Issuer
    records: Connection
    writer: Writer
    key: bytes
    directory: Directory
    check: Callable[[Mapping[str, str]], Caller]
    lifetime: int
    clock: Callable[[], float] = time.time
    guesses: Guesses = field(default_factory=Guesses)

    @property
    def host(self) -> str:
        """Host and port of the deployment, as its clients write them."""
        return urlsplit(self.issuer.url).netloc

    @cached_property
    def cookies(self) -> Cookies:
        """The cookies of browsers."""
        return Cookies(self.key, self.issuer.url)

    def visit(self, request: Request) -> Visit:
        """Return who sends `request` with a browser."""
        return self.cookies.visit(request, self.records, self.clock())

    async def log_out(self, request: Request, response: Response) -> Response:
        """End the login of the browser that sends `request`, and return `response` with the order to forget it."""
        secret = self.cookies.secret(request)
        if secret:
            await self.writer.run(lambda connection: browsers.end(connection, secret))
        return self.cookies.log_out(response)


def routes(provider: Provider) -> list[Route]:
    """Return the routes of `provider`, with and without a slash at the end (contract §1)."""
    found = {path: endpoint for part in _PARTS for path, endpoint in part.endpoints(provider).items()}
    return [Route(path + end, endpoint) for path, endpoint in found.items() for end in ("", "/")]
