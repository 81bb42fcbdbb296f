"""Compact manifests as Azul writes them, made by hand from the contract (§7)."""

from __future__ import annotations

import csv
import io
from typing import Any

NEW = (
    "source_id", "bundle_uuid", "bundle_version", "file_document_id", "file_type", "file_name", "file_format",
    "read_index", "file_size", "file_uuid", "file_version", "file_crc32c", "file_sha256", "file_content_type",
    "file_drs_uri", "file_azul_url", "file_mirror_uri", "cell_suspension.biomaterial_core.biomaterial_id",
    "sequencing_protocol.paired_end", "project.provenance.document_id", "project.project_core.project_short_name",
    "specimen_from_organism.organ",
)  # fmt: skip
OLD = tuple(name for name in NEW if name != "file_mirror_uri")
OLD = tuple("file_url" if name == "file_azul_url" else name for name in OLD)
SHA256 = "ab" * 32
FILE_UUID = "7b07b9d0-cc0e-4098-9f64-f4a569f7d746"
BUNDLE_UUID = "aaa96233-bf27-44c7-82df-b4dc15ad4d9d"
VERSION = "2018-11-02T11:33:44.698028Z"

FILE = {
    "source_id": "4b737739-7dc9-5d4b-9989-a4942047c91c",
    "bundle_uuid": BUNDLE_UUID,
    "bundle_version": VERSION,
    "file_document_id": "0c5ac7c0-817e-40d4-b1b1-34c3d5cfecdb",
    "file_type": "sequence_file",
    "file_name": "SRR3562915_1.fastq.gz",
    "file_format": "fastq.gz",
    "read_index": "read1",
    "file_size": "195142097",
    "file_uuid": FILE_UUID,
    "file_version": VERSION,
    "file_crc32c": "1d998e49",
    "file_sha256": SHA256,
    "file_content_type": "application/gzip; dcp-type=data",
    "file_drs_uri": "drs://data.terra.bio/v1_1_2",
    "file_azul_url": f"https://azul.example.org/repository/files/{FILE_UUID}?catalog=dcp1&version={VERSION}",
    "file_mirror_uri": f"s3://humancellatlas/file/{SHA256}.sha256",
    "cell_suspension.biomaterial_core.biomaterial_id": "GSM2172585 1",
    "sequencing_protocol.paired_end": "True",
    "project.provenance.document_id": "e8642221-4c2c-4fd7-b926-a68bce363c88",
    "project.project_core.project_short_name": "Single of human pancreas",
    "specimen_from_organism.organ": "pancreas || islet",
}


def row(**changes: str) -> dict[str, str]:
    """Return the cells of a file, some of them changed; `__` stands for the dots in names of columns."""
    return {**FILE, **{name.replace("__", "."): value for name, value in changes.items()}}


def table(*rows: dict[str, str], columns: Any = NEW) -> bytes:
    """Return a manifest with a header and `rows`."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, dialect="excel-tab")
    writer.writerow(columns)
    for cells in rows:
        told = {**cells, "file_url": cells.get("file_azul_url", "")}
        writer.writerow([told.get(name, "") for name in columns])
    return text.getvalue().encode()
