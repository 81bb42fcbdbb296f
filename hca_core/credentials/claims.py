"""What a token says of itself. Nothing is verified here: that is for the service it goes to."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any, TypeGuard

# What a header can carry (RFC 6750 allows less, but some services hand out more).
_TOKEN = re.compile(r"[!-~]+")


_LATEST = 253402300800  # the end of the year 9999: what is later is no date


def is_sendable(token: str) -> bool:
    """Tell whether `token` can be sent in a header."""
    return bool(_TOKEN.fullmatch(token))


def of_token(token: str) -> dict[str, Any]:
    """Return the claims of a JSON Web Token (RFC 7519); empty for any other token."""
    try:
        payload = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, RecursionError, binascii.Error):
        return {}
    return found if isinstance(found, dict) else {}


def expiry(token: str) -> float | None:
    """Return when a token ends by its own account, in seconds since 1970 (RFC 7519 §4.1.4); None if it does not say."""
    found = of_token(token).get("exp")
    return float(found) if is_moment(found) else None


def is_moment(value: object) -> TypeGuard[float]:
    """Tell whether `value` is a moment that there is a date for, in seconds since 1970."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _LATEST


def account(token: str) -> str:
    """Return whose a token is by its own account: its e-mail address (under whatever namespace), else its subject."""
    claims = of_token(token)
    names = [name for name in claims if name == "email" or name.endswith("/email")]
    return next((str(claims[name]) for name in [*names, "sub"] if isinstance(claims.get(name), str)), "")
