"""`hca auth`: the verbs of the API, and the state of all logins."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from hca_core.commands import Verb, output_options
from hca_core.context import Hca
from hca_core.generate import ServiceGroup

if TYPE_CHECKING:
    from hca_core.output import Show


@click.group(
    cls=ServiceGroup,
    service="auth",
    packaged=os.path.join(os.path.dirname(__file__), "api.json"),
    entry_points="hca.commands.auth",
)
def auth() -> None:
    """Log in, and manage users, groups, roles and policies.

    \b
    hca auth login
    hca auth status
    hca auth get-v1-users --output table
    hca auth put-v1-user-group --user-id ann@example.org --action add --groups lab
    hca auth post-v1-role --role-id reader --policy @policy.json
    """


@auth.command(cls=Verb, short_help="Show who you are to each service.")
@click.argument("service", required=False)
@output_options(default="table")
def status(show: Show, service: str | None) -> None:
    """Show who you are to each service, and where that comes from.

    With the name of a SERVICE, show every place where a token for it may be, in the order they are asked.

    \b
    hca auth status
    hca auth status auth --output json
    """
    import hca_core
    from hca_core.credentials import report

    config = Hca.current().config
    if service is None:
        rows = [report.overview(client) for client in report.clients(config)]
    else:
        rows = report.sources(hca_core.client(service, config=config))
    show(rows, columns=list(rows[0]) if rows else ["service"])
