"""`login`, `logout`, `whoami` and `refresh-swagger`: the verbs that the group of every described service has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hca_core.commands import Verb, output_options, text_of
from hca_core.context import Hca

if TYPE_CHECKING:
    from hca_core.output import Show


@click.command(cls=Verb, any_profile=True)
@click.option("--access-token", metavar="TOKEN", help="Keep this token; @FILE or - (stdin) reads it.")
@click.option("--remote", is_flag=True, help="Open the address elsewhere, and paste what it shows here.")
@click.option("--device", is_flag=True, help="Enter a short code in a browser anywhere.")
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="Where the browser comes back to.")
@click.option(
    "--timeout", type=click.FloatRange(1), metavar="SECONDS", help="How long to wait for you.  [default: 300]"
)
@click.pass_context
def login(
    ctx: click.Context,
    access_token: str | None,
    remote: bool,
    device: bool,
    port: int | None,
    timeout: float | None,
) -> None:
    """Log in, in a browser where there is one.

    Without a browser on this machine, a short code is shown that you enter in one anywhere (--device), or, where the
    service can't do that, an address whose answer you paste here (--remote).

    What comes back is kept in a file of your own that nobody else can read, is sent to this service's host only, and
    is renewed when it runs out. HCA_TOKEN in the environment is used before it. See also whoami.
    """
    from hca_core.credentials.signing_in import Way
    from hca_core.errors import UsageError

    if sum((access_token is not None, remote, device)) > 1:
        raise UsageError("--access-token, --remote and --device can't be used together", hint="give one of them")
    if access_token is not None:
        token = text_of(access_token, ctx, None)
        if not token.strip():
            raise UsageError(f"there is no token in {access_token.removeprefix('@')!r}")
        _client(ctx).keep_token(token)
    else:
        way = Way.REMOTE if remote else Way.DEVICE if device else Way.BROWSER if port else Way.BEST
        _client(ctx).log_in(way, port=port or 0, timeout=timeout)


@click.command(cls=Verb)
@click.pass_context
def logout(ctx: click.Context) -> None:
    """End the login at the service's host and forget it."""
    from hca_core import terminal

    _client(ctx).log_out(terminal.talk())


@click.command(cls=Verb)
@output_options()
@click.pass_context
def whoami(ctx: click.Context, /, show: Show) -> None:
    """Show who you are to the service: the account, where its token comes from, when that ends."""
    from hca_core.credentials import report

    show(report.identity(_client(ctx)))


@click.command("refresh-swagger", cls=Verb)
@click.pass_context
def refresh_swagger(ctx: click.Context) -> None:
    """Fetch the description of the service's API anew; new operations become verbs at once."""
    _client(ctx).refresh_swagger()


def _client(ctx: click.Context) -> Any:
    """Return a client of the service whose group the verb was called in."""
    from hca_core import plugins

    service: str = getattr(ctx.parent and ctx.parent.command, "service", "")
    return plugins.client_class(service)(config=Hca.current().config)
