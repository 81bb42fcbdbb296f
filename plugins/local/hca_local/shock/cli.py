"""`hca local shock`: who may log in at the Shock service of a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hca_core.commands import Verb, output_options
from hca_core.context import say
from hca_core.lazy import PluginGroup
from hca_local.cli import data_option

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from sqlite3 import Connection

    from hca_core.output import Show

# What they give new users with, and the list of them.
_GIVEN_BY = "hca local up --shock-user NAME:PASSWORD"
_LISTED_BY = "hca local shock users"


@click.group(cls=PluginGroup)
def shock() -> None:
    """Manage the users of the Shock service.

    They are given at a start, with passwords; each gets a token as well.

    \b
    hca local up --shock-user ann:PASSWORD:admin --shock-user bob:PASSWORD
    hca local shock users
    curl -H "Authorization: OAuth $(hca local shock token ann)" "$HCA_SHOCK_URL/node"
    """


@shock.command(cls=Verb)
@data_option
@output_options(default="table")
def users(show: Show, data: str | None) -> None:
    """List the users of the Shock service.

    Those who can't log in were named in the rights to a node, maybe by mistake, or were removed.

    \b
    hca local shock users --output json
    """
    from hca_local.shock import accounts

    with _changing(data) as connection:
        rows = [one._asdict() for one in accounts.listed(connection)]
    show(rows, columns=["name", "uuid", "admin", "login"])


@shock.command(cls=Verb)
@click.argument("name")
@data_option
@output_options()
def token(show: Show, name: str, data: str | None) -> None:
    """Print the token of a user of the Shock service.

    It is good until the user is removed. Whoever has it needs no password.

    \b
    hca local shock token ann
    """
    from hca_local.shock import accounts

    with _changing(data) as connection:
        found = accounts.token_of(connection, name)
    if found is None:
        raise _unknown(name)
    show.text(found)


@shock.command(cls=Verb)
@click.argument("name")
@data_option
def remove(name: str, data: str | None) -> None:
    """Let a user of the Shock service in no more.

    The user's nodes stay, and are there again for who comes back by this name.

    \b
    hca local shock remove bob
    """
    from hca_local import control, data_directory, state
    from hca_local.shock import accounts

    directory = data_directory.at(data)
    with _changing(data) as connection:
        if not accounts.remove(connection, name):
            raise _unknown(name)
    say(f"{name} may log in no more.")
    found = state.current(directory)
    if found is not None and found.url:
        control.renew_credentials(directory, found)  # they may hold this token
        say("What the service has let in within the last hour it lets in until that is over.")


def _unknown(name: str) -> Exception:
    from hca_core.errors import NotFoundError

    return NotFoundError(
        f"there is no user {name!r} of the Shock service who can log in", hint=f"{_LISTED_BY}, or {_GIVEN_BY}"
    )


def _changing(data: str | None) -> AbstractContextManager[Connection]:
    """Give the store of a deployment, inside a transaction. Raises HCAError if there is none."""
    from hca_local import data_directory

    return data_directory.changing(data_directory.at(data))
