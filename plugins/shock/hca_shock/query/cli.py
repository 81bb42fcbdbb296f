"""`hca shock ls`."""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING, Any

import click

from hca_core.commands import Verb, output_options
from hca_shock.cli import client

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hca_core.output import Show
    from hca_shock.node import Node
    from hca_shock.query.asking import Query

_COLUMNS = ("id", "type", "size", "created_on", "name")
_FLUSHED = 100  # rows, after which what was written is sent on


@click.command(cls=Verb, short_help="List nodes: all, or those that conditions name.")
@click.argument("where", nargs=-1, metavar="[CONDITION]...")
@click.option("--limit", type=click.IntRange(0), help="List no more than so many.")
@click.option("--offset", type=click.IntRange(0), default=0, help="Leave out so many before.")
@click.option("--order", metavar="FIELD", help="Order by this field.  [default: created_on]")
@click.option("--desc/--asc", default=False, help="Highest or lowest first.  [default: asc]")
@click.option("--count", is_flag=True, help="Tell only how many there are.")
@click.option("--ids", is_flag=True, help="Write only the ids, one a line.")
@click.option("--distinct", metavar="ATTRIBUTE", help="List the values of an attribute instead.")
@click.option("--name", metavar="NAME", help="The same as name=NAME.")
@click.option("--type", "kind", metavar="TYPE", help="The same as type=TYPE: basic, copy, subset, parts, virtual.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="The same as tags=TAG.")
@click.option("--owner", "owners", multiple=True, metavar="USER", help="The same as owner=USER.")
@click.option("--reader", "readers", multiple=True, metavar="USER", help="Nodes that this user was allowed to read.")
@click.option("--writer", "writers", multiple=True, metavar="USER", help="Nodes that this user was allowed to write.")
@click.option("--deleter", "deleters", multiple=True, metavar="USER", help="Nodes that this user may delete.")
@click.option(
    "--public",
    "public",
    multiple=True,
    type=click.Choice(["read", "write", "delete", "owner"]),
    help="Nodes on which everybody has this right.",
)
@click.option(
    "--attribute", "attributes", multiple=True, metavar="KEY=VALUE", help="As it is, in the server's language."
)
@click.option("--field", "fields", multiple=True, metavar="KEY=VALUE", help="The same for any field of nodes.")
@output_options("tsv")
def ls(
    where: tuple[str, ...],
    limit: int | None,
    offset: int,
    order: str | None,
    desc: bool,
    count: bool,
    ids: bool,
    distinct: str | None,
    show: Show,
    **choices: Any,
) -> None:
    """List the nodes that you may see and for which all conditions hold, in the order in which they were made.

    A CONDITION is a word: NAME=VALUE, NAME!=VALUE, NAME<VALUE (or <=, >, >=), NAME (is there), !NAME (is not there).
    id, name, size, md5, format, type, tags, version, priority, created_on, last_modified and expiration are the node's
    own, owner=USER asks for its owner, and node.PATH is any field of it. Every other NAME, as attributes.NAME for
    certain, is an attribute; dots lead into it. A VALUE may begin or end with an asterisk, which stands for anything;
    in double quotes it is that text and nothing else. Sizes may be written as 10M, times as 2026-01-31 or
    2026-01-31T12:00:00Z (in UTC).

    What the server can't compare (true and false, fractions, the empty text) is compared here, and a line tells so.
    Rows are written as they come, but for the formats table, json and yaml.

    \b
    hca shock ls project=P1 'size>1M'
    hca shock ls metadata.env_biome='ENVO:human-associated habitat' --limit 10
    hca shock ls 'name=*.fastq' 'created_on>=2026-01-01' --output jsonl
    hca shock ls --owner alice --count
    """
    query = _query(where, choices)
    if show.query:
        show.format = show.chosen or "json"
    with client() as shock:
        if count:
            show.text(str(shock.queries.count(query))) if _is_plain(show) else show(shock.queries.count(query))
            return
        if distinct:
            _write_values(show, shock.queries.distinct(distinct, query))
            return
        nodes = shock.queries.nodes(query, limit=limit, offset=offset, order=order, descending=desc)
        if ids and _is_plain(show):
            for node in _flushing(nodes):
                show.text(_shown(node.id))
        elif ids:
            show(node.id for node in nodes)
        elif show.query or show.format in ("json", "jsonl", "yaml"):
            show(node.raw for node in _flushing(nodes))
        else:
            rows = (_row(node) for node in _flushing(nodes))
            first = next(rows, None)  # before the names of the columns are written: the first question may fail
            show(itertools.chain([first] if first else [], rows), _COLUMNS)


def _query(where: Sequence[str], choices: dict[str, Any]) -> Query:
    from hca_shock.query.choosing import chosen

    words = [*where, *(f"tags={tag}" for tag in choices["tags"])]
    words += [f"name={choices['name']}"] if choices["name"] else []
    words += [f"type={choices['kind']}"] if choices["kind"] else []
    words += [f"owner={owner}" for owner in choices["owners"]]
    verbatim = [(f"attributes.{key}", value) for key, value in map(_pair, choices["attributes"])]
    return chosen(
        words,
        users={
            "read": choices["readers"],
            "write": choices["writers"],
            "delete": choices["deleters"],
        },
        public=choices["public"],
        verbatim=[*verbatim, *map(_pair, choices["fields"])],
    )


def _pair(word: str) -> tuple[str, str]:
    key, _, value = word.partition("=")
    return key, value


def _row(node: Node) -> dict[str, Any]:
    texts = {
        "id": node.id,
        "type": node.type,
        "created_on": str(node.raw.get("created_on") or ""),
        "name": node.file.name,
    }
    return {"size": node.file.size, **{name: _shown(text) for name, text in texts.items()}}


def _shown(text: str) -> str:
    """Return a text of a node as it is, but on a terminal without what would move it: others have written it."""
    if not sys.stdout.isatty():
        return text
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def _flushing(nodes: Iterator[Node]) -> Iterator[Node]:
    """Yield nodes; what was written of them is out before long."""
    for number, node in enumerate(nodes, 1):
        yield node
        if number % _FLUSHED == 0:
            sys.stdout.flush()


def _write_values(show: Show, values: list[Any]) -> None:
    if not _is_plain(show):
        show(values)
        return
    import json

    for value in values:
        show.text(_shown(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))


def _is_plain(show: Show) -> bool:
    return not (show.chosen or show.query)
