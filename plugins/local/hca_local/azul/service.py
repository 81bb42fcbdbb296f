"""The ASGI application of Azul: finds what a request is for, and answers as gateway and service do (contract §1)."""

from __future__ import annotations

import re
import traceback
from typing import TYPE_CHECKING
from uuid import uuid4

from hca_local.azul import calls, routes
from hca_local.azul.calls import AzulError, Call
from hca_local.azul.faults.service import Front
from hca_local.server import requests

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from hca_local.azul.azul import Azul
    from hca_local.azul.calls import Route

MOST_CHARACTERS = 8192  # of a URL
MOST_IN_HEAD = 10_240  # bytes of the request line and the headers
_HEADERS = {
    b"strict-transport-security": b"max-age=63072000; includeSubDomains; preload",
    b"x-content-type-options": b"nosniff",
    b"access-control-allow-origin": b"*",
    b"cache-control": b"no-store",
}


def application(azul: Azul) -> ASGIApp:
    """Return the whole service for a port of its own."""
    return Front(AzulApplication(azul), azul)


class AzulApplication:
    """The service behind its gateway."""

    def __init__(self, azul: Azul) -> None:
        self.azul = azul
        self._routes = [(_compiled(route.pattern), route) for route in routes.ROUTES]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        begun = False

        async def with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = _with_ours(message.get("headers", ()))
            await send(message)

        try:
            response = await self._respond(scope, receive)
            await response(scope, receive, with_headers)
        except Exception:
            self.azul.log.line(f"ERROR {traceback.format_exc()}")
            if begun:
                raise  # the answer has begun: all that is left is to cut the connection
            await calls.refusal(calls.opaque())(scope, receive, with_headers)

    async def _respond(self, scope: Scope, receive: Receive) -> ASGIApp:
        headers = requests.headers(scope)
        base = f"http://{requests.own_host(headers, scope['server'])}"
        refused = _refused(scope, headers, base)
        if refused:
            return refused
        found = self._found(scope["method"], scope["path"])
        if found is None:
            return calls.answer({"message": "Missing Authentication Token"}, 403)
        route, ids = found
        call = Call(self.azul, scope["method"], scope["path"], ids, requests.query(scope), headers, receive, base)
        try:
            self.azul.door.check_form(headers)
            return await route.handler(call)
        except AzulError as error:
            return calls.refusal(error)

    def _found(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """Return the route of a request and the names in its path, None if nobody has it.

        The first pattern that fits decides: `/index/catalogs` is no type of entities, whatever the method.
        """
        matches = ((pattern.fullmatch(path), route) for pattern, route in self._routes)
        fitting = [(match, route) for match, route in matches if match]
        for match, route in fitting:
            if match.re.pattern == fitting[0][0].re.pattern and method in route.methods:
                return route, match.groupdict()
        return None


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(pattern)))


def _refused(scope: Scope, headers: dict[str, str], base: str) -> Response | None:
    """Return the answer to a request that does not get further than the gateway."""
    # See hca_local/server/gateway.py, where the reason stands.
    if not (requests.is_ours(headers.get("origin", "")) and requests.is_ours("//" + headers.get("host", ""))):
        return calls.answer({"message": "This deployment answers to 127.0.0.1 and localhost only."}, 403)
    query: bytes = scope["query_string"]
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    target = len(raw) + (len(query) + 1 if query else 0)
    line = len(scope["method"]) + 1 + target + len(" HTTP/1.1\r\n")
    head = line + sum(len(name) + len(value) + len(": \r\n") for name, value in scope["headers"])
    if len(base) + target > MOST_CHARACTERS or head > MOST_IN_HEAD:
        return calls.answer({"message": "Request Too Long"}, 413)
    return None


def _with_ours(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer with those that every answer has."""
    given = {name.lower() for name, _ in headers}
    ours = [(name, value) for name, value in _HEADERS.items() if name not in given]
    name = uuid4()
    ids = {
        b"x-amzn-requestid": str(name),
        b"x-amz-cf-id": f"{name.hex}{name.hex[:24]}==",
        b"x-amzn-trace-id": f"Root=1-{name.hex[:8]}-{name.hex[8:]}",
    }
    return [*headers, *ours, *((key, value.encode()) for key, value in ids.items())]
