"""What `hca doctor` tells of the configured Azul: where it is, whether it answers, whether somebody is logged in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_azul.client import AzulClient
from hca_core.doctor import Check, reach
from hca_core.errors import HCAError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_azul.service import AzulService
    from hca_core.config import HCAConfig


def checks(config: HCAConfig, timeout: float | None) -> Iterator[Check]:
    """Yield the checks of the configured service; without a `timeout` no request is sent. Raises HCAError."""
    with AzulClient(config=config) as azul:
        yield Check("service", "ok", azul.url)
        yield _login(azul.service)
        if timeout is None:
            return
        azul.service.session.check(azul.url)
        yield from reach(azul.service.session, f"{azul.url}/version", timeout=timeout)
        yield _catalog(azul)


def _catalog(azul: AzulClient) -> Check:
    """Return whether the catalog that commands ask is there: old ones go without notice (contract §0.16)."""
    service = azul.service
    try:
        name, there = service.catalog, service.catalogs["catalogs"]
    except HCAError as error:
        return Check("catalog", "problem", error.message, error.hint or "")
    if name in there:
        return Check("catalog", "ok", name)
    return Check("catalog", "problem", f"the service has no catalog {name!r}", "hca azul get-catalogs")


def _login(service: AzulService) -> Check:
    credential = service.bearer.credential()
    if credential is None:
        return Check("login", "ok", "nobody is logged in: you see what is public", "hca azul login, if need be")
    who = f" of {credential.account}" if credential.account else ""
    return Check("login", "ok", f"the token{who} comes from {credential.source}", "hca azul whoami tries it")
