"""The whole of a deployment as one ASGI application: the services on one port, S3, Shock and Azul on three others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from starlette.routing import Router

from hca_local.azul.port import AzulPort
from hca_local.dss import service
from hca_local.fusillade import service as fusillade
from hca_local.identity import provider
from hca_local.objects.service import ObjectService
from hca_local.server import landing
from hca_local.server.exchange import Exchange
from hca_local.server.gateway import Gateway
from hca_local.server.pages import not_found
from hca_local.shock.service import ShockApplication
from hca_local.upload import service as upload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from hca_local.server.deployment import Deployment
    from hca_local.server.log import ServiceLog


# Wherever it stands, since what finds no route may be meant to.
_PREAUTH = re.compile("(preauth/+[^/]{0,4})[^/]*", re.IGNORECASE)
_MANIFEST = re.compile("(manifest/+files/+[^/]{0,4})[^/]*", re.IGNORECASE)


def application(deployment: Deployment, log: ServiceLog) -> ASGIApp:
    """Return the application that serves `deployment` and writes to `log`."""
    users = [*fusillade.routes(deployment), *provider.routes(deployment.provider)]
    routes = [*service.routes(deployment), *landing.routes(deployment), *users, *upload.routes(deployment)]
    api = Router(routes, redirect_slashes=False, default=not_found)
    gateway = Gateway(api, ObjectService(deployment), log, read_only=_of_the_dss(deployment))
    buckets = gateway if deployment.buckets is None else Logged(deployment.buckets, log)
    shock = Logged(ShockApplication(deployment.shock), log, ShockExchange)
    atlas = Logged(AzulPort(deployment.azul), log, AzulExchange)
    ports = deployment.settings
    return Ports({ports.port: gateway, ports.s3_port: buckets, ports.shock_port: shock, ports.azul_port: atlas})


def _of_the_dss(deployment: Deployment) -> Callable[[str], bool] | None:
    """Return what tells the paths where nothing may be written; None if everything may."""
    return service.owns if deployment.settings.read_only else None


class Ports:
    """Sends each request to the application of the port that it came to."""

    def __init__(self, applications: Mapping[int, ASGIApp]) -> None:
        """Parameters: `applications` has those of all ports that are listened on."""
        self.applications = applications

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self.applications[scope["server"][1]](scope, receive, send)


class Logged:
    """Writes a line to `log` for each answer of `application`."""

    def __init__(self, application: ASGIApp, log: ServiceLog, exchange: type[Exchange] = Exchange) -> None:
        """Parameters: `exchange` is what an answer goes through."""
        self.application = application
        self.log = log
        self.exchange = exchange

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = self.exchange(scope, send, [], self.log)
        try:
            await self.application(scope, receive, exchange.send)
        finally:
            exchange.end()


class SecretPathExchange(Exchange):
    """A request in the log without the secret in its path but for its start.

    `secret` finds one: its first group is what is shown.
    """

    secret: ClassVar[re.Pattern[str]]

    def __init__(self, scope: Scope, send: Send, extra: list[tuple[bytes, bytes]], log: ServiceLog) -> None:
        path: str = scope["path"]
        shown = self.secret.sub(r"\1...", path)
        logged = scope if shown == path else {**scope, "raw_path": quote(shown).encode()}
        super().__init__(logged, send, extra, log)

    def _is_retried(self) -> bool:
        return False


class ShockExchange(SecretPathExchange):
    """A request to Shock, which has pre-authorized URLs, and no word for "later": it answers 500 to much."""

    secret = _PREAUTH


class AzulExchange(SecretPathExchange):
    """A request to Azul, whose manifests may be read by whoever has their addresses; it tells itself when to retry."""

    secret = _MANIFEST
