"""The whole of a deployment as one ASGI application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Router

from hca_local.dss import service
from hca_local.objects.service import ObjectService
from hca_local.server import landing
from hca_local.server.gateway import Gateway
from hca_local.server.pages import not_found

if TYPE_CHECKING:
    from hca_local.server.deployment import Deployment
    from hca_local.server.log import ServiceLog


def application(deployment: Deployment, log: ServiceLog) -> Gateway:
    """Return the application that serves `deployment` and writes to `log`."""
    routes = [*service.routes(deployment), *landing.routes(deployment)]
    api = Router(routes, redirect_slashes=False, default=not_found)
    return Gateway(api, ObjectService(deployment), log)
