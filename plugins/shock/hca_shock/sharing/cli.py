"""`hca shock url`, `archive` and `copy-to`."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from hca_core.commands import ListOption, Verb, output_options
from hca_core.context import Hca
from hca_shock.cli import asked_password, check_free, client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_core.output import Show
    from hca_shock.client import ShockClient
    from hca_shock.sharing.links import Link


@click.command(cls=Verb, short_help="Make a link that somebody can use once without a login.")
@click.argument("node_id", metavar="ID")
@click.option("--name", help="Name of the file for who downloads it.")
@click.option("--filter", help="fq2fa (FASTQ to FASTA) or anonymize (new names for sequences).")
@click.option("--compression", help="Let the server pack it: gzip or zip.")
@output_options("text")
def url(node_id: str, show: Show, **choices: Any) -> None:
    """Make a URL at which anybody can download the file of a node once, without a login.

    It leads to the server at the address at which you reach it. Whoever only looks whether it works uses it up.

    \b
    curl -o reads.fastq "$(hca shock url ID)"
    """
    with client() as shock:
        link = shock.sharing.url(node_id, **choices)
    _show_link(show, link)


@click.command(cls=Verb, short_help="Download many nodes as one archive.")
@click.argument("where", nargs=-1, metavar="[CONDITION]...")
@click.option("--ids", cls=ListOption, metavar="ID...", help="The nodes; @FILE has an id a line, - reads them.")
@click.option("-o", "--to", "target", type=click.Path(), help="The archive.  [default: nodes.zip or nodes.tar]")
@click.option("--format", "format_", type=click.Choice(["zip", "tar"]), help="[default: what the name ends with]")
@click.option("--link", is_flag=True, help="Make a link to an archive instead, as the verb url does.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--no-progress", is_flag=True, help="Draw no progress bar.")
@output_options()
def archive(
    where: tuple[str, ...],
    ids: list[str] | None,
    target: str | None,
    format_: str | None,
    link: bool,
    force: bool,
    no_progress: bool,
    show: Show,
) -> None:
    """Write the files of nodes to one archive, each of them compared with its size and its md5.

    The nodes are those for which all CONDITIONs hold (see hca shock ls), or those of --ids, all of them. The archive is
    there when all is in it. Two files of one name get numbers; one that leads elsewhere is named by the node's id.

    \b
    hca shock archive project=P1 -o p1.tar
    hca shock ls project=P1 --ids | hca shock archive --ids - -o p1.zip
    hca shock archive project=P1 --link
    """
    from hca_core import progress

    ids = [one for word in ids or () for one in word.split(",") if one]
    if link:
        if target is not None:
            raise click.UsageError("--link makes no file, so -o says nothing.", click.get_current_context())
        with client() as shock:
            _show_link(show, shock.sharing.archive_url(where, ids=ids, format=format_ or "zip"))
        return
    path = target or f"nodes.{format_ or 'zip'}"
    check_free(path, force=force)
    with client() as shock, progress.bytes_bar(None, enabled=not no_progress) as bar:
        made = shock.sharing.archive(path, where, ids=ids, format=format_, told=bar)
    show(asdict(made))


@click.command("copy-to", cls=Verb, short_help="Copy a node to another server.")
@click.argument("node_id", metavar="ID")
@click.argument("target", metavar="URL_OR_NAME")
@click.option("--data/--no-data", default=True, help="Copy the file.  [default: yes]")
@click.option("--attributes/--no-attributes", default=True, help="Copy the attributes.  [default: yes]")
@click.option("--via", type=click.Choice(["auto", "client", "server"]), default="auto", help="Who sends the bytes.")
@click.option("--to-user", metavar="NAME[:PASSWORD]", help="Who you are at the other server.")
@click.option("--no-progress", is_flag=True, help="Draw no progress bar.")
@output_options()
def copy_to(node_id: str, target: str, to_user: str | None, no_progress: bool, show: Show, **choices: Any) -> None:
    """Copy a node to another server, compare the copy with it, and show the new node.

    URL_OR_NAME is the address of the other server, or its name in the configuration. The bytes come through this
    machine; with --via server the two servers do it, and the other one is shown the login that this one got.

    \b
    hca shock copy-to ID http://other.example.org:7445
    """
    from hca_core import progress

    bar = progress.bytes_bar(None, enabled=not no_progress)
    with client() as shock:
        found = shock.server.credential if choices["via"] == "server" and to_user is None else None
        with _other(target, to_user, found.token if found else None) as other, bar as told:
            made = shock.sharing.copy(node_id, other.server, told=told, **choices)
    show(made.raw)


@contextmanager
def _other(target: str, user: str | None, token: str | None) -> Iterator[ShockClient]:
    """Give a client of the server that a node is copied to; `token` is what that is shown anyway."""
    from hca_shock import config
    from hca_shock.client import ShockClient

    settings = Hca.current().config
    login = None
    if user is not None:
        name, colon, password = user.partition(":")
        login = (name, password if colon else asked_password(name))
    place = {"server": target} if target in config.profiles(settings) else {"url": target}
    with ShockClient(user=login, token=token, config=settings, **place) as made:
        yield made


def _show_link(show: Show, link: Link) -> None:
    from hca_core import log

    if show.chosen or show.query:
        show.format = show.chosen or "json"
        show(asdict(link))
        return
    show.text(link.url)
    until = f"; the server says it is valid until {link.valid_until}" if link.valid_until else ""
    log.logger().info("it works once%s", until)
