"""The sheets themselves: what each pipeline wants to be told of lanes (contract §18)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hca_azul.errors import AzulError
from hca_core import log
from hca_core.errors import UsageError

if TYPE_CHECKING:
    from hca_azul.samplesheet.pairing import Lane
    from hca_azul.samplesheet.reads import Read

STRANDEDNESS = ("auto", "forward", "reverse", "unstranded")

Where = Callable[["Lane", "Read"], str]
Line = tuple[str, ...]


@dataclass(frozen=True)
class Told:
    """What sheets are made of: `lanes`, the names of `samples`, `where` each file is, and what the user chose."""

    lanes: Sequence[Lane]
    samples: Mapping[str, str]
    where: Where
    strandedness: str = "auto"

    def path(self, lane: Lane, kind: str) -> str:
        """Return where a read of a lane is, "" if it has none."""
        return self.where(lane, lane.reads[kind]) if kind in lane.reads else ""

    def by_sample(self) -> Iterator[tuple[str, list[Lane]]]:
        """Yield the name of each sample and its lanes."""
        found: dict[str, list[Lane]] = {}
        for lane in self.lanes:
            found.setdefault(self.samples[lane.sample], []).append(lane)
        yield from found.items()


@dataclass(frozen=True)
class Sheet:
    """A kind of sheet: its `columns`, how its `lines` are made, and the reads that a lane `needs`.

    `delimiter` separates cells. `links` says that it needs names of ours for all files. `takes_atac`: its
    pipeline reads libraries of ATAC, too.
    """

    columns: Line
    lines: Callable[[Told], Iterator[Line]]
    needs: tuple[str, ...]
    delimiter: str = ","
    links: bool = False
    takes_atac: bool = False


def scrnaseq(told: Told) -> Iterator[Line]:
    """Yield the lines for nf-core/scrnaseq: a line each lane; those of one sample are joined by the pipeline."""
    for sample, lanes in told.by_sample():
        # The pipeline groups lines by all that they say: lanes of two numbers of cells would be two samples to it.
        counts = {lane.facts.cells for lane in lanes}
        cells = counts.pop() if len(counts) == 1 else None
        for lane in lanes:
            yield sample, told.path(lane, "read1"), told.path(lane, "read2"), "" if cells is None else str(cells)


def rnaseq(told: Told) -> Iterator[Line]:
    """Yield the lines for nf-core/rnaseq: a line each lane, as for scrnaseq."""
    for sample, lanes in told.by_sample():
        for lane in lanes:
            yield sample, told.path(lane, "read1"), told.path(lane, "read2"), told.strandedness


def cellranger(told: Told) -> Iterator[Line]:
    """Yield the lines for Cell Ranger: what its `--sample` is, and its `--fastqs`, a list."""
    for sample, lanes in told.by_sample():
        folders = dict.fromkeys(
            os.path.dirname(told.where(lane, read)) for lane in lanes for read in lane.reads.values()
        )
        kind = "Chromatin Accessibility" if lanes[0].facts.is_by("atac") else "Gene Expression"
        yield sample, ",".join(folders), kind


def starsolo(told: Told) -> Iterator[Line]:
    """Yield the lines for STARsolo's `--readFilesIn`: lanes joined by commas, the read with the cDNA first."""
    for sample, lanes in told.by_sample():
        yield sample, *(",".join(told.path(lane, kind) for lane in lanes) for kind in ("read2", "read1"))


SHEETS = {
    "nf-core/scrnaseq": Sheet(("sample", "fastq_1", "fastq_2", "expected_cells"), scrnaseq, ("read1", "read2")),
    "nf-core/rnaseq": Sheet(("sample", "fastq_1", "fastq_2", "strandedness"), rnaseq, ("read1",)),
    "cellranger": Sheet(
        ("sample", "fastqs", "library_type"), cellranger, ("read1", "read2"), links=True, takes_atac=True
    ),
    "starsolo": Sheet(("sample", "cdna", "barcode"), starsolo, ("read1", "read2"), delimiter="\t"),
}


def check(name: str, lanes: Sequence[Lane]) -> None:
    """Raise AzulError for lanes that a sheet can't hold, and warn of those that its pipeline may not be meant for."""
    sheet = SHEETS[name]
    for lane in lanes:
        missing = [kind for kind in sheet.needs if kind not in lane.reads]
        if missing:
            raise AzulError(f"{name} needs {missing[0]}, which run {lane.run or lane.sample} with {lane.name} lacks")
        if lane.facts.is_by("atac") and not sheet.takes_atac:
            raise AzulError(f"{lane.name} is of ATAC, which {name} does not read", hint="--for cellranger writes it")
    _check_atac(lanes)
    if "read2" not in sheet.needs:
        _check_ends(lanes)
    _warn_of_mixtures(lanes)
    facts = [lane.facts for lane in lanes]
    if name == "nf-core/rnaseq" and any(one.is_by("10x") for one in facts):
        _warn("these are droplets with barcodes (10x), for which nf-core/scrnaseq is meant")
    if name != "nf-core/rnaseq" and any(one.is_by("smart") for one in facts):
        _warn("there is one sample per cell (Smart-seq), for which nf-core/rnaseq is meant")
    if any(one.is_by("10x v1") for one in facts):
        _warn("in 10x v1 other reads have the barcodes: look at the read lengths before you believe the order")


def _check_atac(lanes: Sequence[Lane]) -> None:
    atac = {lane.sample for lane in lanes if lane.facts.is_by("atac")}
    for lane in lanes:
        if lane.sample in atac and not lane.facts.is_by("atac"):
            raise AzulError(
                f"sample {lane.sample} has runs of ATAC and of gene expression", hint="make a manifest of each kind"
            )
        if lane.facts.is_by("atac") and not {"read3", "index2"} & set(lane.reads):
            raise AzulError(f"the barcode read (i5) of ATAC run {lane.run} with {lane.name} is not in the manifest")


def _check_ends(lanes: Sequence[Lane]) -> None:
    """Raise AzulError where single and paired ends are mixed within a sample, or one end is missing."""
    paired: dict[str, bool] = {}
    for lane in lanes:
        if lane.facts.paired_end == ("True",) and "read2" not in lane.reads:
            raise AzulError(f"{lane.name} is of paired ends, but its read2 is not in the manifest", hint="look for it")
        if paired.setdefault(lane.sample, "read2" in lane.reads) != ("read2" in lane.reads):
            raise AzulError(f"sample {lane.sample} has lanes of single and of paired ends, which the pipeline refuses")


def _warn_of_mixtures(lanes: Sequence[Lane]) -> None:
    for what, values in (
        ("species", {one for lane in lanes for one in lane.facts.species}),
        ("library constructions", {one for lane in lanes for one in lane.facts.approach}),
    ):
        if len(values) > 1:
            _warn("one sheet has several %s (%s); pipelines expect one", what, ", ".join(sorted(values)))


def strandedness_for(name: str, given: str | None) -> str:
    """Return what is told of strands. Raises UsageError where no sheet has room for it."""
    if given and "strandedness" not in SHEETS[name].columns:
        raise UsageError(f"a sheet for {name} has no strandedness")
    return given or STRANDEDNESS[0]


def _warn(text: str, *values: object) -> None:
    log.logger().warning(text, *values)
