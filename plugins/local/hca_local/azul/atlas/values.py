"""What the atlas consists of: everything that hits of the index and rows of manifests show of it.

Values that hold many others are only equal to themselves: to compare all that they hold would take long.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Mirror(StrEnum):
    """How a file is in the open-data mirror (contract §11)."""

    THERE = "there"
    ABSENT = "absent"  # it has a URI, but nothing is there
    WRONG = "wrong"  # as many bytes as it should have, but others
    NONE = "none"  # its URI is null: it will not be mirrored


class Matrix(StrEnum):
    """Who has made a matrix: the platform's own analysis, or the contributors (contract §12)."""

    PLATFORM = "dcp"
    CONTRIBUTED = "contributed"


@dataclass(frozen=True)
class Source:
    """A snapshot of the repository, that is of one project; a managed one is for callers with a grant."""

    id: str
    spec: str
    managed: bool = False


@dataclass(frozen=True)
class Contributor:
    """Somebody who has worked on a project."""

    name: str
    institution: str
    laboratory: str
    role: str | None = None
    email: str | None = None
    corresponding: bool = False


@dataclass(frozen=True)
class Publication:
    """An article about a project."""

    title: str
    url: str
    doi: str
    official: bool = True


@dataclass(frozen=True, eq=False)
class Project:
    """A project: its `id` is the UUID of its metadata; `estimated_cells` and `restriction` may be unknown.

    `accessions` are pairs of a namespace and an accession, `atlases` of a tissue atlas and its version.
    """

    id: str
    short_name: str
    title: str
    description: str
    source: Source
    contributors: tuple[Contributor, ...]
    publications: tuple[Publication, ...] = ()
    accessions: tuple[tuple[str, str], ...] = ()
    links: tuple[str, ...] = ()
    estimated_cells: int | None = None
    atlases: tuple[tuple[str, str], ...] = ()
    bionetworks: tuple[str, ...] = ()
    restriction: str | None = None
    submitted: str = ""
    updated: str | None = None

    @property
    def institutions(self) -> list[str]:
        """The institutions of the contributors, each once, sorted."""
        return sorted({one.institution for one in self.contributors})

    @property
    def laboratories(self) -> list[str]:
        """The laboratories of the contributors, each once, sorted."""
        return sorted({one.laboratory for one in self.contributors})


@dataclass(frozen=True)
class Donor:
    """An organism that cells come from; its age is a text such as `38` or `6-12` with a unit such as `year`."""

    id: str
    name: str
    sex: str | None
    species: str | None
    age: str | None
    age_unit: str | None
    stage: str | None
    diseases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Specimen:
    """A piece of an organ of a donor."""

    id: str
    name: str
    organ: str | None
    organ_part: str | None
    diseases: tuple[str, ...] = ()
    preservation: str | None = None


@dataclass(frozen=True)
class CellLine:
    """A culture of cells, `kind` such as `iPSC`, which stands for an organ."""

    id: str
    name: str
    kind: str
    model_organ: str | None


@dataclass(frozen=True)
class Organoid:
    """A model of an organ, grown from cells."""

    id: str
    name: str
    model_organ: str
    model_organ_part: str | None


@dataclass(frozen=True)
class Suspension:
    """The cells that were sequenced; `cells` is an estimate of how many."""

    id: str
    name: str
    cells: int | None
    cell_types: tuple[str, ...] = ()


@dataclass(frozen=True)
class Protocols:
    """How the cells were sequenced, and what was made of it (`workflow`)."""

    library: str | None
    nucleic_acid_source: str | None
    instrument: str | None
    paired_end: bool | None
    workflow: str | None = None


@dataclass(frozen=True, eq=False)
class Chain:
    """The way from a donor to a run of a sequencer; `sequencing` is the UUID of that process, None for none."""

    donor: Donor
    specimen: Specimen
    suspension: Suspension | None
    protocols: Protocols
    sequencing: str | None = None
    cell_line: CellLine | None = None
    organoid: Organoid | None = None

    @property
    def sample(self) -> Specimen | CellLine | Organoid:
        """What the cells were taken from in the end."""
        return self.organoid or self.cell_line or self.specimen

    @property
    def sample_type(self) -> str:
        """The type of that: `organoids`, `cellLines` or `specimens`."""
        if self.organoid:
            return "organoids"
        return "cellLines" if self.cell_line else "specimens"


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle of a project: `chains` are those of all its files."""

    uuid: str
    version: str
    project: Project
    chains: tuple[Chain, ...]
    submitted: str = ""


@dataclass(frozen=True, eq=False)
class Related:
    """A file without a document of its own: a chunk of the store that another file stands for (contract §13)."""

    uuid: str
    version: str
    name: str
    size: int
    sha256: str
    crc32c: str
    content_type: str
    drs_id: str | None
    mirror: Mirror = Mirror.THERE


@dataclass(frozen=True, eq=False)
class File:
    """One version of a data file; `matrix` tells in which tree of its project it is, if in one.

    `id` is the UUID of its metadata, which the index knows it by (entryId, file_document_id); `uuid` is that of the
    data (contract §0.2). `drs_id` is what its DRS URI ends with, None for a phantom file. `chains` are what it was made
    of, those of its bundles unless it says less.
    """

    id: str
    uuid: str
    version: str
    name: str
    format: str
    size: int
    sha256: str
    crc32c: str
    content_type: str
    file_type: str
    drs_id: str | None
    bundles: tuple[Bundle, ...]
    chains: tuple[Chain, ...]
    read_index: str | None = None
    lane_index: int | None = None
    source: str | None = None
    content_description: tuple[str, ...] = ()
    is_intermediate: bool | None = None
    matrix_cells: int | None = None
    matrix: Matrix | None = None
    mirror: Mirror = Mirror.THERE
    related: tuple[Related, ...] = ()

    @property
    def project(self) -> Project:
        """The project of its bundles."""
        return self.bundles[0].project


@dataclass(frozen=True, eq=False)
class Catalog:
    """A catalog: its `files` are in the order of their `id`, its `projects` in that of theirs."""

    name: str
    internal: bool
    projects: tuple[Project, ...]
    files: tuple[File, ...]
    atlas: str = "hca"

    @property
    def sources(self) -> list[Source]:
        """The sources of its projects, in the order of their ids."""
        return sorted((project.source for project in self.projects), key=lambda source: source.id)


@dataclass(frozen=True)
class Atlas:
    """All catalogs by name, and the name of the one that is meant where a request names none."""

    catalogs: Mapping[str, Catalog]
    default: str
