"""`hca shock acl`: who may do what with a node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hca_core.commands import Verb, output_options
from hca_shock.cli import client

if TYPE_CHECKING:
    from hca_core.output import Show


@click.group()
def acl() -> None:
    """Show and change who may read, write and delete a node.

    The owner and administrators may do everything, and only they may change this; others may give up their own rights.
    RIGHTS are read, write, delete with commas between them, or all. A user is a name or the id of an account.

    \b
    hca shock acl show ID
    hca shock acl grant ID read,write ann bob
    hca shock acl public ID read
    """


@acl.command(cls=Verb, short_help="Show who may do what with a node.")
@click.argument("id")
@output_options()
def show(id: str, show: Show) -> None:
    """Show who may do what with a node: users by name, and in "users" what the server knows of them."""
    with client() as shock:
        found = shock.acl.show(id)
    show(found.document())


@acl.command(cls=Verb, short_help="Give users rights at a node.")
@click.argument("id")
@click.argument("rights")
@click.argument("users", nargs=-1, required=True, metavar="USER...")
@output_options()
def grant(id: str, rights: str, users: tuple[str, ...], show: Show) -> None:
    """Give users rights at a node.

    The server makes an account for a name that it does not know. You are warned of accounts of which it knows the name
    only.

    \b
    hca shock acl grant ID read ann
    hca shock acl grant ID all ann bob
    """
    with client() as shock:
        found = shock.acl.grant(id, rights, users)
    show(found.document())


@acl.command(cls=Verb, short_help="Take rights at a node from users.")
@click.argument("id")
@click.argument("rights")
@click.argument("users", nargs=-1, required=True, metavar="USER...")
@output_options()
def revoke(id: str, rights: str, users: tuple[str, ...], show: Show) -> None:
    """Take rights at a node from users. The owner keeps all rights, whatever is taken.

    \b
    hca shock acl revoke ID write,delete ann
    """
    with client() as shock:
        found = shock.acl.revoke(id, rights, users)
    show(found.document())


@acl.command(cls=Verb, short_help="Give everybody rights at a node.")
@click.argument("id")
@click.argument("rights")
@click.option("--off", is_flag=True, help="Take them away.")
@output_options()
def public(id: str, rights: str, off: bool, show: Show) -> None:
    """Give everybody rights at a node, or take them away. The server may want a login all the same.

    \b
    hca shock acl public ID read
    hca shock acl public ID all --off
    """
    with client() as shock:
        found = shock.acl.public(id, rights, on=not off)
    show(found.document())


@acl.command(cls=Verb, short_help="Give a node to another owner.")
@click.argument("id")
@click.argument("user")
@output_options()
def chown(id: str, user: str, show: Show) -> None:
    """Give a node to another owner. Only the new owner and administrators can give it back.

    Rights that you have by name stay yours. Mind the spelling: the server makes an account for a name that it does not
    know.
    """
    with client() as shock:
        found = shock.acl.chown(id, user)
    show(found.document())
