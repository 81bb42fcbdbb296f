"""One login on its way: what is asked in the browser, and whether what comes back is the answer to it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from hca_core.errors import LoginError
from hca_core.oauth import documents, grants, id_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hca_core import http
    from hca_core.oauth.grants import Tokens
    from hca_core.oauth.provider import Provider

_AGAIN = "start the login again"


@dataclass(frozen=True)
class Attempt:
    """What binds the answer of one login to it: `state` the redirect, `nonce` the id_token, `verifier` the code."""

    state: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)

    def url(self, provider: Provider, redirect_uri: str) -> str:
        """Return where the person is to go (RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core §3.1.2.1)."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": provider.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(provider.scopes),
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        if provider.audience:
            query["audience"] = provider.audience
        joint = "&" if urlsplit(provider.authorization_endpoint).query else "?"
        return provider.authorization_endpoint.rstrip("?&") + joint + urlencode(query)

    def code(self, provider: Provider, answer: Mapping[str, str]) -> str:
        """Return the code in the fields that the browser brought back. Raises LoginError."""
        # Before all else: what another page makes the browser send must not even end this login with its own words.
        if not hmac.compare_digest(answer.get("state", "").encode(errors="replace"), self.state.encode()):
            raise LoginError("the answer belongs to another login than this one; nothing was stored", hint=_AGAIN)
        # RFC 9207: the answer of one provider must not be taken for that of another.
        if provider.issuer and answer.get("iss", provider.issuer) != provider.issuer:
            raise LoginError("the answer comes from another login service; nothing was stored", hint=_AGAIN)
        if answer.get("error"):
            raise refused(answer["error"], answer.get("error_description", ""))
        if not answer.get("code"):
            raise LoginError("the login service answered without a code", hint=_AGAIN)
        return answer["code"]

    def tokens(self, provider: Provider, session: http.Session, code: str, redirect_uri: str) -> Tokens:
        """Return the tokens for a code, its id_token looked at. Raises LoginError, NetworkError."""
        tokens = grants.exchanged(provider, session, code=code, redirect_uri=redirect_uri, verifier=self.verifier)
        if tokens.id_token:
            id_tokens.check(tokens.id_token, provider, nonce=self.nonce)
        return tokens


def refused(code: str, description: str) -> LoginError:
    """Return the error for what a provider answered instead of a code or tokens."""
    if code == "access_denied":
        told = f" ({documents.said(description)})" if description else ""
        return LoginError(f"the login was refused in the browser{told}", hint=_AGAIN)
    if code == "expired_token":
        return LoginError("nobody finished the login in the time that the login service gives for it", hint=_AGAIN)
    return grants.GrantRefusedError(code, description, hint=_AGAIN)
