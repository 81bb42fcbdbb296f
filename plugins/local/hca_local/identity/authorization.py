"""`/oauth/authorize` and `/internal/cb`: from an application's request to the code that it gets."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from html import escape
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from starlette.responses import JSONResponse, RedirectResponse, Response

from hca_local.identity import (
    authorization_request,
    bodies,
    clients,
    codes,
    grants,
    interaction,
    secret_values,
    templates,
)
from hca_local.identity.endpoint import Endpoint
from hca_local.identity.refusal import Refusal

if TYPE_CHECKING:
    from sqlite3 import Connection

    from starlette.requests import Request

    from hca_local.identity.authorization_request import AuthorizationRequest
    from hca_local.identity.browsers import Person
    from hca_local.identity.provider import Provider

_BACK = "Your answer is sent to the program that waits at <code>{}</code>."
_CODE_SHOWN = "After that you see a code, which you copy to the program that asks for it."
_OWN_SCOPES = "openid email profile"
# Headers of a browser that are nobody's business but this server's.
PRIVATE_HEADERS = frozenset({"authorization", "cookie"})


def endpoints(provider: Provider) -> dict[str, Endpoint]:
    """Return the endpoints by path."""

    async def authorize(request: Request) -> Response:
        return await _authorize(provider, request)

    async def callback(request: Request) -> Response:
        return await _callback(provider, request)

    return {
        authorization_request.PATH: Endpoint(authorize, "GET", "POST"),
        clients.CALLBACK: Endpoint(callback, "GET"),
    }


async def _authorize(provider: Provider, request: Request) -> Response:
    try:
        query = request.url.query
        if "client_id" not in request.query_params:
            return _for_the_service_itself(provider, query)
        wanted = authorization_request.read(query, provider.issuer.url)
        if wanted.redirect_uri == provider.issuer.url + clients.CALLBACK:
            # Whoever has changed the link gets no more than the service asks for in its own name.
            wanted = replace(wanted, scopes=clients.granted(_OWN_SCOPES))
    except authorization_request.RefusedError as error:
        return RedirectResponse(error.location, HTTPStatus.FOUND, {"Cache-Control": "no-store"})
    except authorization_request.UntrustedError as error:
        page = templates.failure(
            "This link can't be used",
            provider.host,
            str(error),
            "Nothing was sent to anybody. Start the login again in the program that you want to use, for example with "
            "hca auth login, and open the link that it shows.",
        )
        return templates.response(page, HTTPStatus.BAD_REQUEST)

    async def decided(person: Person | None) -> Response:
        return await _answer(provider, wanted, person)

    return await interaction.ask(provider, request, _question(provider, wanted), decided)


def _question(provider: Provider, wanted: AuthorizationRequest) -> interaction.Question:
    parts = urlsplit(_goal(provider, wanted))
    # A policy can't name an IPv6 address.
    origin = "http:" if "[" in parts.netloc else f"http://{parts.netloc}"
    is_echo = parts.path == clients.ECHO
    return interaction.Question(
        here=wanted.here,
        scopes=wanted.scopes,
        returns_to=_CODE_SHOWN if is_echo else _BACK.format(escape(parts.netloc)),
        origin=origin,
        hint=wanted.hint,
        is_fresh=bool(wanted.prompts & {"login", "select_account"}),
    )


def _goal(provider: Provider, wanted: AuthorizationRequest) -> str:
    """Return where an answer goes in the end: the service's own page passes it on to whom its state names."""
    own = provider.issuer.url
    if wanted.redirect_uri == own + clients.CALLBACK:
        goal = _asked(wanted.state).get("redirect_uri", "")
        if clients.is_redirect_allowed(goal, own):
            return goal
    return wanted.redirect_uri


