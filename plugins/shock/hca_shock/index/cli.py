"""`hca shock index` and `hca shock slice`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from hca_core.commands import Verb, output_options
from hca_core.lazy import PluginGroup
from hca_shock.cli import check_free, client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_core.output import Show
    from hca_shock.index.slices import Slices
    from hca_shock.node import Index

_COLUMNS = ("name", "state", "total_units", "average_unit_size", "created_on")


@click.group(cls=PluginGroup)
def index() -> None:
    """Make, list and remove indexes of a node's file, by which pieces of it are found.

    \b
    hca shock index build ID line
    hca shock slice ID --lines 1-100
    """


@index.command(cls=Verb, short_help="Let the server build an index.")
@click.argument("node_id", metavar="ID")
@click.argument("kind")
@click.option("--number", type=click.IntRange(1), help="The column, from 1, for an index of the kind column.")
@click.option("--name", help="Name of a subset.")
@click.option("--parent", metavar="INDEX", help="The index of which a subset has some units.")
@click.option("--records", type=click.File(), help="File with the numbers of these units, a line each; - is stdin.")
@click.option("--rebuild", is_flag=True, help="Build an index that is there anew.")
@click.option("--force", is_flag=True, help="Build a column or a subset, whatever it does to the server.")
@click.option("--no-wait", is_flag=True, help="Only begin it.")
@click.option("--timeout", type=click.FloatRange(0), default=3600.0, show_default=True, help="Seconds to wait.")
@output_options("table")
def build(
    node_id: str,
    kind: str,
    number: int | None,
    name: str | None,
    parent: str | None,
    records: Any,
    no_wait: bool,
    show: Show,
    **choices: Any,
) -> None:
    """Let the server build an index of a node's file, wait until it is there, and show it.

    KIND is line, record or chunkrecord (FASTA, FASTQ, SAM), bai (BAM files sorted by place), column (a table sorted by
    a column; a unit is the rows with one value), size (which every file has), or subset (some units of another index).
    On most servers column and subset do harm; they are refused unless the server is known to be one of ours.

    \b
    hca shock index build ID record
    hca shock index build ID subset --name mine --parent record --records numbers.txt
    """
    choices["wait"] = not no_wait
    with client() as shock:
        if kind == "subset":
            if not (name and parent and records) or number:
                raise click.UsageError("A subset needs --name, --parent and --records.", click.get_current_context())
            made = shock.indexes.subset(node_id, name, parent, _numbers(records), **choices)
        elif name or parent or records:
            raise click.UsageError("--name, --parent and --records are for subsets.", click.get_current_context())
        else:
            made = shock.indexes.build(node_id, kind, number=number, **choices)
    if made is not None:
        from hca_shock.index.indexes import name_of

        show([_row(name or name_of(kind, number), made)], _COLUMNS)


@index.command(cls=Verb, short_help="Send an index that was made here.")
@click.argument("node_id", metavar="ID")
@click.argument("name")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--format", type=click.Choice(["array", "matrix"]), help="What the server is told of its format.")
@click.option("--average", type=click.IntRange(0), help="Average size of a unit in bytes.  [default: computed]")
@click.option("--total", type=click.IntRange(0), help="Number of units.  [default: computed]")
@click.option("--rebuild", is_flag=True, help="Replace an index that is there.")
@output_options("table")
def upload(node_id: str, name: str, file: str, show: Show, **choices: Any) -> None:
    """Send FILE as the index NAME of a node, and show it.

    FILE has 16 bytes for each unit: where it begins and how many bytes it has, as two 64-bit integers, the lowest byte
    first. Each is compared with the size of the node's file.
    """
    with client() as shock:
        made = shock.indexes.upload(node_id, name, file, **choices)
    show([_row(name, made)], _COLUMNS)


@index.command("list", cls=Verb, short_help="List the indexes of a node.")
@click.argument("node_id", metavar="ID")
@output_options("table")
def list_(node_id: str, show: Show) -> None:
    """List the indexes of a node."""
    with client() as shock:
        found = shock.indexes.list(node_id)
    show([_row(name, one) for name, one in sorted(found.items())], _COLUMNS)


@index.command(cls=Verb, short_help="Remove indexes of a node.")
@click.argument("node_id", metavar="ID")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@output_options()
def rm(node_id: str, names: tuple[str, ...], show: Show) -> None:
    """Remove indexes of a node; the file stays as it is."""
    with client() as shock:
        for name in names:
            shock.indexes.remove(node_id, name)
    if show.chosen or show.query:
        show([{"id": node_id, "removed": name} for name in names])


@index.command(cls=Verb, short_help="Wait until indexes of a node are ready.")
@click.argument("node_id", metavar="ID")
@click.argument("name", required=False)
@click.option("--timeout", type=click.FloatRange(0), default=3600.0, show_default=True, help="Seconds to wait.")
@output_options("table")
def wait(node_id: str, name: str | None, timeout: float, show: Show) -> None:
    """Wait until the index NAME of a node, or each that it has, is ready, and show it."""
    with client() as shock:
        found = shock.indexes.wait(node_id, name, timeout)
    show([_row(one, index) for one, index in sorted(found.items())], _COLUMNS)


class _RangeType(click.ParamType[Any]):
    """A number from 1, or two of them as in 3-7."""

    name = "N[-M]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or both. Raises click.BadParameter."""
        first, dash, last = str(value).partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            self.fail(f"{value!r} is neither a number nor a range as in 3-7.", param, ctx)
        return (int(first), int(last)) if dash else int(first)


