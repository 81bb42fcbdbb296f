"""`hca azul get-matrices` and `hca azul download-matrices`."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import click

from hca_azul.cli import client, place_options
from hca_azul.download.cli import download_options
from hca_azul.manifest.cli import tell_waiting
from hca_core.commands import Verb, output_options
from hca_core.errors import NotFoundError
from hca_core.verbs.transfer import TransferVerb

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_azul.matrices.selecting import Selection
    from hca_azul.matrices.tree import MatrixFile
    from hca_core.output import Show
    from hca_core.transfer.report import Report

_COLUMNS = ("name", "format", "size", "kind", "species", "development_stage", "organ", "library", "project", "uuid")
_STRATA = {
    "species": "genusSpecies",
    "development_stage": "developmentStage",
    "organ": "organ",
    "library": "libraryConstructionApproach",
}


def selectors(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb PROJECT... and the options that select matrices; it gets keywords `projects` and `selection`."""
    import functools

    @functools.wraps(function)
    def selecting(*arguments: Any, kind: str, formats: tuple[str, ...], **settings: Any) -> Any:
        from hca_azul.matrices.selecting import Selection

        strata = {dimension: _words(settings.pop(name)) for name, dimension in _STRATA.items()}
        named = {dimension: words for dimension, words in strata.items() if words}
        return function(*arguments, selection=Selection(kind, _words(formats), named or None), **settings)

    kinds = click.Choice(["all", "dcp", "contributed"])
    for option in (
        click.option("--library", multiple=True, metavar="NAMES", help="Only of these library constructions."),
        click.option("--development-stage", multiple=True, metavar="NAMES", help="Only of these stages."),
        click.option("--species", multiple=True, metavar="NAMES", help="Only of these species."),
        click.option("--organ", multiple=True, metavar="NAMES", help="Only of these organs, separated by commas."),
        click.option("--format", "formats", multiple=True, metavar="NAMES", help="Only of these formats: h5ad,loom."),
        click.option("--kind", type=kinds, default="all", show_default=True, help="The atlas's, or the project's own."),
        click.argument("projects", nargs=-1, required=True, metavar="PROJECT..."),
    ):
        selecting = option(selecting)
    return selecting


@click.command("get-matrices", cls=Verb, short_help="List the matrices of projects.")
@selectors
@place_options
@output_options("table")
def get_matrices(projects: tuple[str, ...], selection: Selection, show: Show) -> None:
    """List the matrices of projects, each file once, with all that it covers.

    A PROJECT is its UUID, its page at the data portal, or its short name. The kind dcp is made by the atlas's own
    pipelines, contributed by the project. A file is of an organ, species, ... if it covers that one, too.

    \b
    hca azul get-matrices RetinaSpecialCases --format h5ad,loom
    hca azul get-matrices https://explore.data.humancellatlas.org/projects/UUID --kind dcp
    """
    from hca_azul.matrices.selecting import Selection, select
    from hca_core import log

    with client() as azul:
        found = select(azul.service, projects, selection)
        first = next(found, None)
        show((_row(file) for file in itertools.chain([first] if first else [], found)), _COLUMNS)
        if first is None:
            what = "no matrices" if selection == Selection() else "no such matrices; without selectors all are listed"
            log.logger().info("%s: %s", ", ".join(projects), what)


@click.command("download-matrices", cls=TransferVerb, short_help="Download the matrices of projects.")
@selectors
@download_options
def download_matrices(projects: tuple[str, ...], selection: Selection, **settings: Any) -> Report:
    """Download the matrices of projects: what get-matrices lists, as download does it; zarr stores with all chunks.

    \b
    hca azul download-matrices RetinaSpecialCases --format h5ad --download-dir data
    hca azul download-matrices RetinaSpecialCases --kind dcp --organ eye --dry-run
    """
    from hca_azul.download import stores
    from hca_azul.matrices.selecting import select

    with client() as azul:
        rows = [file.row for file in select(azul.service, projects, selection)]
        if not rows:
            raise NotFoundError("no matrices are selected", hint="hca azul get-matrices PROJECT lists what there is")
        with stores.completed(azul, rows, waiting=tell_waiting) as complete:
            return azul.download(complete, **settings)


def _row(file: MatrixFile) -> dict[str, Any]:
    row = file.row
    strata = {name: " || ".join(file.stratum(dimension)) for name, dimension in _STRATA.items()}
    return {
        "name": row.name,
        "format": row.format,
        "size": row.size,
        "kind": file.kind,
        **strata,
        "source": " || ".join(file.source),
        "content": " || ".join(file.content),
        "cell_count": file.cell_count,
        "project": row.project,
        "project_id": row.project_id,
        "uuid": row.uuid,
        "version": row.version,
        "sha256": row.sha256,
        "azul_url": row.azul_url,
        "mirror_uri": row.mirror_uri,
        "drs_uri": row.drs_uri,
    }


def _words(given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word.strip() for text in given for word in text.split(",") if word.strip())
