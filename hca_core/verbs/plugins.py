"""`hca plugins`: what is installed, where it comes from, whether it can be used; new ones; which are disabled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hca_core.commands import Verb, completed, output_options
from hca_core.lazy import PluginGroup

if TYPE_CHECKING:
    from hca_core.output import Show

_OWN = {
    "new": ("hca_core.scaffold.verb:new", "Write a new plugin, with tests."),
}


@click.group(cls=PluginGroup, own=_OWN, invoke_without_command=True)
@click.option("--check", is_flag=True, help="Load every plugin and tell which fail, and how long each takes.")
@output_options(default="table")
@click.pass_context
def plugins(ctx: click.Context, check: bool, show: Show) -> int:
    """List the installed plugins, make new ones, disable some.

    Without a command it lists what distributions declare, from their metadata, so that it works with broken plugins
    too. With --check each is loaded: then there is a column with the hooks it implements, and the exit status is 8 if
    one of them can't be used.

    \b
    HCA_PLUGINS_DISABLED=a,b   hides and blocks plugins, as 'disable' does
    HCA_TRACE_HOOKS=1          tells every call of a hook on stderr
    """
    if ctx.invoked_subcommand is not None:
        if check or show.chosen or show.query:
            raise click.UsageError(f"Put the options behind '{ctx.invoked_subcommand}', not before it.", ctx)
        return 0
    from hca_core import inventory

    rows = inventory.rows(check=check)
    # Where each lies is for programs, and for 'explain': with it the lines of a table are longer than a terminal's.
    narrow = [name for name in rows[0] if name != "location"] if rows and show.format == "table" else []
    show(rows, columns=narrow)
    return 8 if any(str(row["state"]).startswith("broken") for row in rows) else 0


@completed
def _names() -> list[str]:
    from hca_core import inventory

    return sorted(inventory.known())


@plugins.command("explain", cls=Verb, short_help="Tell why a name means what it means.")
@click.argument("name", shell_complete=_names)
@output_options(default="yaml")
def explain(name: str, show: Show) -> None:
    """Tell what NAME means and why: each distribution that has it, which one wins, and how to change that."""
    from hca_core import inventory

    show(inventory.explained(name))


@plugins.command("disable", cls=Verb, short_help="Hide and block a plugin.")
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=_names)
def disable(names: tuple[str, ...]) -> None:
    """Hide and block plugins by their names, until 'hca plugins enable'; of no plugin anything is loaded then."""
    from hca_core import inventory

    inventory.disable(names)


@plugins.command("enable", cls=Verb, short_help="Bring a disabled plugin back.")
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=_names)
def enable(names: tuple[str, ...]) -> None:
    """Bring plugins back that 'hca plugins disable' has hidden."""
    from hca_core import inventory

    for name in inventory.enable(names):
        click.echo(f"hca: HCA_PLUGINS_DISABLED still names {name}", err=True)
