"""`hca completion`: the script that makes a shell complete `hca` and everything below it."""

from __future__ import annotations

import click

# What click's scripts get wrong, by shell: a piece of the script, and what stands there instead. Some candidates end
# with `=` as a value follows; a blank behind it would make that another word, as bash and zsh don't know. And in fish
# values and descriptions would end at their first comma.
_MENDED = {
    "bash": (
        "            COMPREPLY+=($value)\n",
        "            COMPREPLY+=($value)\n            [[ $value == *= ]] && compopt -o nospace 2> /dev/null\n",
    ),
    "zsh": (
        "        compadd -U -V unsorted -a completions\n",
        "        compadd -U -V unsorted -S '' -- ${(M)completions:#*=}\n"
        "        compadd -U -V unsorted -- ${completions:#*=}\n",
    ),
    "fish": ('(string split "," $completion)', '(string split --max 1 "," $completion)'),
}


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash:  hca completion bash > ~/.local/share/bash-completion/completions/hca
    zsh:   hca completion zsh > "${fpath[1]}/_hca"
    fish:  hca completion fish > ~/.config/fish/completions/hca.fish
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is not None:  # the choices above are those that click knows
        script = found(ctx.find_root().command, {}, "hca", "_HCA_COMPLETE").source()
        click.echo(script.replace(*_MENDED[shell]))
