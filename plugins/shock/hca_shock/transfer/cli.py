"""`hca shock put`, `get`, `cat` and `uploads`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from hca_core.commands import LOCAL_PATH, Verb, output_options, parse_json, text_of
from hca_core.errors import UsageError
from hca_shock.cli import client

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hca_core.output import Show
    from hca_shock.forms import FilePart
    from hca_shock.node import Link, Node
    from hca_shock.server import Server
    from hca_shock.transfer.description import Description
    from hca_shock.transfer.getting import Got
    from hca_shock.transfer.putting import Outcome

_ROW = ("id", "name", "size", "md5")
# The other things than files of this machine that a node can be made of; one of them at a time.
_MODES = ("empty", "from_url", "copy_of", "concat", "subset_of", "unpack", "server_path")


class SizeType(click.ParamType[Any]):
    """A number of bytes: 500000, 64M, 1G (multiples of 1024)."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number. Raises click.BadParameter."""
        if not isinstance(value, str):
            return value
        text = value.strip().upper().removesuffix("B").removesuffix("I")
        factor = {"K": 1024, "M": 1024**2, "G": 1024**3}.get(text[-1:], 1)
        digits = text if factor == 1 else text[:-1]
        if not digits.isdigit() or int(digits) < 1:
            self.fail(f"{value!r} is not a number of bytes, like 64M.", param, ctx)
        return int(digits) * factor


