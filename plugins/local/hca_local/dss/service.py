"""Puts the operations of the API description on routes: finds, checks, calls."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from hca_local.dss import (
    bodies,
    bundles,
    checkouts,
    collections,
    description,
    events,
    files,
    listing,
    parameters,
    registration,
    search,
    subscriptions,
    writing,
)
from hca_local.dss.calls import Call
from hca_local.server import publishing, requests
from hca_local.server.pages import Page
from hca_local.server.problems import of_status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from hca_local.dss.description import Operation
    from hca_local.server.deployment import Deployment

    Handler = Callable[[Call], Awaitable[Response]]

HANDLERS: dict[tuple[str, str], Handler] = {
    ("HEAD", "/files/{uuid}"): files.head,
    ("GET", "/files/{uuid}"): files.get,
    ("GET", "/bundles/{uuid}"): bundles.get,
    ("PUT", "/files/{uuid}"): registration.put,
    ("GET", "/bundles/all"): listing.get,
    ("PUT", "/bundles/{uuid}"): writing.put,
    ("PATCH", "/bundles/{uuid}"): writing.patch,
    ("DELETE", "/bundles/{uuid}"): writing.delete,
    ("POST", "/bundles/{uuid}/checkout"): checkouts.post,
    ("GET", "/bundles/checkout/{checkout_job_id}"): checkouts.get,
    ("GET", "/collections"): collections.get_all,
    ("PUT", "/collections"): collections.put,
    ("GET", "/collections/{uuid}"): collections.get,
    ("PATCH", "/collections/{uuid}"): collections.patch,
    ("DELETE", "/collections/{uuid}"): collections.delete,
    ("POST", "/search"): search.post,
    ("GET", "/subscriptions"): subscriptions.get_all,
    ("PUT", "/subscriptions"): subscriptions.put,
    ("GET", "/subscriptions/{uuid}"): subscriptions.get,
    ("DELETE", "/subscriptions/{uuid}"): subscriptions.delete,
    ("GET", "/events"): events.get_all,
    ("GET", "/events/{uuid}"): events.get,
}
# The groups whose members may use an operation that asks for a token (contract §2); any other, all who have one.
_GROUPS = {"/files": ("hca",), "/collections": ("hca",), "/subscriptions": ("hca", "public")}


def routes(deployment: Deployment) -> list[Route]:
    """Return the routes of the service for `deployment`."""
    base = description.document()["basePath"]
    by_path: dict[str, dict[str, Operation]] = defaultdict(dict)
    for operation in description.operations():
        by_path[operation.path][operation.method] = operation
    # A path without parameters goes before one that would take it for a parameter's value.
    paths = sorted(by_path, key=lambda path: path.count("{"))
    found = [Route(f"{base}{path}", PathApplication(deployment, by_path[path])) for path in paths]
    return [Route(f"{base}/swagger.json", Page(_swagger)), *found]


def owns(path: str) -> bool:
    """Tell whether `path` is one of this service."""
    base = f"{description.document()['basePath']}/"
    return path.startswith(base) and path.removeprefix(base).split("/")[0] in _first_segments()


@cache
def _first_segments() -> frozenset[str]:
    return frozenset(operation.path.split("/")[1] for operation in description.operations())


class PathApplication:
    """The ASGI application for one path: the operations on it by method."""

    def __init__(self, deployment: Deployment, operations: dict[str, Operation]) -> None:
        self.deployment = deployment
        self.operations = operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises ProblemError."""
        operation = self.operations.get(scope["method"])
        if operation is None:
            allowed = ", ".join(sorted(self.operations))
            raise of_status(
                HTTPStatus.METHOD_NOT_ALLOWED, f"The methods here are {allowed}.", headers={"Allow": allowed}
            )
        headers, query = requests.headers(scope), requests.query(scope)
        # The order of the service: a missing token counts before a wrong parameter, a wrong group after it.
        who = self.deployment.callers.check(headers) if operation.secured else None
        if who:
            who.require_enabled(self.deployment.is_enabled)
        values = parameters.checked(operation.parameters, scope["path_params"], requests.first_values(query))
        body = await bodies.checked(operation, headers, receive)
        groups = _GROUPS.get(f"/{operation.path.split('/')[1]}")
        if who and groups:
            who.require_group(groups)
        handler = HANDLERS[operation.method, operation.path]
        host = requests.own_host(headers, scope["server"])
        raw_path = scope["raw_path"].decode("latin-1")
        call = Call(self.deployment, operation.method, host, raw_path, tuple(query), values, body, who)
        response = await handler(call)
        await response(scope, receive, send)


def _swagger(request: Request) -> Response:
    """Return the API description with this server's address in it."""
    host = requests.own_host(request.headers, request.scope["server"])
    return publishing.response(description.published(host), request)
