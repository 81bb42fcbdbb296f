"""What is asked of a provider's endpoints: tokens for a code or a refresh token, an end of them, who somebody is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hca_core import log
from hca_core.credentials import claims
from hca_core.errors import ExitStatus, HCAError, LoginError, NetworkError, ServiceError
from hca_core.oauth import documents
from hca_core.oauth.provider import root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import Response

    from hca_core import http
    from hca_core.oauth.provider import Provider

_LOG_IN = "log in again"
# Fields of requests whose values let their reader in.
_SECRET_FIELDS = ("code", "code_verifier", "refresh_token", "device_code", "client_secret", "token")


@dataclass(frozen=True)
class Tokens:
    """What a login gave.

    `refresh_token` and `id_token` are empty if there is none, `expires_in` is the seconds that the access token has
    left (None if that was not told), `scope` what it is good for, words with blanks between them (empty if that was
    not told: then what was asked for, RFC 6749 §5.1).
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    id_token: str = field(repr=False)
    expires_in: float | None
    scope: str


class GrantRefusedError(LoginError):
    """The provider gives no tokens; `code` is its reason, a word of RFC 6749 §5.2 such as `invalid_grant`."""

    def __init__(self, code: str, description: str = "", hint: str | None = _LOG_IN) -> None:
        self.code = code
        told = ": ".join(part for part in (documents.said(code), documents.said(description)) if part)
        super().__init__(f"the login service refused ({told})", hint)


def exchanged(provider: Provider, session: http.Session, *, code: str, redirect_uri: str, verifier: str) -> Tokens:
    """Return the tokens for a `code` (RFC 6749 §4.1.3) that was asked for with the challenge of `verifier` (RFC 7636).

    Raises GrantRefusedError, LoginError for an answer that makes no sense, NetworkError.
    """
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
    return granted(session, provider.token_endpoint, form | of_client(provider.client_id, provider.client_secret))


def refreshed(
    session: http.Session,
    *,
    token_endpoint: str,
    client_id: str,
    client_secret: str,
    refresh_token: str,
    scope: str = "",
) -> Tokens:
    """Return new tokens for a refresh token (RFC 6749 §6), with the old refresh token if no other one comes.

    Raises GrantRefusedError (`invalid_grant`: the refresh token is worth nothing any more), LoginError, NetworkError.
    """
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token} | ({"scope": scope} if scope else {})
    return granted(session, token_endpoint, form | of_client(client_id, client_secret), refresh_token=refresh_token)


def revoked(session: http.Session, *, revocation_endpoint: str, client_id: str, client_secret: str, token: str) -> None:
    """Let the provider end `token`. Raises LoginError if it does not want to, NetworkError.

    It is asked in JSON, as the auth service of the HCA takes it, and if it does not understand that, in the form of
    RFC 7009.
    """
    log.hide(token, client_secret)
    try:
        session.request("POST", revocation_endpoint, json={"client_id": client_id, "token": token})
    except ServiceError as error:
        if error.code not in (400, 415):
            raise _refusal(error, {"token": token}) from None
        posted(session, revocation_endpoint, {"token": token} | of_client(client_id, client_secret))


def of_client(client_id: str, client_secret: str) -> dict[str, str]:
    """Return the fields that tell which program asks (RFC 6749 §2.3.1); most programs of people have no secret."""
    return {"client_id": client_id} | ({"client_secret": client_secret} if client_secret else {})


def granted(
    session: http.Session, token_endpoint: str, form: Mapping[str, str], *, refresh_token: str = "", tries: int = 0
) -> Tokens:
    """Return the tokens that the token endpoint gives for `form` (RFC 6749 §5.1).

    `refresh_token` is the one to keep if none comes; `tries` bounds the requests (0: as the session has it).
    Raises GrantRefusedError, LoginError, NetworkError.
    """
    response = posted(session, token_endpoint, form, tries=tries)
    document = documents.decoded(response.content, token_endpoint)
    found = {name: documents.text(document, name, token_endpoint) for name in ("access_token", "id_token")}
    # Hidden before anything else is said: a word of this document may land in a message.
    found["refresh_token"] = documents.text(document, "refresh_token", token_endpoint) or refresh_token
    log.hide(*found.values())
    if "error" in document:  # some services refuse with status 200
        raise GrantRefusedError(
            documents.said(document["error"]), documents.said(document.get("error_description", ""))
        )
    if not claims.is_sendable(found["access_token"]):
        raise LoginError(f"{token_endpoint} answered without an access token that can be sent", hint=_LOG_IN)
    kind = documents.text(document, "token_type", token_endpoint)
    if kind and kind.lower() != "bearer":
        raise LoginError(f"{token_endpoint} answered with a token of the type {documents.said(kind)!r}, not Bearer")
    scope = documents.text(document, "scope", token_endpoint)
    return Tokens(**found, expires_in=documents.seconds(document, "expires_in"), scope=scope)


def posted(session: http.Session, url: str, form: Mapping[str, str], *, tries: int = 0) -> Response:
    """Send `form` to an endpoint and return its answer. Raises GrantRefusedError, LoginError, NetworkError."""
    log.hide(*(form.get(name, "") for name in _SECRET_FIELDS))
    try:
        return session.request("POST", url, form=form, headers={"Accept": "application/json"}, tries=tries or None)
    except ServiceError as error:
        # Without its cause: that holds the request, and the answer, which may tell it again.
        raise _refusal(error, form) from None


def _refusal(error: ServiceError, sent: Mapping[str, str]) -> HCAError:
    """Return what to tell of an error status; a service that is in trouble has refused nothing."""
    where = f"the login service at {root(error.response.url)}"
    if error.exit_status is ExitStatus.NETWORK:
        return NetworkError(f"{where} is in trouble (HTTP {error.code})", hint="try again later")
    problem = error.details if isinstance(error.details, dict) else {}
    if problem.get("error"):
        return _grant_refused(problem, sent)
    return LoginError(f"{where} refused (HTTP {error.code}: {_without(error.reason, sent)})", hint=_LOG_IN)


def _grant_refused(problem: Mapping[str, Any], sent: Mapping[str, str]) -> GrantRefusedError:
    return GrantRefusedError(str(problem["error"]), _without(str(problem.get("error_description") or ""), sent))


def _without(text: str, sent: Mapping[str, str]) -> str:
    """Return what a provider said without what was sent: some tell in their errors what they could not use."""
    for name in _SECRET_FIELDS:
        if sent.get(name):
            text = text.replace(sent[name], "***")
    return documents.said(text)
