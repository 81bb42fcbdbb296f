"""Whether an id_token is about the login that just took place (OpenID Connect Core §3.1.3.7)."""

from __future__ import annotations

import hmac
import time
from typing import TYPE_CHECKING, Any

from hca_core.credentials import claims
from hca_core.errors import LoginError

if TYPE_CHECKING:
    from hca_core.oauth.provider import Provider

LEEWAY_SECONDS = 60.0  # clocks differ
_HINT = "log in again; if it stays so, check this machine's clock and the oauth part of the configuration"


def check(id_token: str, provider: Provider, *, nonce: str | None) -> None:
    """Raise LoginError unless `id_token` was made by `provider`, for this program, for this login, and not long ago.

    `nonce` is what the login was started with, None for one that has none (RFC 8628). The signature is not looked at:
    the token came from the token endpoint itself, over a connection that proves who that is (TLS, or it did not leave
    this machine), and OpenID Connect Core §3.1.3.7 point 6 lets that stand for the signature.
    """
    if wrong := _wrong(id_token, provider, nonce):
        raise LoginError(f"the login service sent an id_token that {wrong}; nothing was stored", hint=_HINT)


def _wrong(id_token: str, provider: Provider, nonce: str | None) -> str:
    """Return what is wrong with an id_token in the words that follow "that", nothing if all is well."""
    try:
        found = claims.of_token(id_token) if id_token.count(".") == 2 else {}
    except RecursionError:
        found = {}
    if not found:
        return "can't be read"
    if provider.issuer and found.get("iss") != provider.issuer:
        return "another issuer made"
    if not _is_for(found, provider.client_id):
        return "is for another program"
    if not _is_number(found.get("exp")):
        return "does not say when it ends"
    if not found["exp"] > time.time() - LEEWAY_SECONDS:
        return "has expired"
    told = str(found.get("nonce", "")).encode(errors="replace")
    if nonce is not None and not hmac.compare_digest(told, nonce.encode()):
        return "belongs to another login"
    return ""


def _is_for(found: dict[str, Any], client_id: str) -> bool:
    audience = found.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    return client_id in audiences and found.get("azp", client_id) == client_id


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
