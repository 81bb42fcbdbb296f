"""What every request to Azul's port meets first: the fault script, the firewall, and the way to the storage."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, PlainTextResponse, Response

from hca_local.azul.calls import AzulError, answer, refusal
from hca_local.azul.faults import connections
from hca_local.azul.faults.altering import Altered
from hca_local.azul.faults.rules import ScriptError
from hca_local.azul.faults.script import NAME, ScriptFile, give_hints
from hca_local.azul.mirror.service import MirrorApplication
from hca_local.azul.storage.service import StorageApplication
from hca_local.server import requests

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from hca_local.azul.azul import Azul
    from hca_local.azul.faults.script import Script

# The pattern that the firewall of the stand-in knows; that of the service is not public (contract §1).
BLOCKED = "badbot"
_CODES = {
    400: "BadRequestError", 401: "UnauthorizedError", 403: "ForbiddenError", 404: "NotFoundError", 410: "GoneError",
    429: "TooManyRequestsError", 500: "InternalServerError", 502: "BadGatewayError", 503: "ServiceUnavailableError",
}  # fmt: skip
_PAGE = "<html><head><title>{0}</title></head><body><h1>{0}</h1><p>Request blocked.</p></body></html>"


class Front:
    """The ASGI application of Azul's port: what is not stopped here goes to storage, mirror or `application`."""

    def __init__(self, application: ASGIApp, azul: Azul) -> None:
        """Parameters: `application` has the routes of the service itself."""
        self._application = application
        self._azul = azul
        self._file = ScriptFile(azul.root / NAME)
        self._beside: dict[str, ASGIApp] = {"/signed/": StorageApplication(azul), "/mirror/": MirrorApplication(azul)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            script = self._file.current()
        except ScriptError as error:
            self._azul.log.line(f"ERROR {NAME}: {error}")
            await refusal(AzulError(500, "FaultScriptError", f"{NAME}: {error}"))(scope, receive, send)
            return
        rule = script.rule_for(scope["method"], scope["path"], scope["query_string"].decode("latin-1"))
        give_hints(rule.hints if rule else {})
        if rule is None:
            await self._pass(script, scope, receive, send)
            return
        await asyncio.sleep(rule.given.get("delay", 0))
        if rule.given.get("reset") and "cut" not in rule.given:
            connections.reset(receive)
            await connections.gone(receive)
            return
        altered = Altered(rule.given, scope["method"], receive, send)
        if "status" in rule.given:
            await _scripted(rule.given)(scope, receive, altered.send)
        else:
            await self._pass(script, scope, receive, altered.send)
        if altered.broken:
            await connections.gone(receive)

    async def _pass(self, script: Script, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through the firewall."""
        beside = self._beside.get(scope["path"][:8])
        await (beside or self._stopped(script, scope) or self._application)(scope, receive, send)

    def _stopped(self, script: Script, scope: Scope) -> Response | None:
        """Return the answer of the firewall to a request that it stops."""
        if BLOCKED in requests.headers(scope).get("user-agent", "").lower():
            return HTMLResponse(_PAGE.format("403 Forbidden"), 403)
        if script.limits.refuses(scope["method"], scope["path"]):
            return PlainTextResponse("Rate limit exceeded", 429, {"Retry-After": str(script.limits.retry_after)})
        if script.maintenance is not None:
            message = "The service is down for maintenance"
            return refusal(AzulError(503, "ServiceUnavailableError", message, {"Retry-After": str(script.maintenance)}))
        return None


def _scripted(given: Mapping[str, Any]) -> Response:
    """Return the answer that a rule gives in place of the service's; without a body of its own it is an error's."""
    status = given["status"]
    if "body" in given:
        kind = HTMLResponse if given["body"].startswith("<") else PlainTextResponse
        return kind(given["body"], status)
    if "json" in given:
        return answer(given["json"], status)
    return refusal(AzulError(status, _CODES.get(status, "ChaliceViewError"), "This error was scripted"))
