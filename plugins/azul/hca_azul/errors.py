"""What went wrong with Azul, in its own words: its errors are JSON of another shape, or a firewall's pages."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from hca_core.errors import HCAError, LoginError, NetworkError, NotFoundError, one_line

if TYPE_CHECKING:
    from hca_core.errors import ServiceError

_NO_CATALOG = re.compile(r"Catalog name ('[^']*') does not exist")


class AzulError(HCAError):
    """Something went wrong with Azul."""


class AzulApiError(AzulError):
    """The service answered with an error; `status` is its HTTP status, `reason` what it said."""

    def __init__(self, message: str, status: int, reason: str, hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.status = status
        self.reason = reason


class AzulNotFoundError(AzulApiError, NotFoundError):
    """There is no such catalog, entity or file, or it is not shown to this user."""


class AzulRefusedError(AzulApiError, LoginError):
    """The service refused the token, or the user may not see the source."""


class AzulUnavailableError(AzulApiError, NetworkError):
    """The service can't answer now, or not to so many requests."""


def _document(details: object) -> dict[str, Any]:
    """Return what the body of an error says; gateways don't always call their JSON so."""
    if isinstance(details, str):
        try:
            details = json.loads(details)
        except (ValueError, RecursionError):
            return {}
    return details if isinstance(details, dict) else {}


def told(error: ServiceError, *, authenticated: bool = False) -> AzulApiError:
    """Return what the service meant by an error (contract §1).

    `authenticated` tells whether a token was sent.
    """
    code = error.code
    asked = error.message.rpartition("(HTTP ")[2].rstrip(")").partition(", ")[2]
    document = _document(error.details)
    reason = one_line(str(document.get("Message") or document.get("message") or "")) or error.reason
    if code == 401:
        # Its message repeats the token that it was sent.
        hint = error.hint if authenticated else "hca azul login"
        return AzulRefusedError(f"Azul refused the token (HTTP 401, {asked})", code, "unauthorized", hint)
    message = f"{reason} (HTTP {code}, {asked})"
    if code == 403 and "Code" in document:
        return AzulRefusedError(message, code, reason, "ask those who own the data, then hca azul login")
    if code == 403:
        # A path that does not exist, or the firewall: no login would change anything (contract §0.11).
        hint = "its firewall may block this address or program, or the URL is not Azul's (--service-url, HCA_AZUL_URL)"
        return AzulApiError(f"the gateway of the service refused this ({message})", code, reason, hint)
    if code == 404 and (unknown := _NO_CATALOG.match(reason)):
        # The rest of it names catalogs that are for the service's own tests, too.
        return AzulNotFoundError(f"there is no catalog {unknown[1]}", code, reason, "hca azul get-catalogs lists them")
    if code == 404 and "Code" not in document:
        # Azul's own have one; it answers unknown paths with 403 (contract §0.11).
        hint = "check the URL (--service-url, HCA_AZUL_URL)"
        return AzulNotFoundError(f"this is not how Azul answers ({message})", code, reason, hint)
    if code == 404:
        hidden = None if authenticated else "managed data is not shown to who is not logged in: hca azul login"
        return AzulNotFoundError(message, code, reason, hidden)
    if code == 410:
        return AzulNotFoundError(message, code, reason, "make a new manifest")
    if code == 429:
        hint = "wait for some minutes: the service counts requests of your address"
        return AzulUnavailableError(f"too many requests ({message})", code, reason, hint)
    if code == 503:
        return AzulUnavailableError(f"the service is not available ({message})", code, reason, "try again later")
    if code >= 500:
        return AzulUnavailableError(f"the service failed ({message})", code, reason, "check the filters, try later")
    return AzulApiError(message, code, reason, "hca azul get-fields tells what can be asked for")
