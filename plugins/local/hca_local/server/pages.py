"""Pages that are read with GET only and need nothing but the request."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.requests import Request

from hca_local.server.problems import of_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send


class Page:
    """The ASGI application for one path whose answer to GET and HEAD is what `make` returns."""

    def __init__(self, make: Callable[[Request], Response]) -> None:
        self.make = make

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises ProblemError for other methods."""
        if scope["method"] not in ("GET", "HEAD"):
            raise of_status(HTTPStatus.METHOD_NOT_ALLOWED, "The methods here are GET, HEAD.", {"Allow": "GET, HEAD"})
        await self.make(Request(scope))(scope, receive, send)


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request for a path that no service has. Raises ProblemError."""
    raise of_status(HTTPStatus.NOT_FOUND, f"There is nothing at {scope['path']}.")
