"""What stands before the application of a plugin: errors become answers, requests lines in the log."""

from __future__ import annotations

import inspect
import json
import traceback
from typing import TYPE_CHECKING

from starlette.responses import Response

from hca_local.server import problems, requests
from hca_local.server.exchange import Exchange
from hca_local.services.values import HEALTH_PATH

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from hca_core.local_services import Application
    from hca_local.server.log import ServiceLog


def as_asgi(application: Application) -> ASGIApp:
    """Return `application` if it is one of ASGI, which a coroutine function is; else, as one of WSGI, in threads."""
    if inspect.iscoroutinefunction(application) or inspect.iscoroutinefunction(getattr(application, "__call__", None)):  # noqa: B004 - the function itself
        return application
    from a2wsgi import WSGIMiddleware

    adapted: ASGIApp = WSGIMiddleware(application)  # type: ignore[assignment]
    return adapted


class Guard:
    """Hands requests to `application`, and answers where it fails."""

    def __init__(self, application: ASGIApp, name: str, log: ServiceLog) -> None:
        self.application = application
        self.name = name
        self.log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass on the beginning and the end of the service."""
        if scope["type"] != "http":
            await self.application(scope, receive, send)
        elif scope["path"] == HEALTH_PATH:
            told = json.dumps({"service": self.name, "Healthy": True})
            await Response(told, media_type="application/json")(scope, receive, send)
        else:
            exchange = _Exchange(scope, send, [], self.log)
            try:
                await self._answer(scope, receive, exchange)
            finally:
                exchange.end()

    async def _answer(self, scope: Scope, receive: Receive, exchange: Exchange) -> None:
        headers = requests.headers(scope)
        # See hca_local/server/gateway.py, where the reason stands.
        if not (requests.is_ours(headers.get("origin", "")) and requests.is_ours("//" + headers.get("host", ""))):
            title = "This deployment answers to 127.0.0.1 and localhost only."
            refused = problems.ProblemError(403, "Forbidden", title)
            await problems.response(refused)(scope, receive, exchange.send)
            return
        try:
            await self.application(scope, receive, exchange.send)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the whole of an application may raise anything
            trace = traceback.format_exc()
            self.log.line(f"ERROR {trace}")
            if exchange.status:
                return  # frameworks answer and raise; an answer that has not come to its end is cut by the server
            failed = problems.ProblemError(500, "unhandled_exception", str(error))
            await problems.response(failed, trace)(scope, receive, exchange.send)


class _Exchange(Exchange):
    """A request to a plugin's service, which says itself what is to be tried again."""

    def _is_retried(self) -> bool:
        return False
