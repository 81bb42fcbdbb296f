"""`hca azul cite`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hca_azul.cli import client, place_options
from hca_core.commands import Verb, output_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_azul.citing.citation import Citation
    from hca_core.output import Show


@click.command(cls=Verb, short_help="Tell how projects are cited.")
@click.argument("projects", nargs=-1, required=True, metavar="PROJECT...")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "bibtex", "csl"]),
    default="text",
    show_default=True,
    help="For a list of references, for BibTeX, or CSL-JSON.",
)
@place_options
@output_options(told="text")
def cite(projects: tuple[str, ...], form: str, show: Show) -> None:
    """Tell how projects are cited: contributors, title, data release, day of access, accessions and publications.

    A PROJECT is its UUID, its page at the data portal, or its short name. With --output or --query it is shown as a
    document of its parts (with --format csl as the items of CSL).

    \b
    hca azul cite KidneyTubuleAtlas
    hca azul cite KidneyTubuleAtlas --format bibtex >> references.bib
    """
    with client() as azul:
        citations = [azul.cite(project) for project in projects]
    if form == "csl":
        from hca_azul.citing import csl

        show([item for one in citations for item in csl.items(one)])
    elif show.chosen or show.query:
        show([one.document() for one in citations])
    else:
        for text in _texts(citations, form):
            show.text(text)


def _texts(citations: list[Citation], form: str) -> Iterator[str]:
    from hca_azul.citing import bibtex, text

    written = bibtex.written if form == "bibtex" else text.written
    for number, citation in enumerate(citations):
        yield ("\n" if number else "") + written(citation)
