"""`hca help`: the help of the root, or of a command given by its words."""

from __future__ import annotations

from typing import Any

import click


@click.command("help")
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def help_command(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Show the help of hca, or of a command: hca help config get."""
    root = ctx.find_root()
    # A context of its own without "help" in its path: the usage line must read as what the user will type.
    width: dict[str, Any] = {"terminal_width": ctx.terminal_width}
    root.command.main(args=[*words, "--help"], prog_name=root.info_name, standalone_mode=False, **width)
