"""`hca plugins`: what is installed, where it comes from, and whether it can be used."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from hca_core import discover
from hca_core.commands import Verb, output_options

if TYPE_CHECKING:
    from hca_core.output import Show


@click.command(cls=Verb)
@click.option("--check", is_flag=True, help="Load every plugin and tell which fail, and how long each takes.")
@output_options(default="table")
def plugins(check: bool, show: Show) -> int:
    """List the installed plugins.

    Reads package metadata only, so it works with broken plugins too. With --check, the exit status is 8 if one of
    them can't be used.

    \b
    HCA_PLUGINS_DISABLED=a,b   hides and blocks plugins
    """
    rows = describe(check=check)
    show(rows)
    return 8 if any(str(row["state"]).startswith("broken") for row in rows) else 0


def describe(*, check: bool) -> list[dict[str, Any]]:
    """Return a row for each declared plugin, subcommand and provider; with `check` each usable one is loaded."""
    from hca_core.plugins import location

    rows = []
    for group in (discover.PLUGINS, *sorted(_subcommand_groups()), discover.CREDENTIALS):
        usable = discover.installed(group)
        for entry in discover.declared(group):
            state = _state(entry, usable)
            seconds = None
            if check and state == "ok":
                started = time.perf_counter()
                state = _checked(entry)
                seconds = round(time.perf_counter() - started, 3)
            row = {
                "command": _called(entry),
                "distribution": entry.distribution,
                "version": entry.version,
                "state": state,
                "location": location(entry),
            }
            rows.append({**row, "seconds": seconds} if check else row)
    return rows


def _called(entry: discover.EntryPoint) -> str:
    """Return how people call what `entry` names: the words of a command, or what kind of thing it is."""
    if entry.group == discover.PLUGINS:
        return entry.name
    if entry.group == discover.CREDENTIALS:
        return f"(credentials) {entry.name}"
    return f"{entry.group.removeprefix('hca.commands.').replace('.', ' ')} {entry.name}"


def _subcommand_groups() -> list[str]:
    return [f"hca.commands.{name}" for name in discover.installed(discover.PLUGINS)]


def _state(entry: discover.EntryPoint, usable: dict[str, discover.EntryPoint]) -> str:
    if entry.name in discover.disabled():
        return "disabled"
    winner = usable.get(entry.name)
    if winner is not entry:
        return f"shadowed by {winner.distribution}" if winner else "unknown"
    if entry.group == discover.PLUGINS:
        from hca_core.main import OWN_COMMANDS

        if entry.name in OWN_COMMANDS:
            return "shadowed by hca-core"
    return "ok"


def _checked(entry: discover.EntryPoint) -> str:
    from hca_core import plugins as loader
    from hca_core.errors import HCAError

    try:
        if entry.group == discover.PLUGINS:
            loader.load(entry.name)
            loader.command(entry.name)
        elif entry.group == discover.CREDENTIALS:
            loader.named(entry)
        else:
            loader.subcommand(entry)
    except HCAError as error:
        return f"broken: {error.message.rpartition(' be used: ')[2]}"
    return "ok"
