"""`hca shock attributes`, `rename`, `tag`, `link`, `expire`, `priority`, `format`, `lock`, `unlock` and `rm`."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from hca_core.commands import Verb, output_options, parse_json, text_of
from hca_core.errors import UsageError
from hca_shock.cli import client

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_core.output import Show
    from hca_shock.client import ShockClient
    from hca_shock.metadata.deletion import Deletion
    from hca_shock.node import Node


_LIKE_TEXT = re.compile(r"[^\W\d][^'\"\n]{0,60}")


class _Json(click.ParamType[Any]):
    """Any JSON value: the text itself, `@file`, or `-` for standard input."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        text = text_of(value, ctx, param)
        try:
            return parse_json(text, ctx, param)
        except RecursionError:
            self.fail("is nested too deeply.", param, ctx)
        except ValueError:
            self.fail("has a number with too many digits.", param, ctx)
        except click.BadParameter as error:
            # Who forgets quotes means a text; what begins as something else in JSON is a slip of another kind.
            if text is not value or not _LIKE_TEXT.fullmatch(value):
                raise
            import json

            quoted = json.dumps(value, ensure_ascii=False)
            self.fail(
                f"{error.message.removesuffix('.')}; a text has double quotes of its own: '{quoted}'.", param, ctx
            )


_if_version = click.option("--if-version", metavar="VERSION", help="Change it only while the node has this version.")


@click.group()
def attributes() -> None:
    """Show and change the attributes of a node: a JSON document that nodes can be found by.

    A PATH is names with dots between them (sample.organism); a number is a place in a list (reads.0), and \\. a dot
    that is part of a name. A DOCUMENT is JSON, @FILE, or - (standard input). Changes tell the version that the node has
    then; with --if-version VERSION nobody else's change is lost.

    \b
    hca shock attributes get ID sample.organism
    hca shock attributes set ID @attributes.json
    hca shock attributes set ID --path sample.age 3
    hca shock attributes merge ID '{"sample": {"note": null}}'
    hca shock attributes unset ID sample.age
    """


@attributes.command(cls=Verb, short_help="Show the attributes of a node.")
@click.argument("id")
@click.argument("path", required=False)
@output_options()
def get(id: str, path: str | None, show: Show) -> None:
    """Show the attributes of a node, or what lies at a PATH in them."""
    with client() as shock:
        found = shock.attributes.get(id, path)
    show(found)


@attributes.command("set", cls=Verb, short_help="Replace the attributes, or a value in them.")
@click.argument("id")
@click.argument("document", type=_Json())
@click.option("--path", metavar="PATH", help="Replace only what lies there; objects on the way are made.")
@_if_version
@output_options()
def set_(id: str, document: Any, path: str | None, if_version: str | None, show: Show) -> None:
    """Replace all attributes of a node by a JSON document, or with --path one value in them.

    \b
    hca shock attributes set ID '{"project": "P1"}'
    hca shock attributes set ID --path sample.organism '"Homo sapiens"'
    """
    with client() as shock:
        if path is None:
            node = shock.attributes.set(id, document, if_version=if_version)
        else:
            node = shock.attributes.set_value(id, path, document, if_version=if_version)
    _show_attributes(show, node)


@attributes.command(cls=Verb, short_help="Remove values from the attributes.")
@click.argument("id")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@_if_version
@output_options()
def unset(id: str, paths: tuple[str, ...], if_version: str | None, show: Show) -> None:
    """Remove what lies at each PATH from the attributes; nothing is changed if one of them is not there."""
    with client() as shock:
        node = shock.attributes.unset(id, *paths, if_version=if_version)
    _show_attributes(show, node)


@attributes.command(cls=Verb, short_help="Merge a document into the attributes.")
@click.argument("id")
@click.argument("document", type=_Json())
@_if_version
@output_options()
def merge(id: str, document: Any, if_version: str | None, show: Show) -> None:
    """Merge a JSON document into the attributes (RFC 7396): objects are merged, null removes a name.

    \b
    hca shock attributes merge ID '{"sample": {"age": 3, "note": null}}'
    """
    with client() as shock:
        node = shock.attributes.merge(id, document, if_version=if_version)
    _show_attributes(show, node)


@attributes.command(cls=Verb, short_help="Remove all attributes.")
@click.argument("id")
@_if_version
@output_options()
def clear(id: str, if_version: str | None, show: Show) -> None:
    """Remove all attributes of a node."""
    with client() as shock:
        node = shock.attributes.clear(id, if_version=if_version)
    _show_attributes(show, node)


@click.command(cls=Verb)
@click.argument("id")
@click.argument("name")
@output_options("table")
def rename(id: str, name: str, show: Show) -> None:
    """Rename the file of a node."""
    _edit(show, lambda shock: shock.edits.rename(id, name), lambda node: {})


