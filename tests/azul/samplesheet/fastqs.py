"""Rows of FASTQ files as compact manifests tell them, and downloads of them."""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING, Any

from hca_azul.download.places import place_of
from hca_azul.rows import Row
from hca_core.transfer import filestore

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PROJECT_ID = "e8642221-4c2c-4fd7-b926-a68bce363c88"
RUN = "sequencing_process.provenance.document_id"
SAMPLE = "cell_suspension.biomaterial_core.biomaterial_id"
_FACTS = {
    "cell_suspension.estimated_cell_count": ("5000",),
    "donor_organism.biomaterial_core.biomaterial_id": ("donor 1",),
    "donor_organism.genus_species": ("Homo sapiens",),
    "specimen_from_organism.organ": ("kidney",),
    "specimen_from_organism.diseases": ("normal",),
    "library_preparation_protocol.library_construction_approach": ("10x 3' v3",),
}


def _id(text: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text))


def content(name: str) -> bytes:
    """Return the bytes of a file."""
    return f"@{name}".encode()


def fastq(name: str, read: str = "", *, sample: Any = "s1", run: Any = "run1", **changes: Any) -> Row:
    """Return the row of a FASTQ file; `more` among `changes` has other cells, `data` its bytes."""
    data = changes.pop("data", content(name))
    cells = {**_FACTS, RUN: _cell(run), SAMPLE: _cell(sample), **changes.pop("more", {})}
    told: dict[str, Any] = {
        "uuid": _id(name),
        "version": "2020-01-01T00:00:00.000000Z",
        "name": name,
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "format": "fastq.gz",
        "read_index": read,
        "document_id": _id(f"document {name}"),
        "file_type": "sequence_file",
        "project_id": PROJECT_ID,
        "project": "Kidney",
    }
    return Row(**{**told, "extra": {column: values for column, values in cells.items() if values}, **changes})


def _cell(value: Any) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, (list, tuple)) else (value,) if value else ()


def lanes(*numbers: int, sample: str = "s1", run: str = "run1", **changes: Any) -> list[Row]:
    """Return the rows of lanes of a sample: R1, R2 and I1 of each."""
    return [
        fastq(f"{sample}_S1_L{number:03}_{token}_001.fastq.gz", read, sample=sample, run=run, **changes)
        for number in numbers
        for token, read in (("R1", "read1"), ("R2", "read2"), ("I1", "index1"))
    ]


def download(rows: Iterable[Row], folder: Path, layout: str = "project") -> Path:
    """Put the files of `rows` where `hca azul download` does, and return the folder."""
    for row in rows:
        kept = folder / filestore.path("", row.sha256)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(content(row.name))
        if place := place_of(row, layout):
            target = folder / place
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            target.hardlink_to(kept)
    return folder
