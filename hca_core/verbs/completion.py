"""`hca completion`: the script that makes a shell complete `hca` and everything below it."""

from __future__ import annotations

import click


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
        click.echo(found(ctx.find_root().command, {}, "hca", "_HCA_COMPLETE").source())
