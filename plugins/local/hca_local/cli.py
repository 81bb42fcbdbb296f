"""`hca local`: the data services on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from hca_core.commands import LOCAL_PATH, Verb, output_options
from hca_core.context import say
from hca_core.errors import HCAError
from hca_core.lazy import PluginGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_core.output import Show
    from hca_local.data_directory import DataDirectory
    from hca_local.order import Order

# Settings that options change: the option, what its value is, what it does, the default.
_BEHAVIOURS: tuple[tuple[str, str, str, str], ...] = (
    ("first-get-redirects", "N", "How many 301 answers come before the first download of a blob.", "1"),
    ("retry-after", "SECONDS", "How long these answers tell clients to wait.", "0"),
    ("url-lifetime", "SECONDS", "How long a signed URL is good for.", "3600"),
    ("token-lifetime", "SECONDS", "How long a token of env and token is good for.", "7 days"),
    ("login-lifetime", "SECONDS", "How long one of a login is, before it is renewed.", "3600"),
    ("upload-key-lifetime", "SECONDS", "How long S3 keys for an upload area are good for.", "3600"),
    ("replica-delay", "SECONDS", "How much later a write appears in the other replica.", "0"),
    ("copy-threshold", "BYTES", "Files above this are copied after the answer (202).", "64 MiB"),
    ("copy-seconds", "SECONDS", "How long such a copy takes at least.", "0"),
    ("checkout-seconds", "SECONDS", "How long a checkout takes at least.", "1"),
    ("retry-speedup", "N", "How much faster than the hosted DSS callbacks are repeated.", "900"),
    ("callbacks-anywhere", "0|1", "Whether callbacks may leave this machine.", "0"),
    ("read-only", "0|1", "Whether the DSS refuses writing.", "0"),
)
# Those of Shock and of Azul, which have their own kinds of values: see `_shock_options`, `_azul_options`.
_OF_SHOCK = ("shock_anonymous", "shock_quirks", "shock_paths", "shock_reap_seconds")
_OF_AZUL = ("azul_mode", "azul_polls", "azul_wait")
_FROM_ONE = ("url-lifetime", "token-lifetime", "login-lifetime", "upload-key-lifetime", "retry-speedup")
data_option = click.option(
    "--data", metavar="DIR", type=click.Path(), help="The data directory.  [default: HCA_LOCAL_DATA, or this user's]"
)


def _serving_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say how a deployment is to be and to behave."""
    options = [click.option("--empty", is_flag=True, help="Don't fill a new store with the sample dataset.")]
    for name, value, text, default in _BEHAVIOURS:
        kind = click.IntRange(0, 1) if value == "0|1" else click.IntRange(int(name in _FROM_ONE))
        options.append(click.option(f"--{name}", type=kind, metavar=value, help=f"{text}  [default: {default}]"))
    endpoint = "S3 server with the staging buckets.  [default: one that is started too]"
    options.append(click.option("--s3-endpoint", metavar="URL", callback=_checked_url, help=endpoint))
    for option in reversed([*options, *_shock_options(), *_azul_options()]):
        command = option(command)
    return command


def _shock_options() -> list[Callable[[Any], Any]]:
    """Return the options of the Shock service."""
    form, user = "NAME:PASSWORD[:admin]", "A user of the Shock service, kept for good.  [repeatable]"
    anonymous = "What callers of it without a login may do.  [default: all]"
    quirks = "Whether it has the faults of the hosted ones.  [default: 0]"
    paths = "Where files that it may make nodes of lie.  [default: nowhere]"
    reaping = "How often its expired nodes are removed.  [default: 60]"
    return [
        click.option("--shock-user", multiple=True, metavar=form, callback=_checked_users, help=user),
        click.option("--shock-anonymous", type=click.Choice(["all", "read", "none"]), help=anonymous),
        click.option("--shock-quirks", type=click.IntRange(0, 1), metavar="0|1", help=quirks),
        click.option("--shock-paths", type=LOCAL_PATH, metavar="DIR", callback=_checked_paths, help=paths),
        click.option("--shock-reap-seconds", type=click.IntRange(1), metavar="SECONDS", help=reaping),
    ]


def _azul_options() -> list[Callable[[Any], Any]]:
    """Return the options of the stand-in for Azul."""
    mode = "As which Azul it behaves: today's, or that of 2024.  [default: new]"
    polls = "How often one of its manifests is not ready yet.  [default: 1]"
    wait = "How much of the hosted service's waiting times it asks for.  [default: 0]"
    return [
        click.option("--azul-mode", type=click.Choice(["new", "old"]), help=mode),
        click.option("--azul-polls", type=click.IntRange(0), metavar="N", help=polls),
        click.option("--azul-wait", type=click.IntRange(0), metavar="PERCENT", help=wait),
    ]


