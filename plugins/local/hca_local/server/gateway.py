"""The outermost ASGI application: sends requests to the services, and does what happens to every answer."""

from __future__ import annotations

import random
import time
import traceback
import uuid
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hca_local.server import problems, requests
from hca_local.server.log import ServiceLog, target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_COMMON_HEADERS = [
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains; preload"),
    (b"access-control-allow-headers", b"Authorization,Content-Type,X-Amz-Date,X-Amz-Security-Token,X-Api-Key"),
]
# The service lets pages of every web site read its answers. It holds public data; this one may hold a lab's own, and
# the browser that asks is on the same machine. So pages from elsewhere are not let in, nor are names that a foreign
# DNS server makes point to this machine.
_OPEN_TO_PAGES = (b"access-control-allow-origin", b"*")
_THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})
_RETRIED_STATUSES = frozenset({500, 502, 503, 504})
_RETRIED_METHODS = frozenset({"HEAD", "GET", "PUT", "DELETE", "OPTIONS", "TRACE"})
_RETRY_AFTER = (b"retry-after", b"10")
_FAULT_HEADER = "dss_fake_504_probability"


class Gateway:
    """Dispatches by path: `/s3/` and `/gs/` are objects, everything else is the API.

    API answers get the headers that all of them have, faults are injected where a request asks for them, exceptions
    become problems, and every answer becomes a line in the log.
    """

    def __init__(self, api: ASGIApp, objects: ASGIApp, log: ServiceLog) -> None:
        self.api = api
        self.objects = objects
        self.log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        is_object = scope["path"].startswith(("/s3/", "/gs/"))
        headers = requests.headers(scope)
        extra = [] if is_object else [*_COMMON_HEADERS, (b"x-aws-request-id", str(uuid.uuid4()).encode())]
        if not is_object and _is_ours(headers.get("origin", "")):
            extra.append(_OPEN_TO_PAGES)
        exchange = _Exchange(scope, send, extra, self.log)
        try:
            if not _is_ours("//" + headers.get("host", "")):
                raise problems.ProblemError(
                    403, "Forbidden", "This deployment answers to 127.0.0.1 and localhost only."
                )
            if is_object:
                await self.objects(scope, receive, exchange.send)
            elif _fault_wanted(headers):
                await problems.timed_out()(scope, receive, exchange.send)
            else:
                await self.api(scope, receive, exchange.send)
        except problems.ProblemError as problem:
            await problems.response(problem)(scope, receive, exchange.send)
        except Exception as error:
            trace = traceback.format_exc()
            self.log.line(f"ERROR {trace}")
            if exchange.status:
                raise  # the answer has begun: all that is left is to cut the connection
            unhandled = problems.ProblemError(500, "unhandled_exception", str(error))
            await problems.response(unhandled, trace)(scope, receive, exchange.send)
        finally:
            exchange.end()


class _Exchange:
    """One request and its answer, on the way out."""

    def __init__(self, scope: Scope, send: Send, extra: list[tuple[bytes, bytes]], log: ServiceLog) -> None:
        self.status = 0
        self._scope = scope
        self._send = send
        self._extra = extra
        self._log = log
        self._started = time.perf_counter()
        self._logged = False

    async def send(self, message: Message) -> None:
        """Send one message of the answer, with the additions of the gateway."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._extra]
            if self.status in _RETRIED_STATUSES and self._is_retried():
                message["headers"].append(_RETRY_AFTER)
        elif not message.get("more_body"):
            # Before the last bytes go out, so that a client that has its answer finds it in the log.
            self._write_line()
        await self._send(message)

    def end(self) -> None:
        """Note the end of an answer that did not come to its end: the client left, or it had to be cut."""
        if not self._logged:
            self._write_line(" unfinished")

    def _is_retried(self) -> bool:
        method = self._scope["method"]
        return method in _RETRIED_METHODS or (method == "POST" and "search" in self._scope["path"])

    def _write_line(self, remark: str = "") -> None:
        self._logged = True
        scope = self._scope
        raw_path = scope.get("raw_path") or scope["path"].encode()
        took = (time.perf_counter() - self._started) * 1000
        self._log.line(
            f"{scope['method']} {target(raw_path, scope['query_string'])} {self.status} {took:.1f}ms{remark}"
        )


@lru_cache(maxsize=256)
def _is_ours(url: str) -> bool:
    """Tell whether the host of `url`, an origin or a Host header after `//`, is this machine; nobody's is none."""
    if url in ("", "//"):
        return True
    try:
        return urlsplit(url).hostname in _THIS_MACHINE
    except ValueError:
        return False


def _fault_wanted(headers: Mapping[str, str]) -> bool:
    try:
        return random.random() < float(headers.get(_FAULT_HEADER, 0))  # noqa: S311 - chance, not secrecy
    except ValueError:
        return False
