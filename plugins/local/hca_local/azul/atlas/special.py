"""A hand-made project with whatever is unusual: what a client must live with, in a few small files (contract §19)."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

from hca_local.azul.atlas import facts
from hca_local.azul.atlas.values import (
    Bundle,
    CellLine,
    Chain,
    Contributor,
    Donor,
    Matrix,
    Mirror,
    Organoid,
    Project,
    Protocols,
    Publication,
    Specimen,
    Suspension,
)
from hca_local.sample import streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_local.azul.atlas.values import File
    from hca_local.azul.content import Contents

_NAME = "RetinaSpecialCases"
_DAY = "2020-03-11"
_UPDATED = "2021-02-14"
_HDF_TYPE = "application/x-hdf5"
# As a real title would be: longer than the 256 characters that the index keeps for comparisons (contract §0.8).
_DESCRIPTION = (
    "An invented project with whatever is unusual in data of the atlas: two lanes with an index read, a store of many "
    "small files, odd names, the same bytes twice, files without bytes, files that the mirror lacks or has wrong, "
    "donors whose age nobody knows, cells of a culture and of an organoid."
)

PROJECT = Project(
    id=streams.uuid(f"project {_NAME}"),
    short_name=_NAME,
    title="Retina of few donors: a project of special cases",
    description=_DESCRIPTION,
    source=facts.source(_NAME),
    contributors=(
        Contributor("Example,A,Person", "University of Instances", "Retina Lab", "Principal investigator", None, True),
        Contributor("Sample,,Person", "Institute of Examples", "Retina Lab", "data curator", "sample@example.org"),
        Contributor("Third,,Person", "Institute of Examples", "Computing Lab"),
    ),
    publications=(
        Publication("An invented atlas of the retina", "https://example.org/retina", "10.1000/example.retina"),
    ),
    accessions=(("geo_series", "GSE81547"), ("insdc_project", "SRP075496")),
    links=("https://example.org/retina",),
    estimated_cells=12_345,
    atlases=(("Retina", "v1.0"),),
    bionetworks=("Eye",),
    restriction="NRES",
    submitted=facts.made(_NAME, _DAY),
    updated=facts.made(_NAME, _UPDATED),
)

_DROPLET = Protocols("10X v3 sequencing", "single cell", "Illumina NovaSeq 6000", False)
_NUCLEI = Protocols("10X v2 sequencing", "single nucleus", "Illumina NovaSeq 6000", False, "optimus_v1.0.0")


def files(contents: Contents, *, older: bool = False) -> Iterator[File]:
    """Yield the files of the project; their bytes are put into `contents`. Raises OSError.

    Parameters: `older` gives the matrix that has since been replaced by one of the same UUID.
    """
    reads, analysis, second = (_bundle(number, chains) for number, chains in enumerate(_chains()))
    yield from _lanes(contents, reads)
    yield from _matrices(contents, analysis, older=older)
    yield from _documents(contents, analysis, second)
    yield _store(contents, analysis)


def _chains() -> tuple[tuple[Chain, ...], ...]:
    """Return the chains of three bundles: one donor; that donor and a second one; a culture and an organoid."""
    adult = Donor(_id("donor 1"), "retina_donor_1", "female", "Homo sapiens", "38", "year", "adult", ("normal",))
    fetus = Donor(_id("donor 2"), "retina_donor_2", None, "Homo sapiens", "6-12", "week", "fetal stage", ())
    mouse = Donor(_id("donor 3"), "retina_donor_3", "unknown", "Mus musculus", None, None, None, ())
    eye = Specimen(_id("specimen 1"), "retina_specimen_1", "eye", "retina", ("normal",), "fresh")
    whole = Specimen(_id("specimen 2"), "retina_specimen_2", "eye", None)
    skin = Specimen(_id("specimen 3"), "retina_specimen_3", "skin of body", None)
    culture = CellLine(_id("line 1"), "retina_line_1", "induced pluripotent stem cell", "eye")
    organoid = Organoid(_id("organoid 1"), "retina_organoid_1", "eye", "retina")
    rods = Suspension(_id("cells 1"), "retina_cells_1", 5_000, ("rod cell", "cone cell"))
    rest = Suspension(_id("cells 2"), "retina_cells_2", None)
    few = Suspension(_id("cells 3"), "retina_cells_3", 700)
    first = Chain(adult, eye, rods, _DROPLET, _id("run 1"))
    return (
        (first,),
        (first, Chain(fetus, whole, rest, _NUCLEI, _id("run 2"))),
        (
            Chain(mouse, skin, few, _NUCLEI, _id("run 3"), culture),
            Chain(mouse, skin, None, _NUCLEI, _id("run 4"), culture, organoid),
        ),
    )


def _id(name: str) -> str:
    return streams.uuid(f"{_NAME} {name}")


def _bundle(number: int, chains: tuple[Chain, ...]) -> Bundle:
    name = f"{_NAME} bundle {number}"
    return Bundle(_id(name), facts.made(name, _DAY), PROJECT, chains, facts.made(name, _DAY))


def _datum(name: str, content: bytes, media_type: str, day: str = _DAY) -> facts.Datum:
    return facts.Datum(name, content, media_type, _id(f"data {name}"), facts.made(f"{_NAME} {name} {day}", day))


def _lanes(contents: Contents, bundle: Bundle) -> Iterator[File]:
    """Yield the reads of two lanes: twice the cells' barcodes, twice what was read of them, twice the index."""
    for lane in (1, 2):
        for mate, (token, index) in enumerate((("R1", "read1"), ("R2", "read2"), ("I1", "index1")), 1):
            name = f"retina_S1_L{lane:03d}_{token}_001.fastq.gz"
            content = streams.gzip(streams.fastq(f"RETINA{lane}", mate, 40))
            yield facts.file(
                contents,
                _datum(name, content, "application/gzip"),
                (bundle,),
                file_type="sequence_file",
                read_index=index,
                lane_index=lane,
                content_description=("DNA sequence",),
            )


