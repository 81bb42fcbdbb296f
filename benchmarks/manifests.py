"""Compact manifests of Azul for benchmarks/azul.py: all columns of today's service, filled as it fills them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

from contents import Block, Data, File

CATALOG = "dcp46"
VERSION = "2024-05-07T10:31:12.482000Z"
BUCKET = "bench"  # of the mirror
SHORT_NAME = "KidneySingleCellBenchmark"

# What does not differ from row to row, with the usual lengths; what does is filled in by `_varying`.
_COLUMNS = {
    "source_id": "0f2c4a1e-6a5d-4c13-8d3b-95e5b3f1a6f2",
    "source_spec": "tdr:bigquery:gcp:datarepo-0a1b:hca_prod_0f2c4a1e6a5d4c138d3b95e5b3f1a6f2__20240507_dcp2_20240507",
    "bundle_uuid": "",
    "bundle_version": VERSION,
    "file_document_id": "",
    "file_type": "sequence_file",
    "file_name": "",
    "file_format": "fastq.gz",
    "read_index": "read1",
    "file_size": "",
    "file_uuid": "",
    "file_version": VERSION,
    "file_crc32c": "4e2ab9f1",
    "file_sha256": "",
    "file_content_type": "application/gzip; dcp-type=data",
    "file_drs_uri": "",
    "file_azul_url": "",
    "file_mirror_uri": "",
    "cell_suspension.provenance.document_id": "3f9c5a4e-1111-4c13-8d3b-95e5b3f1a6f2",
    "cell_suspension.biomaterial_core.biomaterial_id": "KSC_cells_12",
    "cell_suspension.estimated_cell_count": "8000",
    "cell_suspension.selected_cell_type": "",
    "sequencing_process.provenance.document_id": "7c2e0b5d-2222-4c13-8d3b-95e5b3f1a6f2",
    "sequencing_protocol.instrument_manufacturer_model": "Illumina NovaSeq 6000",
    "sequencing_protocol.paired_end": "False",
    "library_preparation_protocol.library_construction_approach": "10x 3' v3",
    "library_preparation_protocol.nucleic_acid_source": "single cell",
    "project.provenance.document_id": "9b8a7c6d-3333-4c13-8d3b-95e5b3f1a6f2",
    "project.contributors.institution": "EMBL-EBI || Example University || Institute of Examples",
    "project.contributors.laboratory": "Example Laboratory",
    "project.project_core.project_short_name": SHORT_NAME,
    "project.project_core.project_title": "A single-cell benchmark of the human kidney in health and in disease",
    "project.estimated_cell_count": "40000",
    "specimen_from_organism.provenance.document_id": "1a2b3c4d-4444-4c13-8d3b-95e5b3f1a6f2",
    "specimen_from_organism.diseases": "normal",
    "specimen_from_organism.organ": "kidney",
    "specimen_from_organism.organ_part": "cortex of kidney",
    "specimen_from_organism.preservation_storage.preservation_method": "fresh",
    "donor_organism.sex": "female",
    "donor_organism.biomaterial_core.biomaterial_id": "KSC_donor_3",
    "donor_organism.provenance.document_id": "5e6f7a8b-5555-4c13-8d3b-95e5b3f1a6f2",
    "donor_organism.genus_species": "Homo sapiens",
    "donor_organism.development_stage": "human adult stage",
    "donor_organism.diseases": "normal",
    "donor_organism.organism_age": "45-50 year",
    "cell_line.provenance.document_id": "",
    "cell_line.biomaterial_core.biomaterial_id": "",
    "organoid.provenance.document_id": "",
    "organoid.biomaterial_core.biomaterial_id": "",
    "organoid.model_organ": "",
    "organoid.model_organ_part": "",
    "_entity_type": "specimens",
    "sample.provenance.document_id": "1a2b3c4d-4444-4c13-8d3b-95e5b3f1a6f2",
    "sample.biomaterial_core.biomaterial_id": "KSC_specimen_3",
    "sequencing_input.provenance.document_id": "3f9c5a4e-1111-4c13-8d3b-95e5b3f1a6f2",
    "sequencing_input.biomaterial_core.biomaterial_id": "KSC_cells_12",
    "sequencing_input_type": "cell_suspension",
}


def name_of(file: File) -> str:
    """Return the name of a file, which no other has."""
    return f"{file.kind}-{file.number}_R1_001.fastq.gz"


def azul_query() -> str:
    """Return the query of a file's address at Azul."""
    return urlencode({"catalog": CATALOG, "version": VERSION})


def write_compact(path: Path, data: Data, block: Path, url: str, in_mirror: bool) -> None:
    """Write the compact manifest of `data` as the service at `url` has it, whose mirror may have the files or not."""
    known = Block(block)
    with path.open("w", newline="") as stream:
        stream.write("\t".join(_COLUMNS) + "\r\n")
        for file in data.files():
            cells = {**_COLUMNS, **_varying(file, known, url), "file_mirror_uri": mirror_uri(file) if in_mirror else ""}
            stream.write("\t".join(cells.values()) + "\r\n")


def mirror_uri(file: File) -> str:
    """Return where the mirror has a file. Its keys are digests; here they are what the server can compute from."""
    return f"s3://{BUCKET}/file/{file.uuid}"


def _varying(file: File, block: Block, url: str) -> dict[str, str]:
    return {
        "bundle_uuid": file.bundle,
        "file_document_id": file.bundle.replace("-5000-", "-6000-"),
        "file_name": name_of(file),
        "file_size": str(file.size),
        "file_uuid": file.uuid,
        "file_sha256": file.sha256(block),
        "file_drs_uri": f"drs://data.terra.bio/v1_{file.bundle}_{file.uuid}",
        "file_azul_url": f"{url}/repository/files/{file.uuid}?{azul_query()}",
    }
