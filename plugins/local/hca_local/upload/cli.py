"""`hca local area`: the areas of the upload service, and switches to see what a file looks like on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hca_core.commands import Verb, output_options
from hca_core.context import say
from hca_core.lazy import PluginGroup
from hca_local.cli import data_option

if TYPE_CHECKING:
    from hca_core.output import Show

# As in holds.STATUSES, whose module a help page need not load.
_HELD_AT = ("SCHEDULED", "CHECKSUMMING", "VALIDATING")


@click.group(cls=PluginGroup)
def area() -> None:
    """List and steer the areas of the upload service.

    All of this works whether or not the services run, and lasts.

    \b
    hca local area list
    hca local area hold checksums
    hca local area release all
    """


@area.command("list", cls=Verb)
@data_option
@output_options(default="table")
def list_(show: Show, data: str | None) -> None:
    """List the areas, with the files that are known.

    \b
    hca local area list --output json
    """
    from hca_local import data_directory
    from hca_local.upload import areas

    with data_directory.changing(data_directory.at(data)) as connection:
        rows = [one._asdict() for one in areas.listed(connection)]
    show(rows, columns=["uuid", "status", "files", "bytes"])


@area.command(cls=Verb)
@click.argument("kind", type=click.Choice(["checksums", "validations"]))
@click.option("--at", type=click.Choice(_HELD_AT), default=_HELD_AT[0], show_default=True, help="Where they stay.")
@data_option
def hold(kind: str, at: str, data: str | None) -> None:
    """Keep checksums or validations waiting.

    Those of new files stay where they are, too, until they are released.

    \b
    hca local area hold checksums
    hca local area hold checksums --at CHECKSUMMING
    """
    from hca_core.errors import UsageError
    from hca_local import data_directory
    from hca_local.upload import holds

    if at not in holds.STATUSES[kind]:
        raise UsageError(f"{kind} can't be held at {at}", hint=f"--at {' or --at '.join(holds.STATUSES[kind])}")
    with data_directory.changing(data_directory.at(data)) as connection:
        holds.hold(connection, kind, at)
    say(f"From now on {kind} stay {at}. Next: hca local area release {kind}")


@area.command(cls=Verb)
@click.argument("kind", type=click.Choice(["checksums", "validations", "all"]))
@data_option
def release(kind: str, data: str | None) -> None:
    """Let checksums or validations go on.

    \b
    hca local area release all
    """
    from hca_local import data_directory
    from hca_local.upload import holds

    kinds = list(holds.STATUSES) if kind == "all" else [kind]
    with data_directory.changing(data_directory.at(data)) as connection:
        for one in kinds:
            holds.release(connection, one)
    say(f"{' and '.join(kinds).capitalize()} go on.")


@area.command(cls=Verb)
@click.argument("uuid")
@data_option
def lock(uuid: str, data: str | None) -> None:
    """Give no more keys for an area.

    Those that are out are good until they expire.

    \b
    hca local area lock aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee
    """
    _change(data, uuid, "UNLOCKED", "LOCKED")


@area.command(cls=Verb)
@click.argument("uuid")
@data_option
def unlock(uuid: str, data: str | None) -> None:
    """Give keys for an area again.

    \b
    hca local area unlock aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee
    """
    _change(data, uuid, "LOCKED", "UNLOCKED")


def _change(data: str | None, uuid: str, before: str, wanted: str) -> None:
    """Give the area `uuid` the status `wanted`, if it has that or the one `before`. Raises HCAError."""
    from hca_core.errors import HCAError, NotFoundError
    from hca_local import data_directory
    from hca_local.upload import areas

    with data_directory.changing(data_directory.at(data)) as connection:
        found = areas.status(connection, uuid)
        if found is None:
            raise NotFoundError(f"there is no area {uuid}", hint="hca local area list")
        if found not in (before, wanted):
            raise HCAError(f"The area {uuid} is {found} and can't be {wanted} any more.")
        areas.set_status(connection, uuid, wanted)
    say(f"The area {uuid} is {wanted}.")