def _matrices(contents: Contents, bundle: Bundle, *, older: bool) -> Iterator[File]:
    """Yield a matrix of the contributors, and one of the platform, which the mirror has wrong."""
    shared = {"content_description": ("count matrix",), "is_intermediate": False, "file_type": "analysis_file"}
    day = _DAY if older else _UPDATED
    content = _opened("retina.h5ad", 300_008, day)
    given: dict[str, Any] = {**shared, "source": "GEO", "matrix": Matrix.CONTRIBUTED, "matrix_cells": 5_700}
    yield facts.file(contents, _datum("retina.h5ad", content, _HDF_TYPE, day), (bundle,), **given)
    content = _opened("retina.loom", 100_008, "")
    given = {**shared, "source": "DCP/2 Analysis", "matrix": Matrix.PLATFORM, "mirror": Mirror.WRONG}
    yield facts.file(contents, _datum("retina.loom", content, "application/x-loom", _DAY), (bundle,), **given)


def _opened(name: str, size: int, seed: str) -> bytes:
    """Return a matrix that anndata opens, of `size` bytes: HDF5 does not heed what lies behind its end."""
    matrix = resources.files(__package__).joinpath(name).read_bytes()
    return matrix + streams.data(f"{_NAME} {name} {seed}", size - len(matrix))


def _documents(contents: Contents, bundle: Bundle, second: Bundle) -> Iterator[File]:
    """Yield files about the data: in two bundles, oddly named, twice the same, without bytes, not in the mirror."""
    notes = b"cell\tnote\n1\tnothing unusual\n"
    both = (bundle, second)
    source = {"source": "Contributor"}
    protocol = b"%PDF-1.4\n% An invented protocol.\n%%EOF\n"
    yield facts.file(contents, _datum("protocol.pdf", protocol, "application/pdf"), both, **source)
    yield facts.file(contents, _datum("plate #1: notes.tsv", notes, "text/plain"), (second,), **source)
    yield facts.file(contents, _datum("copy of notes.tsv", notes, "text/plain"), (bundle,), **source)
    phantom = _datum("lost.bam", b"Nobody can fetch this.\n", "application/octet-stream")
    given: dict[str, Any] = {"file_type": "analysis_file", "is_intermediate": True, "mirror": Mirror.NONE}
    yield facts.file(contents, phantom, (bundle,), drs_id=None, **given)
    table = b"cell,type\n1,rod cell\n"
    yield facts.file(contents, _datum("cells.csv", table, "text/csv"), (second,), mirror=Mirror.ABSENT, **source)
    large = b"cell,gene,count\n" + b"1,GNAT1,7\n" * 2_000
    yield facts.file(contents, _datum("counts.csv", large, "text/csv"), (second,), mirror=Mirror.NONE, **source)


def _store(contents: Contents, bundle: Bundle) -> File:
    """Return the one file that stands for a store of four."""
    parts = {
        ".zattrs": b'{"cells": 2}\n',
        ".zgroup": b'{"zarr_format": 2}\n',
        "expression/.zarray": b'{"zarr_format": 2, "shape": [2], "chunks": [2], "dtype": "<i4"}\n',
        "expression/0": streams.data(f"{_NAME} chunk", 800),
    }
    data = [_datum(f"retina.zarr/{name}", content, "application/octet-stream") for name, content in parts.items()]
    others = tuple(facts.related(contents, datum) for datum in data[1:])
    return facts.file(
        contents,
        data[0],
        (bundle,),
        format="zarr",
        file_type="analysis_file",
        source="DCP/2 Analysis",
        is_intermediate=False,
        content_description=("count matrix",),
        matrix=Matrix.PLATFORM,
        related=others,
    )