async def _answer(provider: Provider, wanted: AuthorizationRequest, person: Person | None) -> Response:
    """Return the redirect that takes a new code, or the refusal, to the application."""
    if person is None:
        location = wanted.answered(error="access_denied", error_description="The person has refused.")
    else:
        consent = codes.Consent(
            person.email, person.since, wanted.scopes, wanted.nonce, wanted.redirect_uri, wanted.challenge
        )
        code = await provider.writer.run(lambda connection: codes.issue(connection, consent, provider.clock()))
        location = wanted.answered(code=code)
    return RedirectResponse(location, HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store"})


def _for_the_service_itself(provider: Provider, query: str) -> Response:
    """Return the redirect of a request without an application: the service asks in its own name (contract §3).

    What only the application knows (PKCE) is made out of the state with the deployment's key, so that nothing needs
    to be kept, and a state that somebody else has made opens nothing.
    """
    try:
        given = bodies.fields(query)
    except bodies.MalformedError as error:
        raise authorization_request.UntrustedError(str(error)) from error
    own = provider.issuer.url
    if "redirect_uri" in given and not clients.is_redirect_allowed(given["redirect_uri"], own):
        raise authorization_request.UntrustedError(
            "The link asks to send the answer to a place that is not a program on this computer."
        )
    state = secret_values.encoded(json.dumps(given).encode())
    asked = {
        "client_id": clients.CLIENT_ID,
        "response_type": "code",
        "scope": _OWN_SCOPES,
        "redirect_uri": own + clients.CALLBACK,
        "state": state,
        "prompt": "none" if given.get("prompt") == "none" else "login",
        "code_challenge": secret_values.encoded(hashlib.sha256(_verifier(provider, state).encode()).digest()),
        "code_challenge_method": "S256",
    }
    return RedirectResponse(f"{authorization_request.PATH}?{urlencode(asked)}", HTTPStatus.FOUND)


async def _callback(provider: Provider, request: Request) -> Response:
    """Redeem the code of a request that the service made in its own name, and hand the tokens to who asked."""
    import jwt

    no_store = {"Cache-Control": "no-store"}
    try:
        given = bodies.fields(request.url.query)
    except bodies.MalformedError as error:
        return JSONResponse({"error": "invalid_request", "error_description": str(error)}, 400, no_store)
    if "error" in given:
        return JSONResponse({"query": given}, headers=no_store)
    state, own = given.get("state", ""), provider.issuer.url

    def redeem(connection: Connection) -> grants.Login | Refusal:
        found = codes.redeem(
            connection,
            given.get("code", ""),
            own + clients.CALLBACK,
            _verifier(provider, state),
            provider.clock(),
            provider.lifetime,
        )
        return grants.checked(provider, connection, found)

    login = await provider.writer.run(redeem)
    if isinstance(login, Refusal):
        return JSONResponse({"error": login.error, "error_description": login.description}, 401, no_store)
    asked = _asked(state)  # it was made here: the code was bound to it
    tokens = grants.tokens(provider, login)
    told = jwt.decode(tokens["id_token"], options={"verify_signature": False})  # it was made in the line before
    if "redirect_uri" not in asked:
        answer = {
            "headers": {name: value for name, value in request.headers.items() if name not in PRIVATE_HEADERS},
            "query": given,
            "token_endpoint": f"{own}{grants.TOKEN}",
            "res": tokens,
            "tok": told,
        }
        return JSONResponse(answer, headers=no_store)
    sent = {name: str(value) for name, value in tokens.items()} | {"decoded_token": json.dumps(told)}
    if "state" in asked:
        sent["state"] = asked["state"]
    return RedirectResponse(clients.with_query(asked["redirect_uri"], sent), HTTPStatus.FOUND, no_store)


def _asked(state: str | None) -> dict[str, str]:
    """Return what a request in the service's own name was made for; empty for a state that was not made here."""
    try:
        found = json.loads(secret_values.decoded(state or ""))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and all(isinstance(one, str) for one in found.values()) else {}


def _verifier(provider: Provider, state: str) -> str:
    return secret_values.derived(provider.key, "verifier", state)