def _checked_users(context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> list[str]:
    """Return `texts` if each of them gives a user with a password. Raises UsageError."""
    if texts:
        from hca_local.shock import accounts

        for text in texts:
            accounts.account(text)
    return list(texts)


def _checked_paths(context: click.Context, parameter: click.Parameter, path: str | None) -> str | None:
    """Return `path` if it is the absolute one of a directory; an empty one takes back what was set before."""
    if path and not (os.path.isabs(path) and os.path.isdir(path)):
        raise click.BadParameter(f"{path!r} is not the absolute path of a directory.", context, parameter)
    return path


def _checked_url(context: click.Context, parameter: click.Parameter, url: str | None) -> str | None:
    """Return `url` if it can be that of a server; an empty one takes back what was set before."""
    from urllib.parse import urlsplit

    if url and not (urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname):
        raise click.BadParameter(f"{url!r} is not a URL like https://s3.example.org.", context, parameter)
    return url


_port_option = click.option(
    "--port", type=click.IntRange(1, 65535), metavar="N", help="The port.  [default: the last one, or any free one]"
)


@click.group(
    cls=PluginGroup,
    entry_points="hca.commands.local",
    own={
        "area": ("hca_local.upload.cli:area", "List and steer the areas of the upload service."),
        "admin": ("hca_local.identity.cli:admin", "Make a user an administrator of the services."),
        "password": ("hca_local.identity.cli:password", "Print the password of a user."),
        "shock": ("hca_local.shock.cli:shock", "Manage the users of the Shock service."),
        "service-account": ("hca_local.identity.cli:service_account", "Let programs log in by themselves."),
        "token": ("hca_local.identity.cli:token", "Print a token of a user of the services."),
    },
)
def local() -> None:
    """Run the data services on this machine.

    \b
    hca local up
    eval "$(hca local env)"
    hca dss get-bundles-all --replica aws
    hca local down
    """


@local.command(cls=Verb)
@data_option
@_port_option
@_serving_options
@output_options()
def up(show: Show, data: str | None, **options: Any) -> None:
    """Start the services in the background.

    A new data directory is filled with a sample dataset. The options on behaviour are kept in the data directory.

    \b
    hca local up
    hca local up --data /srv/hca --port 8080 --empty
    """
    from hca_local import control

    directory = _directory(data)
    state, started = control.up(_order(str(directory.root), options))
    if started:
        say(f"hca local runs at {state.url} on {directory.root}.")
    else:
        say(f"hca local is already running at {state.url} on {directory.root}.")
        if any(value not in (None, []) and value is not False for value in options.values()):  # 0 is one too
            say("Options take effect at the next start: hca local down, then up again.")
    others = {"shock": state.shock_url, "azul": state.azul_url}
    names = ["dss", "auth", "upload", "s3", *(name for name, url in others.items() if url), *state.services]
    say(f"Services: {', '.join(names)} (hca local status shows where).")
    _tell_problems(directory)
    where = "" if data is None else f" --data {_quoted(data)}"
    say(f'Next: eval "$(hca local env{where})"')
    show(
        {"service": "dss", "url": f"{state.url}/v1", "pid": state.pid, "data": str(directory.root), "started": started}
    )


@local.command(cls=Verb)
@data_option
def down(data: str | None) -> None:
    """Stop the services.

    \b
    hca local down
    """
    from hca_local import control

    directory = _directory(data)
    if control.down(directory):
        say(f"hca local on {directory.root} is stopped.")
    else:
        say(f"hca local is not running on {directory.root}.")


@local.command(cls=Verb)
@data_option
@output_options(default="table")
@click.pass_context
def status(context: click.Context, /, show: Show, data: str | None) -> None:
    """Show what runs where; exit status 1 if it does not.

    \b
    hca local status
    hca local status --output json --query '[0].url'
    """
    from hca_local import control

    directory = _directory(data)
    found = control.status(directory)
    row: dict[str, Any] = {
        "service": "dss",
        "url": f"{found.url}/v1" if found.url else "",
        "state": found.condition,
        "pid": found.pid,
        "data": str(directory.root),
        "bundles": found.totals.bundles if found.totals else 0,
        "files": found.totals.files if found.totals else 0,
        "bytes": found.totals.bytes if found.totals else 0,
        "problem": None,
    }
    urls = {"auth": found.url, "upload": row["url"], "s3": found.s3_url}
    urls |= {"shock": found.shock_url, "azul": found.azul_url}
    ours = [{"service": name, "url": url, "state": found.condition} for name, url in urls.items()]
    shown = [row, *(dict.fromkeys(row) | one for one in [*ours, *found.services])]
    show(shown, columns=list(row))
    context.exit(0 if found.condition == "running" else 1)


@local.command(cls=Verb)
@data_option
@click.option("--unset", is_flag=True, help="Print the lines that undo it.")
def env(data: str | None, unset: bool) -> None:
    """Print the shell lines that let hca use the services.

    They log in as the first user, and let boto3 and aws-cli use the S3 server of the deployment as well. At the Shock
    service they log in as its first administrator, if it has users.

    \b
    eval "$(hca local env)"
    eval "$(hca local env --unset)"
    """
    from hca_local import control, shell

    if unset:
        lines = shell.undo(os.environ)
    else:
        directory = _directory(data)
        lines = shell.use(shell.variables(directory, control.logged_in(directory)), os.environ)
    for line in lines:
        click.echo(line)


@local.command(cls=Verb)
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path())
@data_option
@click.option(
    "--replica",
    type=click.Choice(["aws", "gcp", "both"]),
    default="both",
    show_default=True,
    help="The replicas to put the bundles into.",
)
@click.option("--uuid", help="The uuid of the bundle, for a single DIR.  [default: a new one]")
@click.option("--version", help="The version of the bundles and files.  [default: now]")
@output_options(default="table")
def seed(show: Show, folders: tuple[str, ...], data: str | None, replica: str, **identity: str | None) -> None:
    """Make a bundle out of each local folder.

    The files keep their paths below the folder as names; .json files are metadata. Works whether or not the services
    run; a directory without a store becomes an empty one first.

    \b
    hca local seed my-sample
    hca local seed sample-1 sample-2 --replica aws --output json
    """
    from hca_core import names
    from hca_local import seeding
    from hca_local.store.records import REPLICAS

    bundles = seeding.wanted(folders, **identity)
    for bundle in bundles:
        clashes = names.case_clashes([file.name for file in bundle.files])
        if clashes:
            told = ", ".join(clashes)
            say(f"Warning: in {bundle.folder} these names differ in case only: {told}")
    directory = _directory(data)
    seeding.prepare(directory)
    replicas = REPLICAS if replica == "both" else (replica,)
    rows: list[dict[str, Any]] = []
    try:
        for done in seeding.seed(directory, bundles, replicas):
            rows.append({"uuid": done.uuid, "version": done.version, "files": done.files, "bytes": done.bytes})
    finally:
        if rows:  # these bundles are there, also when a later one has failed
            show(rows, columns=list(rows[0]))


