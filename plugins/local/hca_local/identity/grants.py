"""`/oauth/token`, `/oauth/revoke` and `/oauth/device/code`: what applications ask for themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from hca_local.identity import bodies, clients, codes, devices, sessions
from hca_local.identity.endpoint import Endpoint
from hca_local.identity.refusal import Refusal
from hca_local.identity.sessions import Given

if TYPE_CHECKING:
    from collections.abc import Mapping
    from sqlite3 import Connection

    from starlette.requests import Request

    from hca_local.identity.provider import Provider

TOKEN = "/oauth/token"  # noqa: S105 - a path
REVOKE = "/oauth/revoke"
DEVICE = "/oauth/device/code"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
# What a request of each grant has to name, besides the application.
GRANTS = {
    "authorization_code": ("code", "redirect_uri", "code_verifier"),
    "refresh_token": ("refresh_token",),
    DEVICE_GRANT: ("device_code",),
}
_MEMBER_GROUP = "hca"
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@dataclass(frozen=True)
class Login:
    """A login whose tokens are to be made: `group` is the user's for the claim, `scopes` what the tokens have."""

    given: Given
    group: str
    scopes: tuple[str, ...]


def endpoints(provider: Provider) -> dict[str, Endpoint]:
    """Return the endpoints by path."""

    async def token(request: Request) -> Response:
        return await _token(provider, request)

    async def revoke(request: Request) -> Response:
        return await _revoke(provider, request)

    async def device_code(request: Request) -> Response:
        return await _device_code(provider, request)

    return {
        TOKEN: Endpoint(token, "POST"),
        REVOKE: Endpoint(revoke, "POST"),
        DEVICE: Endpoint(device_code, "POST"),
    }


def checked(provider: Provider, connection: Connection, given: Given | Refusal) -> Login | Refusal:
    """Return the login of `given` with the user's group, after a look whether the user may log in at all."""
    if isinstance(given, Refusal):
        return given
    session, directory = given.session, provider.directory
    if not directory.is_enabled(connection, session.email):
        sessions.revoke(connection, session.id)
        return Refusal("invalid_grant", "This account is disabled.")
    directory.provision(connection, session.email)
    is_member = _MEMBER_GROUP in directory.groups_of(connection, session.email)
    return Login(given, _MEMBER_GROUP if is_member else "public", session.scopes)


def tokens(provider: Provider, login: Login) -> dict[str, Any]:
    """Return the answer to an application whose request was granted (RFC 6749 §5.1)."""
    session, issuer, lifetime = login.given.session, provider.issuer, provider.lifetime
    answer: dict[str, Any] = {
        "access_token": issuer.token(session.email, login.group, lifetime, session=session.id, scopes=login.scopes),
        "token_type": "Bearer",
        "expires_in": lifetime,
        "scope": " ".join(login.scopes),
    }
    if "openid" in login.scopes:
        answer["id_token"] = issuer.id_token(
            session.email, clients.CLIENT_ID, lifetime, session=session.id, since=session.since, nonce=session.nonce
        )
    if login.given.refresh_token:
        answer["refresh_token"] = login.given.refresh_token
    return answer


async def _token(provider: Provider, request: Request) -> Response:
    try:
        form = await bodies.form(request)
    except bodies.MalformedError as error:
        return _refused(Refusal("invalid_request", str(error), error.status))
    refusal = _refusal(form) or clients.check(provider.key, form, request.headers.get("authorization"))
    if refusal:
        return _refused(refusal)

    def begin(connection: Connection) -> Login | Refusal:
        login = checked(provider, connection, _given(provider, connection, form))
        return login if isinstance(login, Refusal) else _narrowed(login, form)

    login = await provider.writer.run(begin)
    return _refused(login) if isinstance(login, Refusal) else JSONResponse(tokens(provider, login), headers=_NO_STORE)


def _refusal(form: Mapping[str, str]) -> Refusal | None:
    """Return what is wrong with a request for tokens before anything is looked up."""
    if "grant_type" not in form:
        return Refusal("invalid_request", "The parameter grant_type is missing.")
    needed = GRANTS.get(form["grant_type"])
    if needed is None:
        return Refusal("unsupported_grant_type", f"The grant_type must be one of {', '.join(GRANTS)}.")
    missing = next((name for name in needed if not form.get(name)), None)
    if missing:
        return Refusal("invalid_request", f"The parameter {missing} is missing.")
    return None


def _given(provider: Provider, connection: Connection, form: Mapping[str, str]) -> Given | Refusal:
    """Return what the grant in a complete `form` gives."""
    now, lifetime = provider.clock(), provider.lifetime
    if form["grant_type"] == "authorization_code":
        return codes.redeem(connection, form["code"], form["redirect_uri"], form["code_verifier"], now, lifetime)
    if form["grant_type"] == "refresh_token":
        wanted = set(form.get("scope", "").split())
        return sessions.refresh(connection, form["refresh_token"], wanted, now, lifetime)
    return devices.ask(connection, form["device_code"], now, lifetime)


def _narrowed(login: Login, form: Mapping[str, str]) -> Login:
    """Return `login` with the scopes that a refresh asks for, all of its own if it asks for none."""
    wanted = form.get("scope", "").split() if form["grant_type"] == "refresh_token" else []
    return Login(login.given, login.group, tuple(wanted) or login.scopes)


async def _revoke(provider: Provider, request: Request) -> Response:
    """End the login of a refresh token or an access token (RFC 7009); one that is not known needs no end."""
    try:
        form = await bodies.form_or_object(request)
    except bodies.MalformedError as error:
        return _refused(Refusal("invalid_request", str(error), error.status))
    refusal = clients.check(provider.key, form, request.headers.get("authorization"))
    if refusal:
        return _refused(refusal)
    token = form.get("token")
    if not token:
        return _refused(Refusal("invalid_request", "The parameter token is missing."))
    sid = provider.issuer.session_of(token)
    if sid == "":
        told = "This token belongs to no login and can't be revoked; it ends by itself."
        return _refused(Refusal("unsupported_token_type", told))

    def end(connection: Connection) -> None:
        found = sid or sessions.of_refresh_token(connection, token)
        if found:
            sessions.revoke(connection, found)

    await provider.writer.run(end)
    return JSONResponse({}, headers=_NO_STORE)


async def _device_code(provider: Provider, request: Request) -> Response:
    try:
        form = await bodies.form(request)
    except bodies.MalformedError as error:
        return _refused(Refusal("invalid_request", str(error), error.status))
    refusal = clients.check(provider.key, form, request.headers.get("authorization"))
    if refusal:
        return _refused(refusal)
    scopes = clients.granted(form.get("scope"))
    device_code, user_code = await provider.writer.run(
        lambda connection: devices.start(connection, scopes, provider.clock())
    )
    page = f"{provider.issuer.url}/device"
    answer = {
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri": page,
        "verification_uri_complete": clients.with_query(page, {"user_code": user_code}),
        "expires_in": devices.LIFETIME,
        "interval": devices.INTERVAL,
    }
    return JSONResponse(answer, headers=_NO_STORE)


def _refused(refusal: Refusal) -> Response:
    headers = _NO_STORE | ({"WWW-Authenticate": 'Basic realm="hca"'} if refusal.status == 401 else {})
    answer = {"error": refusal.error, "error_description": refusal.description}
    return JSONResponse(answer, refusal.status, headers)
