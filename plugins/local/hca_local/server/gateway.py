"""The outermost ASGI application: sends requests to the services, and does what happens to every answer."""

from __future__ import annotations

import random
import traceback
import uuid
from typing import TYPE_CHECKING

from hca_local.server import problems, requests
from hca_local.server.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from hca_local.server.log import ServiceLog

_COMMON_HEADERS = [
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains; preload"),
    (b"access-control-allow-headers", b"Authorization,Content-Type,X-Amz-Date,X-Amz-Security-Token,X-Api-Key"),
]
# The service lets pages of every web site read its answers. It holds public data; this one may hold a lab's own, and
# the browser that asks is on the same machine. So pages from elsewhere are not let in, nor are names that a foreign
# DNS server makes point to this machine.
_OPEN_TO_PAGES = (b"access-control-allow-origin", b"*")
# These say by which name they must be asked, and nothing else.
_TELL_THEMSELVES = ("/.well-known/openid-configuration", "/.well-known/openid-configuration/")
_FAULT_HEADER = "dss_fake_504_probability"


class Gateway:
    """Dispatches by path: `/s3/` and `/gs/` are objects, everything else is the API.

    API answers get the headers that all of them have, faults are injected where a request asks for them, exceptions
    become problems, and every answer becomes a line in the log.
    """

    def __init__(
        self, api: ASGIApp, objects: ASGIApp, log: ServiceLog, *, read_only: Callable[[str], bool] | None = None
    ) -> None:
        """Parameters: `read_only` tells the paths where nothing may be written."""
        self.api = api
        self.objects = objects
        self.log = log
        self.read_only = read_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        is_object = scope["path"].startswith(("/s3/", "/gs/"))
        headers = requests.headers(scope)
        extra = [] if is_object else [*_COMMON_HEADERS, (b"x-aws-request-id", str(uuid.uuid4()).encode())]
        if not is_object and requests.is_ours(headers.get("origin", "")):
            extra.append(_OPEN_TO_PAGES)
        exchange = Exchange(scope, send, extra, self.log)
        try:
            if not requests.is_ours("//" + headers.get("host", "")) and scope["path"] not in _TELL_THEMSELVES:
                raise problems.ProblemError(
                    403, "Forbidden", "This deployment answers to 127.0.0.1 and localhost only."
                )
            if is_object:
                await self.objects(scope, receive, exchange.send)
            elif self.read_only and self.read_only(scope["path"]) and not _only_reads(scope):
                raise problems.read_only()
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


def _only_reads(scope: Scope) -> bool:
    """Tell whether a service that is read-only answers a request; it refuses HEAD too (contract §1)."""
    return scope["method"] == "GET" or (scope["method"] == "POST" and "search" in scope["path"])


def _fault_wanted(headers: Mapping[str, str]) -> bool:
    try:
        return random.random() < float(headers.get(_FAULT_HEADER, 0))  # noqa: S311 - chance, not secrecy
    except ValueError:
        return False
