"""What an application asks of a person through the browser: the query of `/oauth/authorize`, checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from hca_local.identity import bodies, clients
from hca_local.identity.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH = "/oauth/authorize"
# The base64url of a SHA-256 (RFC 7636 §4.2).
_CHALLENGE = re.compile(r"[A-Za-z0-9_\-]{43}")


class UntrustedError(Exception):
    """A request whose answer must not go where it says: the browser shows a page instead."""


class RefusedError(Exception):
    """A request that is answered at once with an error; `location` is where the browser takes it."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


@dataclass(frozen=True)
class AuthorizationRequest:
    """A request for a code, to be sent to `redirect_uri` with `state`.

    `challenge` is of PKCE; `prompts` what the person is to be asked again; `hint` the e-mail address to begin with;
    `here` the path and query of its page without the prompts, for the time after the password.
    """

    redirect_uri: str
    state: str | None
    scopes: tuple[str, ...]
    nonce: str
    challenge: str
    prompts: frozenset[str]
    hint: str
    here: str

    def answered(self, **parameters: str) -> str:
        """Return where the browser takes the answer `parameters`."""
        return clients.with_query(self.redirect_uri, parameters | _state(self.state))


def read(query: str, own: str) -> AuthorizationRequest:
    """Return the request in `query`, of a deployment at `own`. Raises UntrustedError, RefusedError.

    Nothing is sent anywhere before it is known that the application is ours and the address is allowed.
    """
    try:
        given = bodies.fields(query)
    except bodies.MalformedError as error:
        raise UntrustedError(str(error)) from error
    if given.get("client_id") != clients.CLIENT_ID:
        raise UntrustedError(f"The link comes from an unknown program: the client_id must be {clients.CLIENT_ID}.")
    redirect_uri = given.get("redirect_uri", "")
    if not clients.is_redirect_allowed(redirect_uri, own):
        raise UntrustedError("The link asks to send the answer to a place that is not a program on this computer.")
    refusal = _refusal(given)
    if refusal:
        answer = {"error": refusal.error, "error_description": refusal.description}
        raise RefusedError(clients.with_query(redirect_uri, answer | _state(given.get("state"))))
    without_prompts = {name: value for name, value in given.items() if name != "prompt"}
    return AuthorizationRequest(
        redirect_uri=redirect_uri,
        state=given.get("state"),
        scopes=clients.granted(given.get("scope")),
        nonce=given.get("nonce", ""),
        challenge=given["code_challenge"],
        prompts=frozenset(given.get("prompt", "").split()),
        hint=given.get("login_hint", ""),
        here=f"{PATH}?{urlencode(without_prompts)}",
    )


def _refusal(given: Mapping[str, str]) -> Refusal | None:
    """Return what is wrong with a request whose answer may be sent to its redirect_uri, None if nothing is."""
    # The published description of the service misspells the first name; clients that follow it send that one.
    wanted = given.get("response_type", given.get("respone_type", "code"))
    if wanted != "code":
        return Refusal("unsupported_response_type", "The response_type must be code.")
    if given.get("response_mode", "query") != "query":
        return Refusal("invalid_request", "The response_mode must be query.")
    for name in ("request", "request_uri"):
        if name in given:
            return Refusal(f"{name}_not_supported", f"The parameter {name} is not supported.")
    if "code_challenge" not in given:
        return Refusal("invalid_request", "A code_challenge (PKCE) is required.")
    if given.get("code_challenge_method") != "S256":
        return Refusal("invalid_request", "The code_challenge_method must be S256.")
    if not _CHALLENGE.fullmatch(given["code_challenge"]):
        return Refusal("invalid_request", "The code_challenge is not the base64url of a SHA-256.")
    if "none" in given.get("prompt", "").split():
        return Refusal("login_required", "A person has to log in and to consent.")
    return None


def _state(state: str | None) -> dict[str, str]:
    return {} if state is None else {"state": state}
