"""`help`: the help of the group it is in, or of a command below that, given by its words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hca_core.lazy import LazyCommand

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def _next_words(ctx: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Return the commands that may stand behind the words that are there already."""
    command: click.Command | None = ctx.parent.command if ctx.parent else None
    for word in ctx.params.get("words") or ():
        command = command.get_command(ctx, word) if isinstance(command, click.Group) else None
        command = command.loaded() if isinstance(command, LazyCommand) else command
    return command.shell_complete(click.Context(command), begun) if isinstance(command, click.Group) else []


@click.command("help")
@click.argument("words", nargs=-1, metavar="[COMMAND]...", shell_complete=_next_words)
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
