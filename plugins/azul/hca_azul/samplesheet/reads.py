"""FASTQ files of a manifest: which rows are such, and what they are of (contract §18)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from hca_azul.errors import AzulError
from hca_azul.manifest.cells import MOST_VALUES
from hca_azul.samplesheet import naming
from hca_core import log

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hca_azul.rows import Row

_RUN = "sequencing_process.provenance.document_id"
_ID = "biomaterial_core.biomaterial_id"
_SAMPLES = (f"cell_suspension.{_ID}", f"sequencing_input.{_ID}", f"sample.{_ID}")
_APPROACH = "library_preparation_protocol.library_construction_approach"
_COMPACT = "make the manifest with: hca azul create-manifest --format compact"


class Facts(NamedTuple):
    """What a manifest tells of the material behind a file; a cell with several values is a tuple of them."""

    donor: tuple[str, ...]
    species: tuple[str, ...]
    organ: tuple[str, ...]
    disease: tuple[str, ...]
    approach: tuple[str, ...]
    project: str
    cells: int | None
    paired_end: tuple[str, ...]

    def is_by(self, method: str) -> bool:
        """Tell whether the library was made by a method whose name has this in it, in small letters."""
        return any(method in one.lower() for one in self.approach)


@dataclass(frozen=True, slots=True)
class Read:
    """One FASTQ file: `kind` is one of naming.READS, `place` where the download put it below its directory.

    `runs` and `samples` are all that it has reads of.
    """

    uuid: str
    name: str
    sha256: str
    size: int | None
    place: str
    kind: str
    document_id: str
    is_compressed: bool
    runs: tuple[str, ...]
    samples: tuple[str, ...]
    facts: Facts


def reads_of(placed: Iterable[tuple[Row, str]]) -> list[Read]:
    """Return the FASTQ files among rows and their places (`places.resolved`), and tell what is strange about them.

    All of them are held, but little of each: which belong together is known when all are seen.

    Raises AzulError if there are none, or if the rows do not tell what they are of.
    """
    chosen = list(_slim(_chosen(placed)))
    if not chosen:
        raise AzulError(
            "the manifest has no FASTQ files", hint="hca azul get-facets fileFormat -f ... tells what it has"
        )
    for read in chosen:
        if not read.kind:
            raise AzulError(f"neither the manifest nor its name tells which read {read.name!r} is", hint=_COMPACT)
        if not read.samples:
            raise AzulError(f"the manifest does not tell which sample {read.name!r} is of", hint=_COMPACT)
    return chosen


def _chosen(placed: Iterable[tuple[Row, str]]) -> Iterator[tuple[Row, str]]:
    """Yield the rows of FASTQ files; those that are called analysis files only for projects that have no others."""
    sequenced: set[str] = set()
    others: dict[str, list[tuple[Row, str]]] = {}
    for row, place in placed:
        if not naming.is_fastq(row.name, row.format):
            continue
        if row.file_type in ("sequence_file", ""):
            sequenced.add(row.project_id)
            yield row, place
        else:
            others.setdefault(row.project_id, []).append((row, place))
    for project, rows in others.items():
        first, count = rows[0][0], len(rows)
        if project in sequenced:
            _warn("%d FASTQ files (%r ...) are no sequence files, and are left out", count, first.name)
        else:
            _warn("%d FASTQ files (%r ...) are called %s; they are taken for reads", count, first.name, first.file_type)
            yield from rows


def _slim(placed: Iterable[tuple[Row, str]]) -> Iterator[Read]:
    known: dict[Facts, Facts] = {}
    strange: list[str] = []
    for row, place in placed:
        facts = _facts(row)
        told, named = naming.by_index(row.read_index), naming.by_name(row.name)
        if told and named and told != named:
            strange.append(f"{row.name} is {told}")
        yield Read(
            row.uuid,
            row.name,
            row.sha256,
            row.size,
            place,
            told or named or ("read1" if facts.paired_end == ("False",) else ""),
            row.document_id,
            row.name.lower().endswith(".gz") or row.format.lower().endswith(".gz"),
            row.extra.get(_RUN, ()),
            next((row.extra[column] for column in _SAMPLES if row.extra.get(column)), ()),
            known.setdefault(facts, facts),
        )
    if strange:
        _warn("%d names tell another read than the manifest, which is believed: %s ...", len(strange), strange[0])


def _facts(row: Row) -> Facts:
    def cell(*columns: str) -> tuple[str, ...]:
        return next((row.extra[column] for column in columns if row.extra.get(column)), ())

    counts = cell("cell_suspension.estimated_cell_count")
    whole = counts[0].removesuffix(".0") if len(counts) == 1 else ""
    return Facts(
        cell(f"donor_organism.{_ID}"),
        cell("donor_organism.genus_species"),
        cell("specimen_from_organism.organ", "organoid.model_organ"),
        cell("specimen_from_organism.diseases", "donor_organism.diseases"),
        cell(_APPROACH),
        row.project or row.project_id,
        int(whole) if whole.isascii() and whole.isdigit() and int(whole) else None,
        cell("sequencing_protocol.paired_end"),
    )


def of_samples(reads: Iterable[Read], *, split_shared: bool = False) -> dict[tuple[str, str], list[Read]]:
    """Return the files of each sample and run.

    A file of several samples goes to each of them if `split_shared`. Several runs of one file are one: in two rows its
    reads would be counted twice.

    Raises AzulError for a file of several samples or runs, and for a name that samples of two projects have.
    """
    found: dict[tuple[str, str], list[Read]] = {}
    projects: dict[str, str] = {}
    for read in reads:
        if max(len(read.samples), len(read.runs)) >= MOST_VALUES:
            raise AzulError(f"{read.name!r} is of {MOST_VALUES} samples or more, of which the manifest tells only some")
        if not split_shared and (len(read.samples) > 1 or len(read.runs) > 1):
            what = "samples" if len(read.samples) > 1 else "runs"
            values = ", ".join((read.samples if len(read.samples) > 1 else read.runs)[:3])
            raise AzulError(
                f"{read.name!r} is shared by several {what} ({values})",
                hint="--split-shared gives each sample a row of it",
            )
        for sample in read.samples:
            other = projects.setdefault(sample, read.facts.project)
            if other != read.facts.project:  # their reads would be taken for those of one sample
                raise AzulError(
                    f"{other} and {read.facts.project} both have a sample {sample!r}",
                    hint="make a manifest and a sheet of each project",
                )
            found.setdefault((sample, "+".join(read.runs)), []).append(read)
    return found


def _warn(text: str, *values: object) -> None:
    log.logger().warning(text, *values)
