"""From the UUID of a file to a signed URL, by the service's fetch route (contract §8)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hca_azul.errors import AzulError, AzulUnavailableError
from hca_azul.resolve.signed import Signed
from hca_azul.resolve.signed import signed as made
from hca_core import answers
from hca_core.http import MOST_HOPS

if TYPE_CHECKING:
    from hca_azul.service import AzulService

_ON_ITS_WAY, _READY = 301, 302
_LONGEST_WAIT = 3600.0  # seconds


def signed(service: AzulService, address: str, *, anew: bool = False) -> Signed:
    """Return a signed URL of a file; one that is known already while it is good, unless `anew`.

    `address` is where the service has it: `/repository/files/UUID`, with all that was told behind it. Raises
    AzulNotFoundError, AzulRefusedError, AzulUnavailableError if it is not ready in time, HCAError.
    """
    return service.remembered.get(address, lambda: _asked(service, address), anew=anew)


def _asked(service: AzulService, address: str) -> Signed:
    """Go round until the service has the file ready: it says where to ask next, and when (contract §8)."""
    url = _fetched_at(service, address)
    begun, hops = time.monotonic(), 0
    while True:
        document = answers.decode_json(service.send("GET", url))
        status, location = (document.get("Status"), document.get("Location")) if isinstance(document, dict) else (0, "")
        if not isinstance(location, str) or not location or status not in (_ON_ITS_WAY, _READY):
            raise AzulError(f"{service.url} does not tell where the file is", hint="hca azul get-health")
        if status == _READY:
            service.storage.check(location)
            return made(location)
        location = _fetched_at(service, location)
        wait = _wait(document)
        # The same rule as of HTTP's redirects: who asks for no wait goes in a circle.
        hops = 0 if wait else hops + 1
        if hops > MOST_HOPS or time.monotonic() - begun + wait > service.policy.patience:
            raise AzulUnavailableError("the file does not get ready", 503, "not ready", "try again later")
        service.session.wait(wait)
        url = location


def _fetched_at(service: AzulService, address: str) -> str:
    """Return where an address is told instead of led to: the bytes themselves would be too long an answer.

    Raises AzulError for an address that is not one of the service's files.
    """
    service.check_own(address)
    parts = urlsplit(address)
    path = parts.path.removeprefix("/fetch")
    if not path.startswith("/repository/files/"):
        raise AzulError(f"{path} is no file at {service.url}", hint="nothing was sent there")
    return parts._replace(path=f"/fetch{path}").geturl()


def _wait(document: dict[str, Any]) -> float:
    """Return the seconds that an answer asks to wait."""
    told = document.get("Retry-After")
    return min(float(told), _LONGEST_WAIT) if isinstance(told, (int, float)) and told >= 0 else 0.0
