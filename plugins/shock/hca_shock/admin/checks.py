"""What `hca doctor` tells of the configured Shock server; `hca shock doctor` looks closer, and tries the login."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_core.doctor import Check, reach
from hca_core.errors import ConfigError
from hca_shock import config as configuration
from hca_shock.client import ShockClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_core.config import HCAConfig
    from hca_shock.server import Server


def checks(config: HCAConfig, timeout: float | None) -> Iterator[Check]:
    """Yield the checks of the server that commands are for; without a `timeout` no request is sent. Raises HCAError."""
    try:
        profile = configuration.profile(config)
    except ConfigError as error:
        yield Check("server", "skipped", error.message, error.hint or "")
        return
    yield Check("server", "ok", f"{profile.url}{f' ({profile.name})' if profile.name else ''}")
    if timeout is None:
        return
    with ShockClient(config=config) as shock:
        shock.server.session.check(profile.url)
        yield from reach(shock.server.session, profile.url, timeout=timeout)
        yield _login(shock.server)


def _login(server: Server) -> Check:
    credential = server.credential
    if credential is None:
        return Check("login", "ok", "nobody is logged in: you see what is public", "hca shock login, if need be")
    who = f" of {credential.account}" if credential.account else ""
    return Check("login", "ok", f"the token{who} comes from {credential.source}", "hca shock doctor tries it")
