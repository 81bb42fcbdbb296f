"""The one application that may ask for logins, how it proves to be that, and where answers to it may go."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus, urlencode, urlsplit

from hca_local.identity import secret_values
from hca_local.identity.issuer import SCOPES
from hca_local.identity.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

CLIENT_ID = "hca-cli"
ECHO = "/echo"
CALLBACK = "/internal/cb"
_BASIC_SCOPES = ("openid", "email")
# Written out instead of taken apart: what a browser reads in a strange URL is not always what urlsplit reads in it.
_LOOPBACK = re.compile(
    r"http://(?:127\.0\.0\.1|localhost|\[::1\])(?::([0-9]{1,5}))?(?:[/?][\w\-.~!$&'()*+,;=:@%/?]*)?", re.A
)


def secret(key: bytes) -> str:
    """Return the application's secret. It is published (RFC 8252 §8.5), so it proves nothing; old clients send it."""
    return secret_values.derived(key, "client secret")


def check(key: bytes, form: Mapping[str, str], authorization: str | None) -> Refusal | None:
    """Return why a request with `form` and the header `authorization` is not the application's, None if it is."""
    given, given_secret = form.get("client_id", ""), form.get("client_secret", "")
    if authorization is not None:
        basic = _basic(authorization)
        if basic is None:
            return _unknown("The header Authorization is not readable as Basic.")
        if given and given != basic[0]:
            return Refusal("invalid_request", "The body and the header Authorization name different applications.")
        given, given_secret = basic
    if given != CLIENT_ID:
        return _unknown(f"The client_id must be {CLIENT_ID}.")
    if given_secret and not secret_values.are_equal(given_secret, secret(key)):
        return _unknown("The client_secret is wrong; read /internal/application_secrets again.")
    return None


def granted(asked: str | None) -> tuple[str, ...]:
    """Return the scopes that a request for `asked` gets: those that are known here, in the order that they came in."""
    if not asked or not asked.strip():
        return _BASIC_SCOPES
    return tuple(dict.fromkeys(scope for scope in asked.split() if scope in SCOPES)) or _BASIC_SCOPES


def is_redirect_allowed(uri: str, own: str) -> bool:
    """Tell whether answers may go to `uri`: a program on this machine, or two pages of the deployment at `own`."""
    if uri in (own + ECHO, own + CALLBACK):
        return True
    match = _LOOPBACK.fullmatch(uri)
    if match is None:
        return False
    port = int(match[1] or 80)
    return port <= 65535 and port != (urlsplit(own).port or 80)


def with_query(uri: str, parameters: Mapping[str, str]) -> str:
    """Return `uri` with `parameters` added to its query."""
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(parameters)}"


def _basic(header: str) -> tuple[str, str] | None:
    words = header.split()
    if len(words) != 2 or words[0].lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(words[1], validate=True).decode().partition(":")
    except ValueError:
        return None
    return (unquote_plus(name), unquote_plus(password)) if colon else None


def _unknown(description: str) -> Refusal:
    return Refusal("invalid_client", description, 401)
