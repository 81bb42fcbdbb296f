"""What the service says of itself: its version and its health (contract §1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_azul.errors import AzulError, told
from hca_core.errors import NetworkError, ServiceError

if TYPE_CHECKING:
    from hca_azul.service import AzulService


def version(service: AzulService) -> dict[str, Any]:
    """Return which version the service runs: `git` and the last `changes`. Raises AzulApiError, NetworkError."""
    document: dict[str, Any] = service.json("GET", "version", keys=("git",))
    return document


def commit(service: AzulService) -> str:
    """Return the commit that the service runs, "" if it does not tell. Raises AzulApiError, NetworkError."""
    git = version(service)["git"]
    found = git.get("commit") if isinstance(git, dict) else None
    return found if isinstance(found, str) else ""


def health(service: AzulService) -> dict[str, Any]:
    """Return how the service is; `up` tells whether all of it is well. Raises AzulApiError, NetworkError.

    A service that is not well says so with status 503, which is an answer, and is asked for once.
    """
    url = service.url_of("health", "fast")
    try:
        found = service.session.request("GET", url, tries=1).json()
    except ServiceError as error:
        if error.code != 503 or not isinstance(error.details, dict) or "up" not in error.details:
            raise told(error) from error
        found = error.details
    except ValueError:
        found = None
    if not isinstance(found, dict) or "up" not in found:
        raise AzulError(f"{service.url} does not answer as Azul does", hint="check the URL (--service-url)")
    return found


def raise_if_down(found: dict[str, Any]) -> None:
    """Raise NetworkError if the service says that it is not well."""
    if found["up"] is not True:
        down = [name for name, part in found.items() if isinstance(part, dict) and part.get("up") is False]
        parts = f": {', '.join(sorted(down))}" if down else ""
        raise NetworkError(f"the service says that it is not well{parts}", hint="try again later")
