"""Who the user is to services, and why: for `whoami`, and for a page on the state of all logins."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hca_core import log
from hca_core.credentials import chain, claims, entries
from hca_core.durations import from_now
from hca_core.errors import HCAError, LoginError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_core.config import HCAConfig
    from hca_core.credentials.values import Credential
    from hca_core.service import ServiceClient


USED, BROKEN = "used", "broken"


def identity(client: ServiceClient) -> dict[str, Any]:
    """Return who the user is to the service of `client`. Raises LoginError without a token, HCAError."""
    found = client.bearer.credential()
    if found is None:
        client.bearer()  # tells it
        raise LoginError("this needs a login")
    return {"service": client.service, "host": entries.host_of(client.swagger_url), **_described(client, found)}


def clients(config: HCAConfig) -> Iterator[ServiceClient]:
    """Yield a client of every installed service that takes tokens; a plugin that can't be used is told on the log."""
    from hca_core import discover, plugins
    from hca_core.service import ServiceClient

    for service in discover.installed(discover.PLUGINS):
        try:
            kind = plugins.client_class(service) if plugins.has_client(service) else None
            # Others may need more than a configuration to be made, and take no tokens of a login.
            made = kind(config=config) if isinstance(kind, type) and issubclass(kind, ServiceClient) else None
        except HCAError as error:
            log.logger().warning("%s; it is left out", error.message)
            continue
        if made is not None:
            yield made


def overview(client: ServiceClient) -> dict[str, Any]:
    """Return one row on the service of `client`: which token it would get. A login that has run out is renewed."""
    rows = sources(client)
    row = next((row for row in rows if row["state"] in (USED, BROKEN)), None)
    return row or {**rows[0], "state": "not logged in", "source": ""}


def sources(client: ServiceClient) -> list[dict[str, Any]]:
    """Return one row for each place where a token for the service of `client` may be, in the order they are asked.

    `state` is USED, "not needed" for those after it, "nothing there", or BROKEN, where the chain ends too.
    """
    rows: list[dict[str, Any]] = []
    for source in chain.sources(client.need):
        row = {"service": client.service, "host": entries.host_of(client.swagger_url), "state": "not needed"}
        row |= {"source": source.name, "account": "", "expires": "", "remark": ""}
        if not any(one["state"] in (USED, BROKEN) for one in rows):
            row |= _asked(client, source)
        rows.append(row)
    return rows


def _asked(client: ServiceClient, source: chain.Source) -> dict[str, Any]:
    """Return what there is to tell of one source that is asked."""
    try:
        found = source.ask(client.need)
    except HCAError as error:
        return {"state": BROKEN, "remark": error.message}
    if found is None:
        return {"state": "nothing there"}
    told = _described(client, found)
    return {"state": USED, **{name: told[name] for name in ("source", "account", "expires")}}


def _described(client: ServiceClient, found: Credential) -> dict[str, Any]:
    ends = found.expires_at
    return {
        "account": found.account or claims.account(found.token),
        "source": found.source,
        "profile": client.need.profile,
        "expires": "" if ends is None else from_now(ends, time.time()),
        "expires_at": None if ends is None else _iso(ends),
    }


def _iso(moment: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