class _BytesType(click.ParamType[Any]):
    """A place and, perhaps, a length, as in 1000:500."""

    name = "SEEK[:LENGTH]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return both, None for a length that is not given. Raises click.BadParameter."""
        seek, colon, length = str(value).partition(":")
        if not (seek or "0").isdecimal() or not (length or "0").isdecimal():
            self.fail(f"{value!r} is no place and length as in 1000:500.", param, ctx)
        return int(seek or 0), int(length) if colon and length else None


@click.command("slice", cls=Verb, short_help="Get a piece of a file: bytes, lines, records, alignments.")
@click.argument("node_id", metavar="ID")
@click.option("-o", "--to", "target", type=click.Path(dir_okay=False), help="Write to this file.  [default: stdout]")
@click.option("--bytes", "bytes_", type=_BytesType(), help="So many bytes from a place on, which is counted from 0.")
@click.option("--part", "parts", type=_RangeType(), multiple=True, help="Parts of 1 MiB, or units of --index, from 1.")
@click.option("--chunk-size", type=click.IntRange(1), metavar="BYTES", help="Another size of parts.")
@click.option("--lines", type=_RangeType(), help="Lines, from 1; needs the index line.")
@click.option("--records", type=_RangeType(), help="Sequence records, from 1; needs the index record.")
@click.option("--index", "index_name", metavar="NAME", help="The index that --part counts units of.")
@click.option("--bam", is_flag=True, help="Alignments of a BAM file, as SAM; needs the index bai.")
@click.option("--region", help="Alignments of this region of it, as in chr1:1-20000.")
@click.option("--header", is_flag=True, help="The header of the BAM file, too.")
@click.option("--header-only", is_flag=True, help="The header of the BAM file.")
@click.option("--count", is_flag=True, help="The number of alignments instead of them.")
@click.option("--flag", type=click.IntRange(0), help="Alignments with all bits of this flag.")
@click.option("--library", help="Alignments of this library.")
@click.option("--mapq", type=click.IntRange(0), help="Alignments of at least this mapping quality.")
@click.option("--readgroup", help="Alignments of this read group.")
@click.option("--filter", help="fq2fa (FASTQ to FASTA) or anonymize (new names for sequences).")
@click.option("--compression", help="Let the server pack it: gzip or zip.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def slice_(node_id: str, target: str | None, force: bool, **choices: Any) -> None:
    """Get a piece of the file of a node, to standard output or to a file, which is complete or not there.

    \b
    hca shock slice ID --bytes 1000:500
    hca shock slice ID --part 2 --chunk-size 10485760 -o second.part
    hca shock slice ID --lines 1-100
    hca shock slice ID --index column1 --part 3
    hca shock slice ID --region chr1:1-20000 --header
    hca shock slice ID --filter fq2fa -o reads.fasta
    """
    if target is not None:
        check_free(target, force=force)
    with client() as shock:
        blocks = _slice(shock.slices, node_id, choices)
        if target is not None:
            from hca_core import files

            files.write_atomic(target, blocks, mode=0o666)
            return
        for block in blocks:
            sys.stdout.buffer.write(block)
        sys.stdout.buffer.flush()


_BAM = ("region", "header", "header_only", "count", "flag", "library", "mapq", "readgroup")


def _slice(slices: Slices, node_id: str, choices: dict[str, Any]) -> Iterator[bytes]:
    """Return the piece that the options name. Raises click.UsageError if they name two."""
    changes = {name: choices[name] for name in ("filter", "compression")}
    parts = [*choices["parts"]]  # a tuple of two would be a range
    alignments = {name: choices[name] for name in _BAM}
    of_bam = choices["bam"] or any(one not in (None, False) for one in alignments.values())
    ways = {
        "--bytes": choices["bytes_"] is not None,
        "--part or --index": bool(parts or choices["index_name"]),
        "--lines": choices["lines"] is not None,
        "--records": choices["records"] is not None,
        "--bam and its options": of_bam,
    }
    chosen = [way for way, given in ways.items() if given]
    if len(chosen) > 1:
        raise click.UsageError(f"One piece at a time: {' and '.join(chosen)} are several.", click.get_current_context())
    if choices["chunk_size"] and (choices["index_name"] or not parts):
        raise click.UsageError("--chunk-size is for --part without --index.", click.get_current_context())
    if of_bam:
        return slices.bam(node_id, **alignments, **changes)
    for way in ("lines", "records"):
        if choices[way] is not None:
            return slices.units(node_id, way[:-1], [choices[way]], **changes)
    if choices["index_name"]:
        return slices.units(node_id, choices["index_name"], parts, **changes)
    if parts:
        size = {"chunk_size": choices["chunk_size"]} if choices["chunk_size"] else {}
        return slices.part(node_id, parts, **size, **changes)
    seek, length = choices["bytes_"] or (0, None)
    return slices.bytes(node_id, seek, length, **changes)


def _numbers(stream: Any) -> list[int]:
    """Return the numbers in a file, a line each. Raises click.UsageError."""
    lines = [line.strip() for line in stream if line.strip()]
    wrong = next((line for line in lines if not line.isdecimal()), None)
    if wrong is not None:
        raise click.UsageError(f"{wrong!r} in --records is no number.", click.get_current_context())
    return [int(line) for line in lines]


def _row(name: str, index: Index) -> dict[str, Any]:
    state = "ready"
    if index.locked:
        state = f"failed: {index.locked.error}" if index.locked.error else "building"
    elif index.created_on is None:
        state = "lost"
    created = index.created_on.isoformat() if index.created_on else None
    return {
        "name": name,
        "state": state,
        "total_units": index.total_units,
        "average_unit_size": index.average_unit_size,
        "created_on": created,
    }
