"""What applications read before a login, and the small pages around one: discovery, keys, echo, login, logout."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from hca_local.identity import authorization_request, clients, grants, templates, userinfo
from hca_local.identity.authorization import PRIVATE_HEADERS
from hca_local.identity.endpoint import Endpoint
from hca_local.identity.issuer import ALGORITHM, EMAIL_CLAIM, GROUP_CLAIM, SCOPES

if TYPE_CHECKING:
    from starlette.requests import Request

    from hca_local.identity.provider import Provider

CONFIGURATION = "/.well-known/openid-configuration"
KEY_SET = "/.well-known/jwks.json"
LOGOUT = "/logout"
_CLAIMS = ("iss", "sub", "aud", "iat", "exp", "auth_time", "nonce", "sid", "email", "email_verified")


def endpoints(provider: Provider) -> dict[str, Endpoint]:
    """Return the endpoints by path."""

    async def configuration(request: Request) -> Response:
        host = request.headers.get("host", "")
        if host != provider.host:
            detail = f"host: {host}, is not supported. host must be {provider.host}."
            body = {"type": "about:blank", "title": "Bad Request", "detail": detail, "status": 400}
            return JSONResponse(body, 400, media_type="application/problem+json")
        return JSONResponse(_configuration(provider))

    async def key_set(request: Request) -> Response:
        return JSONResponse(provider.issuer.key_set())

    async def secrets(request: Request) -> Response:
        return JSONResponse({"installed": _installed(provider)})

    async def login(request: Request) -> Response:
        # Without the query, as the service does it (contract §3).
        return RedirectResponse(authorization_request.PATH, 301)

    async def logout(request: Request) -> Response:
        client = request.query_params.get("client_id") or clients.CLIENT_ID
        told = "This browser is not logged in any more.", "Programs stay logged in until you log them out."
        page = templates.response(templates.message("You are logged out", provider.host, *told))
        page.headers["Location"] = f"{provider.issuer.url}{LOGOUT}?{urlencode({'client_id': client})}"
        return await provider.log_out(request, page)

    return {
        CONFIGURATION: Endpoint(configuration, "GET"),
        KEY_SET: Endpoint(key_set, "GET"),
        "/internal/application_secrets": Endpoint(secrets, "GET"),
        "/login": Endpoint(login, "GET"),
        LOGOUT: Endpoint(logout, "GET"),
        clients.ECHO: Endpoint(_echo, "GET"),
    }


def _configuration(provider: Provider) -> dict[str, object]:
    url = provider.issuer.url
    return {
        "issuer": provider.issuer.name,
        "authorization_endpoint": url + authorization_request.PATH,
        "token_endpoint": url + grants.TOKEN,
        "jwks_uri": url + KEY_SET,
        "revocation_endpoint": url + grants.REVOKE,
        "userinfo_endpoint": url + userinfo.PATH,
        "device_authorization_endpoint": url + grants.DEVICE,
        "end_session_endpoint": url + LOGOUT,
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(grants.GRANTS),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "claims_supported": [*_CLAIMS, GROUP_CLAIM, EMAIL_CLAIM],
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }


def _installed(provider: Provider) -> dict[str, object]:
    """Return what clients read who know no discovery, in the form of Google's file for installed applications."""
    url = provider.issuer.url
    return {
        "client_id": clients.CLIENT_ID,
        "client_secret": clients.secret(provider.key),
        "project_id": "hca-local",
        "auth_uri": url + authorization_request.PATH,
        "token_uri": url + grants.TOKEN,
        "redirect_uris": ["http://127.0.0.1", "http://localhost", url + clients.ECHO],
    }


async def _echo(request: Request) -> Response:
    """Return the request as text; a person copies the code of a login from it, so that comes first."""
    query = request.query_params
    lines = []
    if "code" in query:
        lines = [
            "Copy this code to the program that asks for it:",
            "",
            f"    {query['code']}",
            "",
            f"The state that belongs to it: {query.get('state', '')}",
            "",
            "",
        ]
    elif "error" in query:
        lines = [f"The login has failed: {query.get('error_description') or query['error']}", "", ""]
    told = {
        "method": request.method,
        "headers": {name: value for name, value in request.headers.items() if name not in PRIVATE_HEADERS},
        "query_params": dict(query),
    }
    text = "\n".join(lines) + json.dumps(told, indent=2) + "\n"
    safe = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return PlainTextResponse(text, headers=safe)