@local.command(cls=Verb)
@data_option
@click.option("-f", "--follow", is_flag=True, help="Go on with what is appended.")
@click.option("--lines", type=click.IntRange(0), default=20, show_default=True, metavar="N", help="How many lines.")
def logs(data: str | None, follow: bool, lines: int) -> None:
    """Show the log of the services.

    \b
    hca local logs --lines 100
    hca local logs -f
    """
    from hca_local import logs as reading

    directory = _directory(data)
    parts: Iterator[bytes]
    try:
        parts = reading.follow(directory.log, lines) if follow else iter([reading.tail(directory.log, lines)])
        for part in parts:
            click.echo(part, nl=False)
    except FileNotFoundError as error:
        raise HCAError(f"There is no log in {directory.root} yet.", hint="hca local up") from error


@local.command(cls=Verb)
@data_option
@_port_option
@_serving_options
def serve(data: str | None, **options: Any) -> None:
    """Run the services in the foreground, until Ctrl-C.

    \b
    hca local serve --data /srv/hca --port 8080
    """
    from hca_local import data_directory, serving
    from hca_local.server.log import rotate

    directory = _directory(data)
    if data_directory.is_store(directory):
        rotate(directory.log)
    order = _order(str(directory.root), options)

    def announce(url: str) -> None:
        say(f"hca local runs at {url} on {directory.root}.")
        _tell_problems(directory)

    serving.serve(order, announce)


@local.command(cls=Verb, context_settings={"allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--keep", metavar="DIR", type=click.Path(), help="Keep the data in DIR; use those that are there.")
@_serving_options
@click.pass_context
def run(context: click.Context, /, command: tuple[str, ...], keep: str | None, **options: Any) -> None:
    """Run COMMAND on private services with sample data.

    They have their own directory and port, are known to COMMAND only, and end with it. The exit status is that of
    COMMAND.

    \b
    hca local run -- hca dss get-bundles-all --replica aws
    hca local run --keep my-data -- pytest
    """
    from hca_local import runner

    data = "" if keep is None else str(_directory(keep).root)
    try:
        exit_status = runner.run(command, _order(data, options), _tell_problems)
    except runner.CommandError as error:
        click.echo(f"hca: {error}", err=True)
        exit_status = error.exit_status
    context.exit(exit_status)


def _tell_problems(directory: DataDirectory) -> None:
    """Tell what is wrong with the services of plugins in the deployment that serves `directory`."""
    from hca_local import control

    for sentence in control.problems(control.running(directory)):
        say(f"hca: {sentence}")


def _directory(data: str | None) -> DataDirectory:
    from hca_local import data_directory

    return data_directory.at(data)


def _order(data: str, options: dict[str, Any]) -> Order:
    from hca_local.order import Order

    names = (*(one[0].replace("-", "_") for one in _BEHAVIOURS), "s3_endpoint", *_OF_SHOCK, *_OF_AZUL)
    changes = {name: options[name] for name in names}
    users = options["shock_user"]
    return Order(data, port=options.get("port"), empty=options["empty"], changes=changes, shock_users=users)


def _quoted(word: str) -> str:
    import shlex

    return shlex.quote(word)