def _described(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the options that say what a new node is to have besides its file."""
    options = [
        click.option("--name", metavar="NAME", help="What the file is called at the server."),
        click.option("--attributes", metavar="JSON", help="Attributes of the node; @FILE or - (stdin) reads them."),
        click.option("--tag", "tags", multiple=True, metavar="TAG", help="A tag; may be given several times."),
        click.option("--format", "file_format", metavar="NAME", help="The format of the file, such as fastq."),
        click.option("--priority", type=int, metavar="N", help="The priority of the node."),
        click.option("--expire", metavar="TIME", help="Delete the node after a time: 90M, 12H or 30D."),
        click.option("--link", "links", multiple=True, metavar="RELATION=ID,...", help="A relation to other nodes."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _made(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the options for nodes that are made of something else than a file of this machine."""
    options = [
        click.option("--empty", is_flag=True, help="Make a node without a file."),
        click.option("--from-url", metavar="URL", help="Let the server fetch the file."),
        click.option("--copy-of", metavar="ID", help="Share the file of a node."),
        click.option("--with-attributes", is_flag=True, help="With --copy-of: copy the attributes too."),
        click.option("--with-indexes", is_flag=True, help="With --copy-of: copy the indexes too."),
        click.option("--concat", metavar="ID,ID,...", help="Show the files of nodes as one, in this order."),
        click.option("--subset-of", metavar="ID", help="Take some records of a node's file."),
        click.option("--index", metavar="NAME", help="With --subset-of: the index that counts the records."),
        click.option(
            "--units",
            type=LOCAL_PATH,
            metavar="FILE",
            help="With --subset-of: the numbers of the records, a line each.",
        ),
        click.option("--unpack", metavar="ID", help="Make a node of each file in an archive."),
        click.option(
            "--archive-format",
            type=click.Choice(["zip", "tar", "tar.gz", "tar.bz2"]),
            help="With --unpack: what kind of archive it is.",
        ),
        click.option("--preserve-acls", is_flag=True, help="With --unpack: rights as those of the archive."),
        click.option("--server-path", metavar="PATH", help="Take a file that the server can see."),
        click.option(
            "--action",
            type=click.Choice(["copy_file", "keep_file", "move_file"]),
            help="With --server-path: what happens to it.  [default: copy_file]",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command(cls=Verb, short_help="Make nodes of files, verified.")
@click.argument("files", nargs=-1, metavar="[FILE...]", type=click.Path())
@_described
@click.option("--gzip", "compression", flag_value="gzip", help="Let the server unpack the file (gzip).")
@click.option("--bzip2", "compression", flag_value="bzip2", help="Let the server unpack the file (bzip2).")
@click.option("--node", "node_id", metavar="ID", help="Put the file into this node, which has none yet.")
@click.option("--part-size", type=SizeType(), metavar="SIZE", help="Send parts of this size.  [default: above 1G, 16M]")
@click.option("--whole", is_flag=True, help="Send in one request, whatever the size.")
@click.option("--anew", is_flag=True, help="Don't go on with an upload that broke off.")
@click.option("--jobs", type=click.IntRange(1, 64), default=16, show_default=True, help="Files to send side by side.")
@click.option("--no-progress", is_flag=True, help="Draw no progress bar.")
@click.option("--ids", is_flag=True, help="Write only the ids of the nodes, one a line.")
@_made
@output_options("table")
def put(
    show: Show,
    files: tuple[str, ...],
    compression: str | None,
    node_id: str | None,
    part_size: int | None,
    whole: bool,
    anew: bool,
    jobs: int,
    no_progress: bool,
    ids: bool,
    **options: Any,
) -> None:
    """Make a node of each FILE; - is standard input. What has arrived is compared by size and MD5.

    A file of more than 1 GiB goes in parts. If that breaks off, the same command goes on where it was, from any machine
    that has the file. All that was asked for (name, attributes, tags) is compared with what the server has made of it.

    \b
    hca shock put reads.fastq --attributes '{"project": "P1"}' --tag raw
    samtools view -b in.bam | hca shock put - --name out.bam
    hca shock put --copy-of ID --name again.fastq
    """
    from hca_shock.transfer import putting

    description = _description(options)
    description.check()
    modes = [mode for mode in _MODES if options[mode]]
    for_files = {"compression": compression, "part-size": part_size, "whole": whole, "anew": anew, "node": node_id}
    _check_modes(files, modes, options, for_files)
    options["node_id"] = node_id
    if modes:
        with client() as shock:
            _show_nodes(show, _made_of(shock.server, modes[0], description, options), ids=ids)
        return
    order = putting.Order(
        compression=compression, part_size=part_size, whole=whole, jobs=jobs, resume=not anew, node_id=node_id
    )
    if files == ("-",):
        if sys.stdin is None:
            raise UsageError("there is no standard input", hint="give files, or pipe something into hca shock put -")
        if whole or anew or node_id:
            raise UsageError("standard input makes a new node, in parts if it has much", hint="give - alone")
        with client() as shock:
            _show_nodes(show, [_from_stdin(shock.server, description, order, bar=not no_progress)], ids=ids)
        return
    if "-" in files:
        raise UsageError("standard input can't be put together with files", hint="give - alone")
    readings = putting.readings(files, order)
    from hca_core.progress import bytes_bar

    total = sum(reading.size for reading in readings)
    with client() as shock, bytes_bar(total, enabled=not no_progress, files=len(readings)) as bar:
        outcomes = list(putting.put(shock.server, readings, description, order, bar))
    places = {path: place for place, path in enumerate(files)}
    outcomes.sort(key=lambda one: places[one.path])
    _tell(show, outcomes, ids=ids)


@click.command(cls=Verb, short_help="Download files of nodes, verified.")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option(
    "-o",
    "--to",
    "output_file",
    type=LOCAL_PATH,
    metavar="FILE",
    help="Write the only file here.  [default: its own name]",
)
@click.option(
    "-d", "--directory", type=LOCAL_PATH, metavar="DIR", default=".", help="Write the files there.  [default: here]"
)
@click.option("--by-id", is_flag=True, help="Call the files as their nodes.")
@click.option("--force", is_flag=True, help="Replace files that have another content.")
@click.option("--jobs", type=click.IntRange(1, 64), default=8, show_default=True, help="Files to fetch side by side.")
@click.option("--connections", type=click.IntRange(1, 16), default=4, show_default=True, help="For one large file.")
@click.option("--no-progress", is_flag=True, help="Draw no progress bar.")
@output_options("table")
def get(
    show: Show,
    ids: tuple[str, ...],
    output_file: str | None,
    directory: str,
    by_id: bool,
    force: bool,
    jobs: int,
    connections: int,
    no_progress: bool,
) -> None:
    """Download the files of nodes. Each is compared with the size and the MD5 that the server tells.

    A download that broke off goes on where it was when the same command is run again. A file that is there already
    with the right content is not fetched; one with another content is left alone unless --force is given.

    \b
    hca shock get 130cadb5-9435-4bd9-be13-715ec40b2bb5
    hca shock get ID -o reads.fastq
    hca shock get $(hca shock ls project=P1 --ids) -d data
    """
    from hca_core.progress import bytes_bar
    from hca_shock.transfer import getting

    if output_file and len(ids) > 1:
        raise UsageError("one file does not do for several nodes", hint="give --directory")
    if output_file == "-":
        raise UsageError("get writes files", hint="hca shock cat writes to standard output")
    folder = os.path.dirname(output_file or "")
    if folder and not os.path.isdir(folder):
        raise UsageError(f"there is no directory {folder}", hint="make it, or give --directory")
    with client() as shock:
        nodes = getting.looked_up(shock.server, list(dict.fromkeys(ids)), jobs=jobs)
        wanted = [(nodes[0], output_file)] if output_file else getting.targets(nodes, directory, by_id=by_id)
        total = sum(node.file.size for node in nodes)
        with bytes_bar(total, enabled=not no_progress, files=len(nodes)) as bar:
            found = getting.get(shock.server, wanted, bar, jobs=jobs, connections=connections, force=force)
            places = {node.id: place for place, node in enumerate(nodes)}
            outcomes = sorted(found, key=lambda one: places[one.node.id])
    _tell_got(show, outcomes)


@click.command(cls=Verb, short_help="Write files of nodes to standard output.")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
def cat(ids: tuple[str, ...]) -> None:
    """Write the files of nodes to standard output, one after another, each compared with its MD5.

    What is wrong is known at the end only: exit status 6 means that what was written must not be used. For a piece of a
    file see hca shock slice.

    \b
    hca shock cat ID | samtools view -
    """
    from hca_shock.transfer import streaming

    with client() as shock:
        nodes = [shock.node(one) for one in ids]
        for node in nodes:
            for block in streaming.blocks(shock.server, node):
                sys.stdout.buffer.write(block)
        sys.stdout.buffer.flush()


@click.group(short_help="List, finish and remove unfinished uploads.")
def uploads() -> None:
    """List, finish and remove uploads that broke off.

    hca shock put goes on with them by itself; these verbs are for looking after them.
    """


@uploads.command("list", cls=Verb, short_help="List the unfinished uploads that you may see.")
@output_options("table")
def list_(show: Show) -> None:
    """List the unfinished uploads that you may see, the newest first.

    \b
    hca shock uploads list
    """
    from hca_shock.transfer import unfinished

    with client() as shock:
        rows = (unfinished.row(node) for node in unfinished.nodes(shock.server))
        show(rows, columns=["id", "name", "arrived", "parts", "size", "created_on", "state"])


@uploads.command(cls=Verb, short_help="Send the parts that an unfinished upload lacks.")
@click.argument("node_id", metavar="ID")
@click.argument("file", type=click.Path())
@click.option("--jobs", type=click.IntRange(1, 16), default=2, show_default=True, help="Parts to send side by side.")
@click.option("--no-progress", is_flag=True, help="Draw no progress bar.")
@output_options("table")
def resume(show: Show, node_id: str, file: str, jobs: int, no_progress: bool) -> None:
    """Go on with an upload: send the parts of FILE that node ID has not.

    \b
    hca shock uploads resume 130cadb5-9435-4bd9-be13-715ec40b2bb5 reads.fastq
    """
    from hca_core.progress import bytes_bar
    from hca_shock.transfer import in_parts

    with client() as shock:
        reading = in_parts.reading_for(shock.node(node_id), file)
        with bytes_bar(reading.size, enabled=not no_progress) as bar:
            node = in_parts.resumed(shock.server, node_id, reading, bar, jobs=jobs)
    _show_nodes(show, [node])


@uploads.command(cls=Verb, short_help="Remove unfinished uploads.")
@click.argument("ids", nargs=-1, metavar="[ID...]")
@click.option("--all", "everything", is_flag=True, help="Remove all of them that you may remove.")
@click.option("--dry-run", is_flag=True, help="Remove nothing; tell what would be removed.")
@output_options("table")
def clean(show: Show, ids: tuple[str, ...], everything: bool, dry_run: bool) -> None:
    """Remove unfinished uploads: the nodes ID, or with --all every one that you can see.

    \b
    hca shock uploads clean --all --dry-run
    """
    from hca_shock.transfer import unfinished

    if bool(ids) == everything:
        raise UsageError("it is not said which uploads are to be removed", hint="give their ids, or --all")
    with client() as shock:
        rows, error = unfinished.clean(shock.server, ids, dry_run=dry_run)
    show(rows, columns=["id", "name", "status"])
    if error:
        raise error


def _description(options: dict[str, Any]) -> Description:
    from hca_shock.transfer.description import NOTHING, Description

    context = click.get_current_context()
    given = options["attributes"]
    return Description(
        name=options["name"],
        attributes=NOTHING if given is None else parse_json(text_of(given, context, None), context, None),
        tags=options["tags"],
        format=options["file_format"],
        priority=options["priority"],
        lifetime=options["expire"],
        links=tuple(_link(text) for text in options["links"]),
    )


def _link(text: str) -> Link:
    from hca_shock.node import Link

    relation, equals, ids = text.partition("=")
    if not relation or not equals or not all(ids.split(",")):
        raise UsageError(f"--link {text!r} is not of the form RELATION=ID,...", hint="as in --link parent=ID")
    return Link(relation, tuple(ids.split(",")), "")


def _check_modes(
    files: Sequence[str], modes: Sequence[str], options: dict[str, Any], for_files: dict[str, Any]
) -> None:
    """Raise UsageError unless one thing is put, by options that go with it."""
    named = [f"--{mode.replace('_', '-')}" for mode in modes]
    if len(modes) + bool(files) != 1:
        what = " and ".join(named + (["files"] if files else [])) or "nothing"
        raise UsageError(
            f"{what} can't be put" + (" together" if len(modes) + bool(files) > 1 else ""),
            hint="give files, - for standard input, or one of --empty, --from-url, --copy-of, --concat, --subset-of, "
            "--unpack, --server-path",
        )
    if modes == ["server_path"]:
        for_files = {**for_files, "node": None}
    if modes and (useless := [name for name, value in for_files.items() if value]):
        name = {"compression": for_files["compression"]}.get(useless[0], useless[0])
        raise UsageError(f"--{name} is for files of this machine, and does not go with {named[0]}")
    belongs = {
        "with_attributes": "copy_of",
        "with_indexes": "copy_of",
        "index": "subset_of",
        "units": "subset_of",
        "archive_format": "unpack",
        "preserve_acls": "unpack",
        "action": "server_path",
    }
    for option, mode in belongs.items():
        if options[option] and mode not in modes:
            raise UsageError(f"--{option.replace('_', '-')} goes with --{mode.replace('_', '-')} only")


def _made_of(server: Server, mode: str, description: Description, options: dict[str, Any]) -> list[Node]:
    """Make the nodes that the options ask for, of what the server has or fetches."""
    from hca_shock.transfer import making

    if mode == "copy_of":
        kept = {"attributes": options["with_attributes"], "indexes": options["with_indexes"]}
        return [making.copy(server, options[mode], description, **kept)]
    if mode == "subset_of":
        return [making.subset(server, options[mode], options["index"], _units(options["units"]), description)]
    if mode == "unpack":
        format_ = options["archive_format"]
        return making.unpacked(server, options[mode], format_, description, preserve_acls=options["preserve_acls"])
    if mode == "server_path":
        action = options["action"] or "copy_file"
        return [making.server_path(server, options[mode], action, description, node_id=options["node_id"])]
    if mode == "concat":
        return [making.concatenation(server, options[mode].split(","), description)]
    if mode == "from_url":
        return [making.from_url(server, options[mode], description)]
    return [making.empty(server, description)]


def _units(path: str | None) -> FilePart | None:
    from hca_shock.forms import FilePart

    if path is None:
        return None
    try:
        with open(path, "rb") as stream:
            return FilePart("subset_indices", os.path.basename(path) or "units", stream.read())
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error


def _from_stdin(server: Server, description: Description, order: Any, *, bar: bool) -> Node:
    from hca_core.progress import bytes_bar
    from hca_shock.transfer import streams
    from hca_shock.transfer.reading import Compression

    compression = Compression(order.compression) if order.compression else None
    size = order.part_size or streams.PART_SIZE
    with bytes_bar(None, enabled=bar) as drawn:
        return streams.put(server, sys.stdin.buffer, description, drawn, compression=compression, part_size=size)


def _show_nodes(show: Show, nodes: Sequence[Node], *, ids: bool = False) -> None:
    from hca_shock.transfer import putting

    _show_rows(show, [putting.row(node) for node in nodes], ids=ids)


def _show_rows(show: Show, rows: list[dict[str, Any]], *, ids: bool) -> None:
    if ids and show.chosen is None and show.query is None:
        for row in rows:
            show.text(row["id"])
    else:
        show([row["id"] for row in rows] if ids else rows, columns=() if ids else _ROW)


def _tell(show: Show, outcomes: Sequence[Outcome], *, ids: bool) -> None:
    """Show the nodes that were made; raise what went wrong with the others."""
    from hca_core.errors import several
    from hca_shock.errors import SomeFailedError
    from hca_shock.transfer import putting

    failed = [one for one in outcomes if one.error]
    if len(failed) == len(outcomes) == 1 and failed[0].error:
        raise failed[0].error
    _show_rows(show, [putting.row(one.node, one.path) for one in outcomes if one.node], ids=ids)
    if failed:
        problems = [f"{one.path}: {one.error}" for one in failed]
        raise SomeFailedError(several(problems, f"{len(outcomes) - len(failed)} of {len(outcomes)} files were put"))


def _tell_got(show: Show, outcomes: Sequence[Got]) -> None:
    from hca_core.errors import HCAError, several
    from hca_shock.errors import SomeFailedError

    failed = [one for one in outcomes if one.error]
    if len(failed) == len(outcomes) == 1 and isinstance(failed[0].error, HCAError):
        raise failed[0].error
    show([one.row() for one in outcomes if not one.error], columns=["id", "path", "size", "md5", "status"])
    if failed:
        problems = [f"{one.node.id}: {one.error}" for one in failed]
        raise SomeFailedError(several(problems, f"{len(outcomes) - len(failed)} of {len(outcomes)} files are there"))
