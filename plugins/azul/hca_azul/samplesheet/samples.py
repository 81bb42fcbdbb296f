"""samples.tsv: what the samples of a sheet are, and which files each has (contract §18)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hca_azul.samplesheet.pairing import Lane

COLUMNS = (
    "sample",
    "biomaterial_id",
    "donor",
    "species",
    "organ",
    "disease",
    "library_construction_approach",
    "project",
    "run",
    "file_names",
    "file_uuids",
    "sha256",
)
_JOINER = " || "  # that of the manifests


def lines(lanes: Sequence[Lane], samples: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """Yield a line for each sample and run; what lists files has the same order in all of its cells."""
    runs: dict[tuple[str, str], list[Lane]] = {}
    for lane in lanes:
        runs.setdefault((lane.sample, lane.run), []).append(lane)
    for (sample, run), of_run in runs.items():
        facts = of_run[0].facts
        reads = [read for lane in of_run for read in lane.reads.values()]
        yield (
            samples[sample],
            sample,
            *(_JOINER.join(one) for one in (facts.donor, facts.species, facts.organ, facts.disease, facts.approach)),
            facts.project,
            run,
            *(_JOINER.join(one) for one in zip(*((read.name, read.uuid, read.sha256) for read in reads), strict=True)),
        )
