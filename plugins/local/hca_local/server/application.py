"""The whole of a deployment as one ASGI application: the services on one port, S3 on another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Router

from hca_local.dss import service
from hca_local.fusillade import service as fusillade
from hca_local.identity import provider
from hca_local.objects.service import ObjectService
from hca_local.server import landing
from hca_local.server.exchange import Exchange
from hca_local.server.gateway import Gateway
from hca_local.server.pages import not_found
from hca_local.upload import service as upload

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from hca_local.server.deployment import Deployment
    from hca_local.server.log import ServiceLog


def application(deployment: Deployment, log: ServiceLog) -> ASGIApp:
    """Return the application that serves `deployment` and writes to `log`."""
    users = [*fusillade.routes(deployment), *provider.routes(deployment.provider)]
    routes = [*service.routes(deployment), *landing.routes(deployment), *users, *upload.routes(deployment)]
    api = Router(routes, redirect_slashes=False, default=not_found)
    gateway = Gateway(api, ObjectService(deployment), log, read_only=_of_the_dss(deployment))
    if deployment.buckets is None:
        return gateway
    return Ports(gateway, deployment.settings.s3_port, Logged(deployment.buckets, log))


def _of_the_dss(deployment: Deployment) -> Callable[[str], bool] | None:
    """Return what tells the paths where nothing may be written; None if everything may."""
    return service.owns if deployment.settings.read_only else None


class Ports:
    """Sends what comes to `port` to the application `other`, everything else to `application`."""

    def __init__(self, application: ASGIApp, port: int, other: ASGIApp) -> None:
        self.application = application
        self.port = port
        self.other = other

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        chosen = self.other if scope["server"][1] == self.port else self.application
        await chosen(scope, receive, send)


class Logged:
    """Writes a line to `log` for each answer of `application`."""

    def __init__(self, application: ASGIApp, log: ServiceLog) -> None:
        self.application = application
        self.log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = Exchange(scope, send, [], self.log)
        try:
            await self.application(scope, receive, exchange.send)
        finally:
            exchange.end()
