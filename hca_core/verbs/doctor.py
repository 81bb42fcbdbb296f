"""`hca doctor`: why it does not work here, for the person and for who helps."""

from __future__ import annotations

import math
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import click

from hca_core import colors
from hca_core.commands import Verb, make_show, shared_options
from hca_core.context import Hca
from hca_core.errors import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_core.doctor.situation import Situation


def _services(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of services that begin so."""
    from hca_core import discover

    return sorted(name for name in discover.installed(discover.PLUGINS) if name.startswith(incomplete))


def _number(ctx: click.Context, parameter: click.Parameter, value: float) -> float:
    """Return `value`, which is in its range; what is no number at all is in any."""
    if math.isnan(value):
        raise click.BadParameter("it must be a number.", ctx, parameter)
    return value


_OUTPUT, _QUERY = shared_options("a list for people; json with --query")


@click.command(cls=Verb)
@click.option("--offline", is_flag=True, help="Send no requests.")
@click.option(
    "--service",
    "services",
    multiple=True,
    metavar="NAME",
    shell_complete=_services,
    help="Of services look at this one only; may be repeated.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 600),
    callback=_number,
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="How long all requests may take.",
)
@_OUTPUT
@_QUERY
def doctor(offline: bool, services: tuple[str, ...], timeout: float, output: str | None, query: str | None) -> int:
    """Look at everything that may keep hca from working here, and tell what to do.

    Versions, the installation, the configuration, plugins, the terminal, disks, services, logins. Services are asked
    once each, side by side, without a token. Nothing is changed. The report has no secrets in it, so that it can be
    shown to who helps. The exit status is 1 if there is a problem; a warning is none.

    \b
    hca doctor --output json > report.json
    hca doctor --query "[?state=='problem']"
    """
    show = make_show(output, query, "json")
    situation = _situation(services, None if offline else timeout)
    from hca_core.doctor import report

    with redirect_stdout(sys.stderr):  # for what plugins print; stdout is for the report
        rows = report.examine(situation)
    if show.chosen or show.query:
        show(report.as_documents(rows), columns=report.Row._fields)
    else:
        show.text(report.as_text(rows, _style()))
    return ExitStatus.ERROR if any(row.state == report.PROBLEM for row in rows) else ExitStatus.DONE


def _situation(services: tuple[str, ...], timeout: float | None) -> Situation:
    """Return what is to be looked at. Raises UsageError for a service that is not installed."""
    from hca_core import discover
    from hca_core.doctor.situation import Situation, config_of
    from hca_core.errors import UsageError

    known = discover.installed(discover.PLUGINS)
    for name in services:
        if name not in known:
            raise UsageError(f"no plugin is called {name!r}; there are: {', '.join(sorted(known))}", hint="hca plugins")
    config, broken = config_of(Hca.current())
    return Situation(config, broken, services, timeout)


def _style() -> Callable[..., str]:
    """Return what styles a text: nothing does where stdout should not be coloured."""
    return click.style if colors.on(sys.stdout) else lambda text, **_: str(text)
