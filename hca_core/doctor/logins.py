"""The login of each service: where its token comes from, whose it is, when it ends. No token is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_core.doctor import services
from hca_core.doctor.values import Check, Look
from hca_core.errors import HCAError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_core.doctor.situation import Situation
    from hca_core.service import ServiceClient

AREA = "logins"


def looks(situation: Situation) -> list[Look]:
    """Return a look for each installed service that describes itself; plugins tell of the others by `hca_checks`."""
    from hca_core import discover

    found = []
    for service in discover.installed(discover.PLUGINS):
        if not situation.wants(service):
            continue
        try:
            made = services.client(service, situation)
        except HCAError:
            continue  # the services' or the plugins' area tells
        if made is not None and not services.malformed(made.swagger_url):
            found.append(Look(AREA, service, lambda made=made: _checks(made, situation)))  # type: ignore[misc]
    return found


def _checks(made: ServiceClient, situation: Situation) -> Iterator[Check]:
    from hca_core.credentials import report

    if situation.timeout is None and _may_ask(made):
        yield Check(made.service, "skipped", "whose token it is could not be told without a request")
        return
    row = report.overview(made)
    if row["state"] == report.USED:
        yield _used(made.service, row)
    elif row["state"] == report.BROKEN:
        hint = f"mend {row['source']}, or take it away"
        yield Check(made.service, "problem", f"{row['source']} can't be used: {row['remark']}", hint)
    else:
        text = f"not logged in at {row['host']}; what is public works"
        yield Check(made.service, "ok", text, f"hca {made.service} login, where it needs one")


def _used(service: str, row: dict[str, str]) -> Check:
    who = f" of {row['account']}" if row["account"] else ""
    if not row["expires"]:
        return Check(service, "ok", f"the token{who} comes from {row['source']}")
    if row["expires"].endswith(" ago"):
        text = f"the token{who} from {row['source']} has run out, {row['expires']}"
        return Check(service, "problem", text, f"log in again, or renew {row['source']}")
    return Check(service, "ok", f"the token{who} comes from {row['source']}, and ends {row['expires']}")


def _may_ask(made: ServiceClient) -> bool:
    """Tell whether a request may be needed: to renew a login, or by a provider that is not ours."""
    from hca_core import discover
    from hca_core.credentials import logins

    if discover.installed(discover.CREDENTIALS) or made.need.settings.get("google_default_credentials"):
        return True
    kept = logins.find(made.need.url, made.need.profile)
    return kept is not None and logins.is_nearly_expired(kept)
