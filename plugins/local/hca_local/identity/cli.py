"""`hca local password`, `admin`, `token` and `service-account`: how people and programs log in at a deployment."""

from __future__ import annotations

import json
import os
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


@click.command(cls=Verb)
@click.argument("email", required=False)
@data_option
@output_options()
def password(show: Show, data: str | None, email: str | None) -> None:
    """Print the password of a user, to log in at the services.

    Without EMAIL it is that of the first user, who is their administrator. Every address has a password of its own;
    hand them out as you like. Who logs in for the first time may read; the administrator lets others write.

    \b
    hca local password
    hca local password ann@example.org
    """
    from hca_local import data_directory
    from hca_local.identity import issuer, passwords

    user = email or issuer.FIRST_USER
    found = passwords.password_of(data_directory.at(data), user)
    say(f"The password of {user}:")
    show.text(found)


@click.command(cls=Verb)
@data_option
@click.option("--email", help="Whose token it is.  [default: that of the first user]")
@click.option("--group", help="The group of that user.  [default: hca]")
@click.option("--lifetime", type=int, metavar="SECONDS", help="How long it is good for.  [default: as set]")
@output_options()
def token(show: Show, data: str | None, email: str | None, group: str | None, lifetime: int | None) -> None:
    """Print a token of a user of the services.

    The first user is known to hca without one, see env. This is for trying out what others may do.

    \b
    HCA_TOKEN=$(hca local token --email guest@example.org) hca dss get-collections
    """
    from hca_local import control, data_directory, settings
    from hca_local.identity import issuer

    directory = data_directory.at(data)
    own = issuer.Issuer(issuer.load_key(directory.issuer_key), control.running(directory).url)
    seconds = settings.load(directory.settings).token_lifetime if lifetime is None else lifetime
    show.text(own.token(email or issuer.FIRST_USER, group or issuer.FIRST_GROUP, seconds))


@click.command(cls=Verb)
@click.argument("email")
@data_option
def admin(email: str, data: str | None) -> None:
    """Make a user an administrator of the services, whatever was changed before.

    This is also the way back when the last administrator has been disabled or has lost the role.

    \b
    hca local admin ann@example.org
    """
    from hca_core.errors import UsageError
    from hca_local.fusillade import directory
    from hca_local.identity import passwords

    user = passwords.email_of(email)
    if user is None:
        raise UsageError(f"{email!r} is not an e-mail address that can log in", hint="write it like ada@example.org")
    with _changing(data) as connection:
        directory.make_administrator(connection, user)
    say(f"{user} is an administrator.")


@click.group("service-account", cls=PluginGroup)
def service_account() -> None:
    """Let programs log in by themselves.

    A program that has the path of a service account's key in GOOGLE_APPLICATION_CREDENTIALS needs no other login.

    \b
    hca local service-account create nightly --output-file nightly.json
    export GOOGLE_APPLICATION_CREDENTIALS=$PWD/nightly.json
    """


@service_account.command(cls=Verb)
@click.argument("name")
@click.option("--output-file", "-o", required=True, type=click.Path(dir_okay=False), help="Where to put its key.")
@data_option
def create(name: str, output_file: str, data: str | None) -> None:
    """Make a service account, or one more key of it.

    The key is in that file only, which nobody but you can read: keep it.
    """
    from hca_core.errors import UsageError
    from hca_core.files import write_atomic
    from hca_local import control, data_directory
    from hca_local.identity import service_accounts

    if os.path.lexists(output_file):
        raise UsageError(f"{output_file} is there already; nothing was changed", hint="name another file")
    directory = data_directory.at(data)
    url = control.running(directory).url
    with _changing(data) as connection:
        document = service_accounts.create(connection, name, url)
        # Inside the transaction: an account whose key could not be written is none.
        write_atomic(output_file, (json.dumps(document, indent=2) + "\n").encode(), mode=0o600)
    say(f"{document['client_email']} may log in; its key is in {output_file}.")


@service_account.command(cls=Verb)
@click.argument("key_file", type=click.Path())
@data_option
def trust(key_file: str, data: str | None) -> None:
    """Let in a service account that has a key already.

    KEY_FILE may be one that Google made; only its public half is kept.
    """
    from hca_core.errors import UsageError
    from hca_local.identity import service_accounts

    try:
        with open(key_file, encoding="utf-8") as stream:
            document = json.load(stream)
        json.dumps(document, ensure_ascii=False).encode()  # half a character can be written in JSON, but not be kept
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not JSON that can be kept"
        raise UsageError(f"{key_file} can't be used as a key file: {reason}") from error
    with _changing(data) as connection:
        account = service_accounts.trust(connection, document if isinstance(document, dict) else {})
    say(f"{account.email} may log in.")


@service_account.command("list", cls=Verb)
@data_option
@output_options(default="table")
def list_(show: Show, data: str | None) -> None:
    """List the keys of the service accounts that may log in."""
    from hca_local.identity import service_accounts

    with _changing(data) as connection:
        rows = [one._asdict() for one in service_accounts.listed(connection)]
    show(rows, columns=["email", "kid"])


@service_account.command(cls=Verb)
@click.argument("email")
@click.option("--kid", help="One of its keys only.")
@data_option
def remove(email: str, kid: str | None, data: str | None) -> None:
    """Let a service account in no more."""
    from hca_core.errors import NotFoundError
    from hca_local.identity import service_accounts

    with _changing(data) as connection:
        if not service_accounts.remove(connection, email, kid):
            raise NotFoundError(f"there is no such service account: {email}", hint="hca local service-account list")
    say(f"{email} may log in no more{' with that key' if kid else ''}.")


def _changing(data: str | None) -> AbstractContextManager[Connection]:
    """Give the store of a deployment, inside a transaction. Raises HCAError if there is none."""
    from hca_local import data_directory

    return data_directory.changing(data_directory.at(data))
