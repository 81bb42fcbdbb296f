"""`login`, `logout` and `refresh-swagger`: the verbs that the group of every described service has."""

from __future__ import annotations

from typing import Any

import click

from hca_core.commands import Verb
from hca_core.context import Hca


@click.command(cls=Verb)
@click.option("--access-token", default="", help="The token to keep.")
@click.option("--remote", is_flag=True, help="Log in without a browser on this machine.")
@click.pass_context
def login(ctx: click.Context, access_token: str, remote: bool) -> None:
    """Keep a token for the configured service, in a file of your own that nobody else can read.

    It is sent to that service's host only. HCA_TOKEN in the environment is used before it.
    """
    _client(ctx).login(access_token=access_token, remote=remote)


@click.command(cls=Verb)
@click.pass_context
def logout(ctx: click.Context) -> None:
    """Forget the token that login kept for the configured service."""
    _client(ctx).logout()


@click.command("refresh-swagger", cls=Verb)
@click.pass_context
def refresh_swagger(ctx: click.Context) -> None:
    """Fetch the description of the service's API anew; new operations become verbs at once."""
    _client(ctx).refresh_swagger()


def _client(ctx: click.Context) -> Any:
    """Return a client of the service whose group the verb was called in."""
    from hca_core import plugins

    service: str = getattr(ctx.parent and ctx.parent.command, "service", "")
    return plugins.client_class(service)(config=Hca.current().config)
