"""A project with managed access: everybody finds it, its files are for callers with a grant (contract §10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_local.azul.atlas import facts
from hca_local.azul.atlas.values import (
    Bundle,
    Chain,
    Contributor,
    Donor,
    Mirror,
    Project,
    Protocols,
    Specimen,
    Suspension,
)
from hca_local.sample import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_local.azul.atlas.values import File
    from hca_local.azul.content import Contents

_NAME = "ManagedLungCohort"
_DAY = "2022-05-04"
_DONORS = 2

PROJECT = Project(
    id=streams.uuid(f"project {_NAME}"),
    short_name=_NAME,
    title="Lung of donors who want to be asked",
    description="An invented project with managed access: its files are for callers with a grant.",
    source=facts.source(_NAME, managed=True),
    contributors=(Contributor("Careful,,Person", "Clinic of Examples", "Lung Lab", corresponding=True),),
    estimated_cells=2_000,
    bionetworks=("Lung",),
    restriction="GRU",
    submitted=facts.made(_NAME, _DAY),
)


def files(contents: Contents) -> Iterator[File]:
    """Yield the files of the project; their bytes are put into `contents`. Raises OSError."""
    for number in range(_DONORS):
        name = f"{_NAME} {number + 1}"
        made = facts.made(name, _DAY)
        bundle = Bundle(streams.uuid(f"bundle {name}"), made, PROJECT, (_chain(name, number),), made)
        for mate in (1, 2):
            title = f"lung_{number + 1}_{mate}.fastq.gz"
            content = streams.gzip(streams.fastq(f"LUNG{number + 1}", mate, 30))
            datum = facts.Datum(title, content, "application/gzip", streams.uuid(f"data {title}"), made)
            yield facts.file(
                contents,
                datum,
                (bundle,),
                file_type="sequence_file",
                read_index=f"read{mate}",
                lane_index=1,
                content_description=("DNA sequence",),
                mirror=Mirror.NONE,
            )


def _chain(name: str, number: int) -> Chain:
    """Return how the cells of donor `number` came to be read."""
    donor = Donor(
        streams.uuid(f"donor {name}"),
        f"lung_donor_{number + 1}",
        ("female", "male")[number],
        "Homo sapiens",
        str(51 + number),
        "year",
        "adult",
        ("pulmonary fibrosis",),
    )
    specimen = Specimen(streams.uuid(f"specimen {name}"), f"lung_specimen_{number + 1}", "lung", None, donor.diseases)
    suspension = Suspension(streams.uuid(f"cells {name}"), f"lung_cells_{number + 1}", 1_000)
    protocols = Protocols("10X v3 sequencing", "single cell", "Illumina NovaSeq 6000", True)
    return Chain(donor, specimen, suspension, protocols, streams.uuid(f"run {name}"))
