"""Verbs that count and describe, and the options `-f` and `--filters` that verbs of other rooms have, too."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import click

from hca_azul.cli import client, place_options
from hca_core.commands import JsonType, Verb, completed, output_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hca_azul.client import AzulClient
    from hca_azul.search.filters import Filter
    from hca_core.output import Show

WHOLE = ("json", "jsonl", "yaml")  # formats in which the service's own answers are shown


def field_names() -> Iterable[str]:
    """Return the names of fields that most services have, without asking one."""
    from hca_azul.search import packaged

    return packaged.fields()


def entity_types() -> Iterable[str]:
    """Return the types of entities that catalogs of the Human Cell Atlas have, without asking a service."""
    from hca_azul.search.entities import tables

    return tables.COLUMNS


def _comparable() -> Iterable[str]:
    from hca_azul.search import packaged
    from hca_azul.search.fields import Kind

    return (f"{name}=" for name, field in packaged.fields().items() if field.kind is not Kind.JSON)


def filter_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the options `-f/--filter` and `--filters`; it gets a keyword `filters`, a checked `Filter`.

    The service is asked for its fields first, if one is named that most services don't have.
    """

    @functools.wraps(function)
    def with_filters(*arguments: Any, conditions: tuple[str, ...], document: Any, **settings: Any) -> Any:
        return function(*arguments, filters=_checked(conditions, document), **settings)

    typed = "Only what is so: organ=kidney,lung or fileSize=1M.. or organ=null. Those of several fields must all hold."
    verb = click.option("--filters", "document", type=JsonType(), metavar="JSON", help="As JSON, @FILE, or - (stdin).")(
        with_filters
    )
    return click.option(
        "-f",
        "--filter",
        "conditions",
        multiple=True,
        metavar="FIELD=VALUE,...",
        shell_complete=completed(_comparable),
        help=typed,
    )(verb)


def _checked(conditions: tuple[str, ...], document: Any) -> Filter:
    from hca_azul.search.filters import Filter

    if not conditions and not document:
        return Filter()
    with client() as azul:
        return azul.filter(document, conditions)


def say_why(azul: AzulClient, entity_type: str, filters: Filter) -> None:
    """Say why nothing was found."""
    from hca_azul.search import nothing
    from hca_core import log

    log.logger().info("%s", nothing.why(azul, entity_type, filters))


@click.command("get-facets", cls=Verb, short_help="Count the values of fields.")
@click.argument("names", nargs=-1, metavar="[FIELD]...", shell_complete=completed(field_names))
@click.option(
    "--type",
    "entity_type",
    default="files",
    metavar="TYPE",
    shell_complete=completed(entity_types),
    help="What is counted: files, projects, samples, ...  [default: files]",
)
@click.option("--top", type=click.IntRange(1), help="Only so many values of each field, the most frequent.")
@filter_options
@place_options
@output_options("table")
def get_facets(names: tuple[str, ...], entity_type: str, top: int | None, filters: Filter, show: Show) -> None:
    """Show the values that fields have, and how many entities have each; all that the service counts without FIELD.

    What filters say of a field is left aside where its own values are counted.

    \b
    hca azul get-facets organ fileFormat
    hca azul get-facets fileFormat -f organ=kidney --top 5
    """
    from hca_azul.search.questions import text_of

    with client() as azul:
        counted = {name: terms[:top] for name, terms in azul.facets(names, filters, entity_type).items()}
    if show.query or show.format in ("json", "yaml"):
        show.format = show.chosen or "json"
        show(counted)
        return
    rows = (
        {"field": name, "value": text_of(one.get("term")), "count": one.get("count")}
        for name, terms in counted.items()
        for one in terms
    )
    show(rows, ("field", "value", "count"))


@click.command("get-summary", cls=Verb, short_help="Count files, bytes, projects, donors.")
@filter_options
@place_options
@output_options("table")
def get_summary(filters: Filter, show: Show) -> None:
    """Show how many files there are, how large they are in all, and of how many projects and donors.

    \b
    hca azul get-summary -f organ=kidney
    hca azul get-summary --query totalFileSize
    """
    from hca_azul.search import counts

    with client() as azul:
        summary = azul.summary(filters)
        if show.query or show.format in WHOLE:
            show.format = show.chosen or "json"
            show(summary)
        else:
            show(counts.rows(summary), counts.COLUMNS)
        if not summary["fileCount"]:
            say_why(azul, "files", filters)


@click.command("get-fields", cls=Verb, short_help="List the fields that filters can name.")
@click.argument("names", nargs=-1, metavar="[FIELD]...", shell_complete=completed(field_names))
@place_options
@output_options("table")
def get_fields(names: tuple[str, ...], show: Show) -> None:
    """Show what each field holds, by which relations it can be compared, and how a condition on it looks.

    \b
    hca azul get-fields
    hca azul get-fields fileSize organismAge
    """
    from hca_azul.search import descriptions

    with client() as azul:
        show(descriptions.fields(azul, names))


@click.command("get-catalogs", cls=Verb, short_help="List the catalogs, which are releases of the data.")
@click.option("--all", "is_all", is_flag=True, help="Those for the service's own tests, too.")
@place_options
@output_options("table")
def get_catalogs(is_all: bool, show: Show) -> None:
    """Show the catalogs of the service. Old ones are dropped without notice; the default one changes.

    \b
    hca azul get-catalogs
    """
    from hca_azul.search import descriptions

    with client() as azul:
        show(descriptions.catalogs(azul.catalogs(), is_all=is_all))
