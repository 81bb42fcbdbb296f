"""`hca azul samplesheet`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hca_azul.download.cli import layout_option
from hca_core.commands import Verb, output_options
from hca_core.context import Hca

if TYPE_CHECKING:
    from hca_core.output import Show

_TARGETS = ("nf-core/scrnaseq", "nf-core/rnaseq", "cellranger", "starsolo")


@click.command(cls=Verb, short_help="Write a sample sheet for a pipeline.")
@click.option("--for", "target", type=click.Choice(_TARGETS), required=True, help="The pipeline.")
@click.option("--manifest", required=True, metavar="FILE", help="The compact manifest that was downloaded; - is stdin.")
@click.option("--download-dir", "-d", default="", metavar="DIR", help="Where it was downloaded to.  [default: here]")
@layout_option("The layout of that download.")
@click.option(
    "-o", "--to", required=True, metavar="FILE", help="Write the sheet to this file, and samples.tsv beside it."
)
@click.option("--link", "how", flag_value="link", help="Make hard links with names that every pipeline takes.")
@click.option("--copy", "how", flag_value="copy", help="Make copies with such names.")
@click.option(
    "--fastq-dir", "folder", default="", metavar="DIR", help="Where links or copies go.  [default: fastqs beside --to]"
)
@click.option(
    "--strandedness",
    type=click.Choice(["auto", "forward", "reverse", "unstranded"]),
    help="What nf-core/rnaseq is told of it.  [default: auto]",
)
@click.option("--split-shared", is_flag=True, help="Give each sample a row of files that several share.")
@click.option("--verbatim", metavar="FILE", help="A verbatim.jsonl manifest, which tells lanes that names do not.")
@click.option("--force", is_flag=True, help="Replace a sheet and a samples.tsv that are there.")
@click.option("--no-check", is_flag=True, help="Write the sheet even if files are not there.")
@output_options("table")
def samplesheet(manifest: str, no_check: bool, how: str | None, force: bool, show: Show, **choices: Any) -> None:
    """Write a sample sheet for a pipeline from a compact manifest whose files were downloaded.

    Which read a file has is told by the manifest (read_index), lanes by its name, runs and samples by the manifest
    again. What does not pair up is told, and nothing is written: nothing is guessed by the order of files. samples.tsv
    tells donor, species, organ, disease, library construction, files and checksums of each sample.

    Samples get names of letters, digits, - and _. nf-core's sheets and starsolo name files where they lie; --link gives
    them the names RUN/SAMPLE_S1_L001_R1_001.fastq.gz, which Cell Ranger needs anyway. For cellranger the column fastqs
    is what its --fastqs takes; for starsolo cdna and barcode are what --readFilesIn takes, in that order.

    \b
    hca azul create-manifest -f project=KidneyTubuleAtlas -f fileFormat=fastq.gz --to kidney.tsv
    hca azul download --manifest kidney.tsv --download-dir kidney
    hca azul samplesheet --for nf-core/scrnaseq --manifest kidney.tsv -d kidney --to sheet.csv
    """
    from hca_azul.manifest.rows import read
    from hca_azul.samplesheet.making import Order, make
    from hca_core.transfer import outputs

    _ = Hca.current().config  # which also says how warnings are told
    order = Order(how=how or "", check=not no_check, **choices)
    for path in (order.to, order.table):
        outputs.check_new(path, force=force)
    with read(manifest) as rows:
        made = make(rows, order)
    show([made.document()])
