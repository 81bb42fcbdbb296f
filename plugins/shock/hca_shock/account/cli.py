"""`hca shock login`, `logout` and `whoami`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hca_core.commands import Verb, output_options, text_of
from hca_core.context import Hca, say
from hca_core.errors import LoginError, UsageError
from hca_shock.cli import asked_password, chosen, client

if TYPE_CHECKING:
    from hca_core.output import Show


@click.command(cls=Verb, any_profile=True)
@click.option("--access-token", metavar="TOKEN", help="Keep this token; @FILE or - (stdin) reads it.")
@click.pass_context
def login(ctx: click.Context, access_token: str | None) -> None:
    """Keep a token for the server, or the name and password of --user; the server is asked whether it takes them.

    It is kept in a file of your own that nobody else can read, and is sent to this server only. HCA_SHOCK_TOKEN in the
    environment is used before it.

    \b
    hca shock --server mgrast login --access-token @token.txt
    hca shock --url http://shock.example.org --user alice login
    """
    from hca_core import terminal
    from hca_core.credentials import bearer, claims, signing_in
    from hca_shock import config
    from hca_shock.account import logins

    user = chosen().user
    if (user is None) == (access_token is None):
        raise UsageError("a login needs --access-token TOKEN, or the group's --user NAME", hint="give one of them")
    if user is not None:
        name, colon, password = user.partition(":")
        token = config.basic(name, password if colon else asked_password(name))
    else:
        token = text_of(access_token or "", ctx, None).strip()
        if not claims.is_sendable(token):
            raise UsageError("what --access-token gives is no token", hint="a token is one word, in one line")
    settings = Hca.current().config
    profile = config.profile(settings, chosen().url, chosen().server)
    with logins.checked(profile, settings, token) as server:
        signing_in.keep_token(server.need, token, terminal.talk(), use_keyring=bearer.uses_keyring(settings))
        say(f"The login at {server.url} is kept.")


@click.command(cls=Verb)
def logout() -> None:
    """Forget the login at the server."""
    from hca_core import terminal
    from hca_core.credentials import signing_in

    with client() as shock:
        signing_in.log_out(shock.server.need, shock.server.session, terminal.talk())


@click.command(cls=Verb)
@output_options()
def whoami(show: Show) -> None:
    """Show who you are to the server, where your token comes from, and whether the server takes it."""
    from hca_shock.account import logins

    with client() as shock:
        found = logins.identity(shock.server)
    if not found["accepted"]:
        show(found)
        raise LoginError("the server refuses this login", hint="hca shock login")
    show(found)
