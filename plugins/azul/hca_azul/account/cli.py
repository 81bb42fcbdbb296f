"""`hca azul login`, `logout` and `whoami`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hca_azul.cli import chosen, client, place_options
from hca_core.commands import Verb, output_options, text_of
from hca_core.context import Hca, say
from hca_core.errors import LoginError, UsageError

if TYPE_CHECKING:
    from hca_core.output import Show

REPOSITORY = click.option(
    "--repository", is_flag=True, help="At the repository instead, where drs:// URIs of managed data lead."
)


@click.command(cls=Verb, any_profile=True, short_help="Keep an access token, for managed data.")
@click.option("--access-token", required=True, metavar="TOKEN", help="The token; @FILE or - (stdin) reads it.")
@REPOSITORY
@place_options
@click.pass_context
def login(ctx: click.Context, access_token: str, repository: bool) -> None:
    """Keep an access token of Google for the service, which is asked whether it takes it.

    Public data needs none. Managed data needs an account that Terra knows; a token lasts an hour. It is kept in a file
    of your own that nobody else can read, and is sent to this service only. HCA_AZUL_TOKEN is used before it.

    \b
    gcloud auth print-access-token | hca azul login --access-token -
    """
    from hca_azul.account import logins
    from hca_azul.client import AzulClient
    from hca_core import terminal
    from hca_core.credentials import bearer, claims, signing_in

    token = text_of(access_token, ctx, None).strip()
    if not claims.is_sendable(token):
        raise UsageError("what --access-token gives is no token", hint="a token is one word, in one line")
    choice, settings = chosen(), Hca.current().config
    with AzulClient(url=choice.url, catalog=choice.catalog, token=token, config=settings) as azul:
        if not repository:
            logins.ask(azul.service)
        need = logins.need(azul.service, repository=repository)
        signing_in.keep_token(need, token, terminal.talk(), use_keyring=bearer.uses_keyring(settings))
        say(f"The login at {need.url} is kept.")


@click.command(cls=Verb, short_help="Forget the access token.")
@REPOSITORY
@place_options
def logout(repository: bool) -> None:
    """Forget the access token that is kept for the service."""
    from hca_azul.account import logins
    from hca_core import terminal
    from hca_core.credentials import signing_in

    with client() as azul:
        need = logins.need(azul.service, repository=repository)
        signing_in.log_out(need, azul.service.storage, terminal.talk())


@click.command(cls=Verb, short_help="Show whose token is used, and whether it works.")
@place_options
@output_options()
def whoami(show: Show) -> None:
    """Show where your token comes from, whose it is, whether the service takes it, and how much you may read."""
    from hca_azul.account import logins

    with client() as azul:
        found = logins.identity(azul.service)
        show(found)
        if not found["accepted"]:
            raise LoginError("the service refuses this login", hint=azul.service.bearer.advice())
