"""`hca azul get-sources`, `get-version` and `get-health`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hca_azul.cli import client, place_options
from hca_core.commands import Verb, output_options

if TYPE_CHECKING:
    from hca_core.output import Show


@click.command("get-sources", cls=Verb, short_help="List the sources that you may read.")
@place_options
@output_options("jsonl")
def get_sources(show: Show) -> None:
    """List the sources of the catalog that you may read now; mostly each has the data of one project.

    Who is logged in may see more.

    \b
    hca azul get-sources --output table
    """
    with client() as azul:
        show(azul.sources(), columns=("sourceId", "sourceSpec"))


@click.command("get-version", cls=Verb, short_help="Show which version the service runs.")
@place_options
@output_options()
def get_version(show: Show) -> None:
    """Show the version of the service, and what was changed in it of late."""
    from hca_azul.diagnostics import states

    with client() as azul:
        show(states.version(azul.service))


@click.command("get-health", cls=Verb, short_help="Show whether the service is well.")
@place_options
@output_options()
def get_health(show: Show) -> None:
    """Show whether the service is well, part by part. If it is not, the exit status is 5."""
    from hca_azul.diagnostics import states

    with client() as azul:
        health = states.health(azul.service)
    show(health)
    states.raise_if_down(health)
