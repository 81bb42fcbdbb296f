"""Puts the operations of the upload service on routes: finds, checks who asks, calls (contract §3 to §9)."""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes

from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Match, Route

from hca_local.server import requests
from hca_local.server.pages import Page
from hca_local.upload import area_routes, checksum_routes, errors, file_routes, validation_routes
from hca_local.upload.calls import Call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from hca_local.server.deployment import Deployment

    Handler = Callable[[Call], Awaitable[Response]]

_BASE = "/v1/area"
# The gateway of the service takes no more.
MOST_BYTES = 10 * 1024 * 1024
_SHOWN_OF_KEY = 3


class Operation(NamedTuple):
    """What is done at a method and path; who asks must know the Api-Key where it is `secured`."""

    method: str
    path: str
    handler: Handler
    secured: bool = False


# Below /v1/area/{uuid}. Of two that fit a request, the first is meant: `{name}` is any rest of a path.
OPERATIONS = (
    Operation("HEAD", "", area_routes.head),
    Operation("POST", "", area_routes.post, secured=True),
    Operation("DELETE", "", area_routes.delete, secured=True),
    Operation("POST", "credentials", area_routes.post_credentials),
    Operation("PUT", "files_info", file_routes.put_files_info),
    Operation("GET", "checksums", checksum_routes.get_all),
    Operation("GET", "validations", validation_routes.get_all),
    Operation("PUT", "validate", validation_routes.put_all, secured=True),
    Operation("POST", "update_checksum/{id}", checksum_routes.post_update, secured=True),
    Operation("POST", "update_validation/{id}", validation_routes.post_update, secured=True),
    Operation("GET", "{name}/checksum", checksum_routes.get),
    Operation("GET", "{name}/validate", validation_routes.get),
    Operation("PUT", "{name}/validate", validation_routes.put, secured=True),
    Operation("PUT", "{name}", file_routes.put, secured=True),
    Operation("POST", "{name}", file_routes.post),
    Operation("GET", "{name}", file_routes.get),
)


def routes(deployment: Deployment) -> list[BaseRoute]:
    """Return the routes of the service for `deployment`."""
    health = Page(_health)
    return [
        Route("/health", health),
        Route("/v1/health", health),
        Below(f"{_BASE}/", AreaApplication(deployment)),
    ]


class Below(BaseRoute):
    """Sends all paths that begin with `prefix` to `application`; a pattern would not, if a name has a line feed."""

    def __init__(self, prefix: str, application: ASGIApp) -> None:
        self.prefix = prefix
        self.application = application

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Tell whether the request is for one of these paths."""
        return (Match.FULL if scope["path"].startswith(self.prefix) else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self.application(scope, receive, send)


class AreaApplication:
    """The ASGI application for all areas; what goes wrong is told in the service's own way."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            response = await self._answer(scope, receive)
        except errors.UploadError as error:
            response = errors.response(error)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        # A slash within a name is written %2F, which only the raw path tells from one between two segments.
        segments = scope["raw_path"].decode("latin-1").removeprefix(f"{_BASE}/").split("/")
        operation, name = found(scope["method"], segments[1:])
        headers = requests.headers(scope)
        if operation.secured:
            _check_key(headers, self.deployment.uploads.api_key)
        try:
            body = await requests.body(receive, MOST_BYTES)
        except requests.TooLargeError as error:
            raise errors.of_status(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error)) from error
        return await operation.handler(Call(self.deployment, _text(segments[0]), name, headers, body))


def found(method: str, segments: Sequence[str]) -> tuple[Operation, str]:
    """Return the operation that a request is for, and the name in its path. Raises UploadError (400, 404, 405).

    Parameters: `segments` are those behind the area's, as they were sent.
    """
    allowed = []
    for operation, name in _fitting(segments):
        if operation.method == method or (operation.method == "GET" and method == "HEAD"):
            return operation, name
        allowed.append(operation.method)
    if not allowed:
        raise errors.of_status(HTTPStatus.NOT_FOUND, "There is nothing at this path.")
    told = ", ".join(sorted(set(allowed)))
    raise errors.of_status(HTTPStatus.METHOD_NOT_ALLOWED, f"The methods here are {told}.", {"Allow": told})


def _fitting(segments: Sequence[str]) -> Iterator[tuple[Operation, str]]:
    """Yield the operations whose paths fit, each with the name in the path."""
    for operation in OPERATIONS:
        fixed = operation.path.split("/") if operation.path else []
        if operation.path.startswith("{name}"):
            tail = fixed[1:]
            named = segments[: len(segments) - len(tail)]
            if any(named) and list(segments[len(named) :]) == tail:
                yield operation, _text("/".join(named))
        elif operation.path.endswith("/{id}"):
            if len(segments) == len(fixed) and segments[0] == fixed[0]:
                yield operation, _text(segments[1])
        elif list(segments) == fixed:
            yield operation, ""


def _text(path: str) -> str:
    """Return what a piece of a path stands for; names that differ never become one. Raises UploadError (400)."""
    try:
        return unquote_to_bytes(path.encode("latin-1")).decode()
    except UnicodeDecodeError as error:
        raise errors.bad_request(f"{path[:100]!r} is not UTF-8.") from error


def _check_key(headers: Mapping[str, str], wanted: str) -> None:
    """Raise UploadError (400, 401) unless a request has the Api-Key `wanted`."""
    given = headers.get("api-key")
    if given is None:
        raise errors.bad_request("Missing header parameter 'Api-Key'")
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        raise errors.UploadError(401, "Access Denied.", f"Unrecognized Api-Key: {given[:_SHOWN_OF_KEY]}...")


def _health(request: Request) -> Response:
    """Tell that the service is there."""
    return JSONResponse(200)
