"""The described services: where each is looked for, who says so, and whether it answers there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hca_core import urls
from hca_core.doctor.reaching import reach
from hca_core.doctor.values import Check, Look
from hca_core.durations import from_now

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_core.doctor.situation import Situation
    from hca_core.service import ServiceClient

AREA = "services"


def looks(situation: Situation) -> list[Look]:
    """Return a look for each installed service that describes itself; plugins tell of the others by `hca_checks`."""
    from hca_core import discover

    found = []
    for service in discover.installed(discover.PLUGINS):
        if situation.wants(service):
            found += _looks(service, situation)
    return found


def client(service: str, situation: Situation) -> ServiceClient | None:
    """Return a client of a service that describes itself, None for all others. Raises HCAError."""
    from hca_core import plugins
    from hca_core.service import ServiceClient

    kind = plugins.client_class(service) if plugins.has_client(service) else None
    if not (isinstance(kind, type) and issubclass(kind, ServiceClient)):
        return None
    return kind(config=situation.config)


def malformed(url: str) -> str:
    """Return why `url` is none, empty if it is one."""
    try:
        urls.origin(url)
    except ValueError as error:
        return f"is no URL: {error}"
    return ""


def _looks(service: str, situation: Situation) -> list[Look]:
    from hca_core.errors import HCAError, PluginError

    try:
        made = client(service, situation)
    except PluginError:
        return []  # the plugins' own area tells
    except HCAError as error:
        return [Look(AREA, service, lambda error=error: _raise(error))]  # type: ignore[misc]
    return [] if made is None else [Look(AREA, service, lambda: _checks(made, situation))]


def _raise(error: Exception) -> Iterator[Check]:
    raise error


def _checks(made: ServiceClient, situation: Situation) -> Iterator[Check]:
    from hca_core.service import retired_hint

    name = made.service
    problem = malformed(made.swagger_url)
    if problem:
        yield Check(f"{name} address", "problem", f"{_address(made)} {problem}", "hca config list --show-origin")
        return
    if made.is_retired:
        text = f"{_address(made)} is retired; no other is chosen"
        yield Check(f"{name} address", "skipped", text, retired_hint(name))
        return
    yield Check(f"{name} address", "ok", _address(made))
    yield from _description(made)
    made.session.check(made.swagger_url)
    if situation.timeout is None:
        yield Check(f"{name} answer", "skipped", "nothing was asked")
        return
    try:
        for check in reach(made.session, made.swagger_url, timeout=situation.timeout, described=True):
            yield Check(f"{name} {check.name}", check.state, check.text, check.hint)
    finally:
        made.session.close()


def _address(made: ServiceClient) -> str:
    origin = made.config.origin(f"{type(made).__name__}.swagger_url")
    return f"{made.swagger_url} (from {origin})"


def _description(made: ServiceClient) -> Iterator[Check]:
    """Yield how old the kept description is, if there is one."""
    from hca_core import descriptions

    when = descriptions.fetched(made.swagger_url)
    if when is not None:
        yield Check(f"{made.service} description", "ok", f"it is kept here, fetched {from_now(when, time.time())}")
