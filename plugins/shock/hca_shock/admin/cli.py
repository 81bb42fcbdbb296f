"""`hca shock info`, `doctor`, `locks`, `wait`, `locations`, `location`, `types` and `restore`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from hca_core.commands import Verb, output_options
from hca_core.errors import ExitStatus
from hca_shock.cli import client

if TYPE_CHECKING:
    from hca_core.output import Show


@click.command(cls=Verb)
@output_options()
def info(show: Show) -> None:
    """Show how the server describes itself: version, rights of everybody, kinds of tokens."""
    with client() as shock:
        found = shock.admin.info()
    show(found)


@click.command(cls=Verb)
@output_options(default="table")
def doctor(show: Show) -> int:
    """Look what may stand between you and the server, and show each check: ok, warning or problem.

    Nothing is changed. The exit status is 1 if there is a problem.
    """
    with client() as shock:
        found = shock.admin.doctor()
    show([asdict(check) for check in found], columns=("name", "state", "text", "hint"))
    return ExitStatus.ERROR if any(check.state == "problem" for check in found) else ExitStatus.DONE


@click.command(cls=Verb)
@click.argument("ids", nargs=-1, metavar="[ID...]")
@output_options(default="table")
def locks(ids: tuple[str, ...], show: Show) -> None:
    """Show what is locked at the server, or of some nodes: nodes that are being changed, files, indexes.

    A file or an index is locked while it is made. With an error that has failed, and stays so.
    """
    with client() as shock:
        found = shock.admin.locks(ids)
    show([asdict(lock) for lock in found], columns=("id", "what", "since", "error"))


@click.command(cls=Verb)
@click.argument("id")
@click.option(
    "--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="How long to wait.  [default: for ever]"
)
@output_options()
def wait(id: str, timeout: float | None, show: Show) -> None:
    """Wait until the file and the indexes of a node are ready, then show the node.

    It is an error if one of them could not be made, and if the time is over.

    \b
    hca shock wait ID --timeout 600
    """
    with client() as shock:
        node = shock.admin.wait(id, timeout)
    show(node.raw)


@click.group()
def locations() -> None:
    """Show and change where the file of a node is stored besides the server. Changes are for administrators.

    \b
    hca shock locations list ID
    hca shock locations add ID S3 --stored
    """


@locations.command("list", cls=Verb, short_help="Show all locations of a node.")
@click.argument("id")
@output_options()
def list_(id: str, show: Show) -> None:
    """Show all locations of a node."""
    with client() as shock:
        found = shock.admin.locations(id)
    show(found, columns=("id", "stored", "requested", "requestedDate"))


@locations.command("show", cls=Verb, short_help="Show one location of a node.")
@click.argument("id")
@click.argument("location")
@output_options()
def show_location(id: str, location: str, show: Show) -> None:
    """Show one location of a node."""
    with client() as shock:
        found = shock.admin.location(id, location)
    show(found)


@locations.command(cls=Verb, short_help="Add a location to a node.")
@click.argument("id")
@click.argument("location")
@click.option("--stored/--not-stored", default=None, help="Whether the file is there.")
@click.option("--requested/--not-requested", default=None, help="Whether the file was asked for there.")
@click.option("--requested-date", metavar="DATE", help="When: 2026-01-31, or 2026-01-31T10:00:00+00:00.")
@output_options()
def add(
    id: str, location: str, stored: bool | None, requested: bool | None, requested_date: str | None, show: Show
) -> None:
    """Add a location to a node. The server may not keep whether the file was asked for."""
    with client() as shock:
        found = shock.admin.add_location(
            id, location, stored=stored, requested=requested, requested_date=requested_date
        )
    show(found)


@locations.command(cls=Verb, short_help="Remove locations of a node.")
@click.argument("id")
@click.argument("location", required=False)
@click.option("--all", "everything", is_flag=True, help="Remove all of them.")
@output_options()
def rm(id: str, location: str | None, everything: bool, show: Show) -> None:
    """Remove a location of a node, or --all, and show those that are left."""
    if (location is None) is not everything:
        raise click.UsageError("It needs either a LOCATION or --all.", click.get_current_context())
    with client() as shock:
        if location is None:
            shock.admin.clear_locations(id)
            left = []
        else:
            left = shock.admin.remove_location(id, location)
    show(left)


@click.command(cls=Verb)
@click.argument("what", type=click.Choice(["info", "missing", "present", "inflight", "restore"]))
@click.argument("location")
@output_options()
def location(what: str, location: str, show: Show) -> None:
    """Show what the server knows of a location. For administrators.

    info is its configuration; missing, present, inflight and restore are the nodes that it lacks, has, is getting, or
    that are to be restored from there. Servers of the Shock project have a bug here: these four are always empty.

    \b
    hca shock location info S3
    """
    with client() as shock:
        found = shock.admin.location_report(location, what)
    show(found)


@click.group()
def types() -> None:
    """Show what the server knows of types of nodes. For administrators."""


@types.command("info", cls=Verb, short_help="Show a type of nodes.")
@click.argument("type")
@output_options()
def type_info(type: str, show: Show) -> None:
    """Show a type of nodes: its description and its priority."""
    with client() as shock:
        found = shock.admin.type_info(type)
    show(found)


@click.group()
def restore() -> None:
    """Show or set whether the file of a node is to be restored from a location. Setting is for administrators."""


@restore.command("get", cls=Verb, short_help="Show whether a node is to be restored.")
@click.argument("id")
@output_options()
def get_restore(id: str, show: Show) -> None:
    """Show whether a node is to be restored: true or false."""
    with client() as shock:
        found = shock.admin.restore(id)
    show(found)


@restore.command("set", cls=Verb, short_help="Ask for a node to be restored.")
@click.argument("id")
@click.option("--off", is_flag=True, help="Take that back.")
@output_options()
def set_restore(id: str, off: bool, show: Show) -> None:
    """Ask for the file of a node to be restored, and show what holds then: true or false."""
    with client() as shock:
        found = shock.admin.set_restore(id, on=not off)
    show(found)
