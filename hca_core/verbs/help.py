"""`help`: the help of the group it is in, or of a command below that, given by its words."""

from __future__ import annotations

from typing import Any

import click


@click.command("help")
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def help_command(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Show this help, or that of a command, as in: hca help config get."""
    root = ctx.find_root()
    # A context of its own without "help" in its path: the usage line must read as what the user will type.
    width: dict[str, Any] = {"terminal_width": ctx.terminal_width}
    args = [*_group(ctx), *words, "--help"]
    root.command.main(args=args, prog_name=root.info_name, standalone_mode=False, **width)


def _group(ctx: click.Context) -> list[str]:
    """Return the words behind the program's name that lead to the group that `ctx` was called in."""
    names: list[str] = []
    above = ctx.parent
    while above is not None and above.parent is not None:
        names.insert(0, above.info_name or "")
        above = above.parent
    return names
