"""`/oauth/userinfo`: who the holder of a token is, and what this person may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from hca_local.identity.endpoint import Endpoint
from hca_local.server.problems import ProblemError
from hca_local.server.requests import headers

if TYPE_CHECKING:
    from starlette.requests import Request

    from hca_local.identity.provider import Provider

PATH = "/oauth/userinfo"
_TITLES = {401: "Unauthorized", 403: "Forbidden"}


def endpoints(provider: Provider) -> dict[str, Endpoint]:
    """Return the endpoint by its path."""

    async def userinfo(request: Request) -> Response:
        try:
            return await _userinfo(provider, request)
        except ProblemError as problem:
            return _refused(problem.status, problem.title)

    return {PATH: Endpoint(userinfo, "GET", "POST")}


async def _userinfo(provider: Provider, request: Request) -> Response:
    caller = provider.check(headers(request.scope))
    email, directory, records = caller.email.lower(), provider.directory, provider.records
    if not directory.is_enabled(records, email):
        return _refused(403, "User must be enabled to make authenticated requests.")
    if not directory.is_known(records, email):
        await provider.writer.run(lambda connection: directory.provision(connection, email))
    authorization = {
        "groups": directory.groups_of(records, email),
        "roles": directory.roles_of(records, email),
        "scope": directory.allowed_actions(records, email),
    }
    # The service names this claim with https whatever way it is reached (contract §3).
    told = {**caller.claims, "email": email, f"https://{provider.host}/app_metadata": {"authorization": authorization}}
    return JSONResponse(told, headers={"Cache-Control": "no-store"})


def _refused(status: int, detail: str) -> Response:
    """Return an error as the auth service tells it (contract §2), with what RFC 6750 wants in the headers."""
    body = {"type": "about:blank", "title": _TITLES.get(status, "Error"), "detail": detail, "status": status}
    challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'} if status == 401 else {}
    return JSONResponse(body, status, challenge, media_type="application/problem+json")
