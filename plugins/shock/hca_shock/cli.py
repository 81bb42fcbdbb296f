"""`hca shock`: the group, what all of its verbs share, and the verbs that look at one node."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from hca_core.commands import Verb, output_options
from hca_core.context import Hca
from hca_core.errors import UsageError
from hca_core.lazy import PluginGroup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_core.output import Show
    from hca_shock.client import ShockClient

_TRANSFER = "hca_shock.transfer.cli"
_METADATA = "hca_shock.metadata.cli"
_ADMIN = "hca_shock.admin.cli"
_SHARING = "hca_shock.sharing.cli"
_META_KEY = "hca_shock.choice"


class Choice(NamedTuple):
    """Which server and which user were given on the command line."""

    url: str | None = None
    server: str | None = None
    user: str | None = None


@click.group(
    cls=PluginGroup,
    entry_points="hca.commands.shock",
    own={
        "acl": ("hca_shock.acl.cli:acl", "Show and change who may do what with a node."),
        "archive": (f"{_SHARING}:archive", "Download many nodes as one archive."),
        "attributes": (f"{_METADATA}:attributes", "Show and change the attributes of a node."),
        "cat": (f"{_TRANSFER}:cat", "Write files of nodes to standard output."),
        "copy-to": (f"{_SHARING}:copy_to", "Copy a node to another server."),
        "doctor": (f"{_ADMIN}:doctor", "Look what is wrong between you and the server."),
        "expire": (f"{_METADATA}:expire", "Let a node end at a time, or never."),
        "format": (f"{_METADATA}:format_", "Set the format of a node's file."),
        "get": (f"{_TRANSFER}:get", "Download files of nodes, verified."),
        "help": ("hca_core.verbs.help:help_command", "Show this help, or that of a verb."),
        "index": ("hca_shock.index.cli:index", "Make and list indexes of a node's file."),
        "info": (f"{_ADMIN}:info", "Show how the server describes itself."),
        "link": (f"{_METADATA}:link", "Add a relation of a node to others."),
        "location": (f"{_ADMIN}:location", "Show what a location has and lacks (administrators)."),
        "locations": (f"{_ADMIN}:locations", "Show and change where a node is stored (administrators)."),
        "lock": (f"{_METADATA}:lock", "Keep everybody from reading the file of a node."),
        "locks": (f"{_ADMIN}:locks", "Show what is locked."),
        "login": ("hca_shock.account.cli:login", "Keep a token, or a name and password, for the server."),
        "logout": ("hca_shock.account.cli:logout", "Forget the login at the server."),
        "ls": ("hca_shock.query.cli:ls", "List and find nodes."),
        "priority": (f"{_METADATA}:priority", "Set the priority of a node."),
        "put": (f"{_TRANSFER}:put", "Make nodes of files, verified."),
        "rename": (f"{_METADATA}:rename", "Rename the file of a node."),
        "restore": (f"{_ADMIN}:restore", "Show or set whether a node is to be restored."),
        "rm": (f"{_METADATA}:rm", "Delete nodes."),
        "slice": ("hca_shock.index.cli:slice_", "Get a piece of a file: bytes, lines, records, alignments."),
        "tag": (f"{_METADATA}:tag", "Add tags to a node."),
        "types": (f"{_ADMIN}:types", "Show a node type (administrators)."),
        "unlock": (f"{_METADATA}:unlock", "Take the lock of a node's file away."),
        "uploads": (f"{_TRANSFER}:uploads", "List, finish and remove unfinished uploads."),
        "url": (f"{_SHARING}:url", "Make a link that somebody can use once without a login."),
        "wait": (f"{_ADMIN}:wait", "Wait until the file and the indexes of a node are ready."),
        "whoami": ("hca_shock.account.cli:whoami", "Show who you are to the server."),
    },
)
@click.option("--url", metavar="URL", help="The server.  [default: HCA_SHOCK_URL, or the configured one]")
@click.option("--server", metavar="NAME", help="The server by its name in the configuration (shock.servers.NAME).")
@click.option("--user", metavar="NAME[:PASSWORD]", help="Who you are, where the server knows names and passwords.")
@click.pass_context
def shock(ctx: click.Context, url: str | None, server: str | None, user: str | None) -> None:
    """Keep files and what is known of them on Shock data servers.

    A URL without a port means port 7445. Tokens come from HCA_SHOCK_TOKEN, or from hca shock login.

    \b
    hca shock put reads.fastq --attributes '{"project": "P1"}'
    hca shock ls project=P1
    hca shock get ID
    hca shock --server mgrast info
    """
    ctx.meta[_META_KEY] = Choice(url, server, user)


@contextmanager
def client() -> Iterator[ShockClient]:
    """Give a client of the server that was chosen on the command line; its connections are closed in the end."""
    from hca_shock.client import ShockClient

    choice = chosen()
    user = None
    if choice.user is not None:
        name, colon, password = choice.user.partition(":")
        user = (name, password if colon else asked_password(name))
    with ShockClient(choice.url, server=choice.server, user=user, config=Hca.current().config) as made:
        yield made


def chosen() -> Choice:
    """Return what was given of server and user on the command line."""
    choice: Choice = click.get_current_context().meta.get(_META_KEY, Choice())
    return choice


def asked_password(name: str) -> str:
    """Return the password that somebody types, which is not shown.

    Raises UsageError if there is no name, or no terminal for it.
    """
    import getpass
    import warnings

    if not name:
        raise UsageError("the name of the user is empty", hint="give NAME, or NAME:PASSWORD")
    with warnings.catch_warnings():
        # Without a terminal Python would read standard input, and show what is typed there.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            password: str = click.prompt(f"Password of {name}", hide_input=True, err=True)
        except getpass.GetPassWarning as error:
            raise UsageError(
                f"the password of {name} can't be asked for without a terminal",
                hint="give NAME:PASSWORD, or a token (HCA_SHOCK_TOKEN)",
            ) from error
    return password


def check_free(path: str, *, force: bool) -> None:
    """Raise UsageError if there is something at `path` that `force` does not allow to replace."""
    if not force and os.path.lexists(path):
        raise UsageError(f"{path} exists", hint="--force replaces it")


@shock.command(cls=Verb, short_help="Show what is known of nodes.")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@output_options()
def show(ids: tuple[str, ...], show: Show) -> None:
    """Show what the server knows of nodes.

    \b
    hca shock show 130cadb5-9435-4bd9-be13-715ec40b2bb5
    hca shock show ID --query file.checksum.md5
    """
    with client() as server:
        found: list[dict[str, Any]] = [server.node(one).raw for one in ids]
    show(found[0] if len(found) == 1 else found)