@click.command(cls=Verb)
@click.argument("id")
@click.argument("tags", nargs=-1, required=True, metavar="TAG...")
@output_options("table")
def tag(id: str, tags: tuple[str, ...], show: Show) -> None:
    """Add tags to a node. The server can't take a tag away again."""
    _edit(show, lambda shock: shock.edits.tag(id, *tags), lambda node: {"tags": list(node.tags)})


@click.command(cls=Verb)
@click.argument("id")
@click.argument("relation")
@click.argument("ids", nargs=-1, required=True, metavar="OTHER_ID...")
@click.option("--operation", metavar="TEXT", help="What the relation comes from.")
@output_options("table")
def link(id: str, relation: str, ids: tuple[str, ...], operation: str | None, show: Show) -> None:
    """Add a relation of a node to others. The server can't take it away again, and takes one "parent" only.

    \b
    hca shock link ID parent OTHER_ID --operation trimming
    """
    _edit(
        show,
        lambda shock: shock.edits.link(id, relation, ids, operation),
        lambda node: {"linkage": [asdict(one) for one in node.linkage]},
    )


@click.command(cls=Verb)
@click.argument("id")
@click.option("--in", "lifetime", metavar="TIME", help="A whole number and M (minutes), H (hours) or D (days): 30D.")
@click.option("--never", is_flag=True, help="Keep the node until somebody deletes it.")
@output_options("table")
def expire(id: str, lifetime: str | None, never: bool, show: Show) -> None:
    """Let the server delete a node some time from now, or never.

    \b
    hca shock expire ID --in 30D
    hca shock expire ID --never
    """
    if (lifetime is None) is not never:
        raise UsageError("it needs either --in TIME or --never")
    _edit(
        show,
        lambda shock: shock.edits.keep(id) if lifetime is None else shock.edits.expire(id, lifetime),
        lambda node: {"expiration": node.expiration.isoformat() if node.expiration else None},
    )


@click.command(cls=Verb, context_settings={"ignore_unknown_options": True})
@click.argument("id")
@click.argument("priority", type=click.IntRange(-(2**31), 2**31 - 1))
@output_options("table")
def priority(id: str, priority: int, show: Show) -> None:
    """Set the priority of a node, a whole number that may be negative."""
    _edit(show, lambda shock: shock.edits.priority(id, priority), lambda node: {"priority": node.priority})


@click.command("format", cls=Verb)
@click.argument("id")
@click.argument("name")
@output_options("table")
def format_(id: str, name: str, show: Show) -> None:
    """Set the format of a node's file (fastq, bam). The server takes that once: it can't be changed later."""
    _edit(show, lambda shock: shock.edits.set_format(id, name), lambda node: {"format": node.file.format})


@click.command(cls=Verb)
@click.argument("id")
@output_options("table")
def lock(id: str, show: Show) -> None:
    """Keep everybody from reading the file of a node, until it is unlocked or the server starts anew."""
    _edit(show, lambda shock: shock.edits.lock_file(id), _locked)


@click.command(cls=Verb)
@click.argument("id")
@output_options("table")
def unlock(id: str, show: Show) -> None:
    """Take the lock of a node's file away, also that of a file whose parts could not be put together."""
    _edit(show, lambda shock: shock.edits.unlock_file(id), _locked)


@click.command(cls=Verb)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("-n", "--dry-run", is_flag=True, help="Delete nothing; show what would be deleted.")
@output_options(default="table")
def rm(ids: tuple[str, ...], dry_run: bool, show: Show) -> None:
    """Delete nodes, for good and without a question. If one of them is not there, none is deleted.

    \b
    hca shock rm ID --dry-run
    hca shock rm ID1 ID2
    """
    from hca_shock.metadata.deletion import DeletionError

    with client() as shock:
        try:
            found = shock.edits.delete(*ids, dry_run=dry_run)
        except DeletionError as error:
            _show_deletions(show, error.deletions)
            raise
    _show_deletions(show, found)


def _edit(show: Show, change: Callable[[ShockClient], Node], changed: Callable[[Node], dict[str, Any]]) -> None:
    """Make one change and show, of the node as it is then, what it is called and what has changed."""
    with client() as shock:
        node = change(shock)
    show({"id": node.id, "name": node.file.name, **changed(node), "version": node.version})


def _locked(node: Node) -> dict[str, Any]:
    return {"locked": node.file.locked is not None}


def _show_attributes(show: Show, node: Node) -> None:
    show({"id": node.id, "version": node.version, "attributes": node.attributes})


def _show_deletions(show: Show, deletions: list[Deletion]) -> None:
    show([one.document() for one in deletions], columns=("id", "name", "size", "status", "error"))
