"""What login and whoami ask of the service: whether it takes a token, and what that opens (contract §10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_azul.errors import AzulRefusedError
from hca_azul.resolve import repositories
from hca_core.credentials import entries
from hca_core.errors import LoginError

if TYPE_CHECKING:
    from hca_azul.service import AzulService
    from hca_core.credentials import Need


def need(service: AzulService, *, repository: bool = False) -> Need:
    """Return what a login is kept for: the service, or the `repository` behind it."""
    return repositories.need(service) if repository else service.need


def ask(service: AzulService) -> int:
    """Return how many sources the service shows to its caller. Raises AzulRefusedError if it does not take the token.

    The list of sources is asked for because all else may be answered without a look at the token.
    """
    return len(sources(service))


def sources(service: AzulService, catalog: str | None = None) -> list[dict[str, Any]]:
    """Return the sources that the caller may read now (contract §10). Raises AzulApiError."""
    params = {"catalog": catalog or service.catalog}
    found = service.json("GET", "repository", "sources", params=params, keys=("sources",))["sources"]
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def identity(service: AzulService) -> dict[str, Any]:
    """Return who the user is to the service. Raises LoginError if nobody is logged in there."""
    found = service.bearer.credential()
    if found is None:
        raise LoginError(f"nobody is logged in at {service.url}", hint="hca azul login, or set HCA_AZUL_TOKEN")
    told: dict[str, Any] = {
        "service": service.url,
        "host": entries.host_of(service.url),
        "account": found.account,
        "source": found.source,
        "profile": service.need.profile,
        "catalog": "",
        "sources": 0,
        "accepted": True,
    }
    try:
        told |= {"sources": ask(service), "catalog": service.catalog}
    except AzulRefusedError:
        told["accepted"] = False
    return told
