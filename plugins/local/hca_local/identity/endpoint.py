"""The ASGI application for one path of the provider."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.requests import Request

from hca_local.server.problems import of_status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send


class Endpoint:
    """Answers requests of some `methods` with what `make` returns; HEAD is answered where GET is."""

    def __init__(self, make: Callable[[Request], Awaitable[Response]], *methods: str) -> None:
        self.make = make
        self.methods = (*methods, "HEAD") if "GET" in methods else methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises ProblemError for other methods."""
        if scope["method"] not in self.methods:
            allowed = ", ".join(self.methods)
            raise of_status(HTTPStatus.METHOD_NOT_ALLOWED, f"The methods here are {allowed}.", {"Allow": allowed})
        response = await self.make(Request(scope, receive))
        await response(scope, receive, send)
