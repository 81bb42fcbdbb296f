"""Verbs that list entities, and that show one of them."""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING, Any

import click

from hca_azul.cli import client, place_options
from hca_azul.search.cli import WHOLE, entity_types, field_names, filter_options, say_why
from hca_core.commands import Verb, completed, output_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hca_azul.search.filters import Filter
    from hca_core.output import Show
    from hca_core.paging import Page


def _listing_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a verb that lists entities its options."""
    for option in (
        output_options("jsonl"),
        place_options,
        click.option("--no-paginate", is_flag=True, help="Show the first page only."),
        click.option("--per-page", type=click.IntRange(1), help="Entities a request.  [default: the most allowed]"),
        click.option("--limit", type=click.IntRange(1), help="Show no more than so many."),
        click.option("--order", type=click.Choice(["asc", "desc"]), default="asc", help="[default: asc]"),
        click.option(
            "--sort",
            metavar="FIELD",
            default="entryId",
            shell_complete=completed(field_names),
            help="Sort by this field.  [default: entryId]",
        ),
        filter_options,
    ):
        function = option(function)
    return function


def _listing_verb(entity_type: str, summary: str, example: str) -> click.Command:
    """Return the verb that lists the entities of a type."""

    help_text = f"""{summary}

    json, jsonl and yaml show what the service tells of each, tables a few columns of it. --query sees the whole answer:
    {{hits: [...], pagination: ...}}.

    \b
    {example}
    """

    @click.command(f"get-{entity_type}", cls=Verb, short_help=summary, help=help_text)
    @_listing_options
    def verb(**settings: Any) -> None:
        _list(entity_type, **settings)

    return verb


get_projects = _listing_verb("projects", "List projects.", "hca azul get-projects -f organ=kidney --output table")
get_samples = _listing_verb("samples", "List samples.", "hca azul get-samples -f donorDisease=null --limit 10")
get_files = _listing_verb(
    "files", "List files.", "hca azul get-files -f organ=kidney -f fileFormat=fastq.gz,h5ad --output tsv"
)
get_bundles = _listing_verb("bundles", "List bundles.", "hca azul get-bundles -f organ=kidney --output table")


@click.command("get-entities", cls=Verb, short_help="List entities of any type that the catalog has.")
@click.argument("entity_type", metavar="TYPE", shell_complete=completed(entity_types))
@_listing_options
def get_entities(entity_type: str, **settings: Any) -> None:
    """List entities of any type that the catalog has; hca azul get-catalogs tells which those are.

    \b
    hca azul --service-url https://service.explore.anvilproject.org get-entities datasets
    """
    _list(entity_type, **settings)


def _list(
    entity_type: str,
    *,
    filters: Filter,
    sort: str,
    order: str,
    per_page: int | None,
    limit: int | None,
    no_paginate: bool,
    show: Show,
) -> None:
    from hca_azul.search.listing import Order

    with client() as azul:
        pages = azul.pages(entity_type, filters, Order(sort, order, per_page, limit))
        first = next(pages)  # before the names of columns are written: the first request may fail
        whole = [first] if no_paginate else itertools.chain([first], pages)
        if show.query or show.format in WHOLE:
            show.pages(iter(whole))
        else:
            _show_rows(entity_type, whole, show)
        if not first.items:
            say_why(azul, entity_type, filters)


def _show_rows(entity_type: str, pages: Iterable[Page], show: Show) -> None:
    from hca_azul.search.entities import tables

    def rows() -> Iterator[dict[str, Any]]:
        for page in pages:
            for hit in page.items:
                yield tables.flat(entity_type, hit)
            sys.stdout.flush()

    show(rows(), tables.columns(entity_type))


@click.command("get-entity", cls=Verb, short_help="Show one entity of any type.")
@click.argument("entity_type", metavar="TYPE", shell_complete=completed(entity_types))
@click.argument("entity", metavar="ID")
@place_options
@output_options()
def get_entity(entity_type: str, entity: str, show: Show) -> None:
    """Show one entity by its type and its id, or its page at the data portal.

    The id of a file is the entryId of get-files here; get-file takes the UUID of its data.

    \b
    hca azul get-entity samples 01a59482-3826-48b7-8fd0-5d9f37626887
    """
    with client() as azul:
        _show_one(entity_type, azul.get(entity_type, entity), show)


@click.command("get-project", cls=Verb, short_help="Show one project.")
@click.argument("project", metavar="PROJECT")
@place_options
@output_options()
def get_project(project: str, show: Show) -> None:
    """Show a project by its UUID, its page at the data portal, or its short name.

    \b
    hca azul get-project KidneyTubuleAtlas --query 'projects[0].projectTitle'
    """
    from hca_azul import projects

    with client() as azul:
        _show_one("projects", projects.find(azul.service, project).hit, show)


def _show_one(entity_type: str, hit: dict[str, Any], show: Show) -> None:
    from hca_azul.search.entities import tables

    if show.query or show.format in WHOLE:
        show(hit)
    else:
        show([tables.flat(entity_type, hit)], tables.columns(entity_type))


@click.command("get-file", cls=Verb, short_help="Show files by UUID or sha256, and where their bytes are.")
@click.argument("names", nargs=-1, required=True, metavar="UUID|SHA256...")
@click.option("--version", metavar="VERSION", help="Only in this version.")
@place_options
@output_options("jsonl")
def get_file(names: tuple[str, ...], version: str | None, show: Show) -> None:
    """Show files by the UUID or the sha256 of their data, or by a URL of them.

    Tables have a row for each place where the bytes are: the mirror, Azul, the repository (drs).

    \b
    hca azul get-file dcbbb566-f4bd-48ef-bb78-9ea44c5eb2ac --output table
    """
    from hca_azul.search.entities import lookup

    with client() as azul:
        looking = lookup.Lookup(azul, version)
        found = looking.find(names)
        first = next(found, None)
        whole = itertools.chain([first] if first else [], found)
        if show.query or show.format in WHOLE:
            show(hit for hit, _ in whole)
        else:
            show(place for _, row in whole for place in lookup.places(row))
        looking.check()
