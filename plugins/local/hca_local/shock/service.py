"""The ASGI application of Shock: finds what a request is for, and puts every answer into the service's form."""

from __future__ import annotations

import errno
import traceback
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from starlette.responses import Response

from hca_local.server import requests
from hca_local.shock import routes
from hca_local.shock.accounts import ANONYMOUS
from hca_local.shock.calls import Call, ClientGoneError, DroppedError, ShockError, answer, refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from hca_local.shock.calls import Route
    from hca_local.shock.shock import Shock

_ALLOWED = [
    (b"access-control-allow-headers", b"Authorization"),
    (b"access-control-allow-methods", b"POST, GET, PUT, DELETE, OPTIONS"),
    (b"access-control-allow-origin", b"*"),
]
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC})
_CLOSE = (b"connection", b"close")
# A client that still sends its body would lose the answer if the connection were closed at once.
_MOST_UNREAD = 256 * 1024


class ShockApplication:
    """The whole service on a port of its own."""

    def __init__(self, shock: Shock) -> None:
        self.shock = shock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = _Exchange(scope, receive, send, quirks=self.shock.quirks)
        try:
            await self._respond(scope, exchange)
        except ClientGoneError:
            return
        except DroppedError:
            await _drop(receive)
        except Exception:
            self.shock.log.line(f"ERROR {traceback.format_exc()}")
            if exchange.begun:
                raise  # the answer has begun: all that is left is to cut the connection
            await exchange.answer(refusal(ShockError(500, "The server failed; its log tells how.")))

    async def _respond(self, scope: Scope, exchange: _Exchange) -> None:
        headers = requests.headers(scope)
        query = _query(scope["query_string"], quirks=self.shock.quirks)
        call = None
        try:
            # See hca_local/server/gateway.py, where the reason stands.
            if not (requests.is_ours(headers.get("origin", "")) and requests.is_ours("//" + headers.get("host", ""))):
                raise ShockError(403, "This deployment answers to 127.0.0.1 and localhost only.")
            method: str = scope["method"]
            if self.shock.quirks:
                method = next((value for key, value in query if key == "method"), method).upper()
            if method == "OPTIONS":
                await exchange.answer(answer(None))
                return
            route, ids = routes.find(method, _segments(scope))
            call = await self._call(scope, exchange, headers, query, method, route, ids)
            response = await route.handler(call)
        except ShockError as error:
            response = refusal(error)
        except OSError as error:
            if error.errno not in _DISK_FULL:
                raise
            response = refusal(ShockError(500, "The disk of this server is full."))
        finally:
            if call:
                call.close()
        if self.shock.quirks and isinstance(response, Response) and ("always200", "1") in query:
            response.status_code = 200
        await exchange.answer(response)

    async def _call(
        self,
        scope: Scope,
        exchange: _Exchange,
        headers: dict[str, str],
        query: list[tuple[str, str]],
        method: str,
        route: Route,
        ids: dict[str, str],
    ) -> Call:
        """Return the call. Raises ShockError if it is not known who calls."""
        caller = ANONYMOUS if route.open else await self.shock.accounts.caller(headers)
        base = f"http://{requests.own_host(headers, scope['server'])}"
        return Call(self.shock, method, ids, query, headers, exchange.receive, caller, base)


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, quirks: bool) -> None:
        self.begun = False
        self._scope = scope
        self._receive = receive
        self._send = send
        self._quirks = quirks
        self._body_is_awaited = (b"expect", b"100-continue") in scope["headers"]
        self._more = True

    async def receive(self) -> Message:
        """Return the next message. Raises ClientGoneError at the end of a body that is not complete."""
        self._body_is_awaited = False
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        self._more = message.get("more_body", False)
        return message

    async def answer(self, response: ASGIApp) -> None:
        """Send an answer."""
        if self._quirks and not self._body_is_awaited:
            await self._read_on()
        await response(self._scope, self._receive, self._send_with_headers)

    async def _read_on(self) -> None:
        """Read a little of the rest of the body."""
        unread = 0
        while self._more and unread < _MOST_UNREAD:
            unread += len((await self.receive()).get("body", b""))

    async def _send_with_headers(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            message["headers"] = [*message.get("headers", ()), *_ALLOWED]
            # After "Expect" the client may send its body all the same or not: the next request can't be told from it.
            if self._quirks or self._body_is_awaited:
                message["headers"].append(_CLOSE)
        await self._send(message)


async def _drop(receive: Receive) -> None:
    """Close the connection without an answer. ASGI has no way to say that; uvicorn's connection is behind `receive`."""
    getattr(receive, "__self__").transport.abort()  # noqa: B009 - only a bound method has one
    while (await receive())["type"] != "http.disconnect":
        pass


def _query(raw: bytes, *, quirks: bool) -> list[tuple[str, str]]:
    """Return the keys and values of the query, in order; Go drops those with a bare semicolon."""
    text = raw.decode("latin-1")
    if quirks:
        text = "&".join(pair for pair in text.split("&") if ";" not in pair)
    return parse_qsl(text, keep_blank_values=True)


def _segments(scope: Scope) -> list[str]:
    """Return what stands between the slashes of the path; one slash at the end says nothing."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    path = raw.decode("latin-1").removeprefix("/").removesuffix("/")
    return [unquote(segment) for segment in path.split("/")] if path else []
