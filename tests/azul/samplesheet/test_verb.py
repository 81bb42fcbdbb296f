"""`hca azul samplesheet` from a manifest as the service writes it."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest
from azul_fastqs import download, fastq, lanes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from hca_azul.rows import Row
    from hca_core.testing import Outcome

_COLUMNS = {
    "file_uuid": "uuid",
    "file_version": "version",
    "file_name": "name",
    "file_size": "size",
    "file_sha256": "sha256",
    "file_format": "format",
    "file_type": "file_type",
    "read_index": "read_index",
    "file_document_id": "document_id",
    "project.provenance.document_id": "project_id",
    "project.project_core.project_short_name": "project",
}


def manifest(path: Path, rows: Iterable[Row]) -> Path:
    """Write a compact manifest of `rows`."""
    listed = list(rows)
    extra = sorted({column for row in listed for column in row.extra})
    with open(path, "w", newline="") as stream:
        writer = csv.writer(stream, dialect="excel-tab")
        writer.writerow([*_COLUMNS, *extra])
        for row in listed:
            told = [str(getattr(row, field)) for field in _COLUMNS.values()]
            writer.writerow([*told, *(" || ".join(row.extra.get(column, ())) for column in extra)])
    return path


@pytest.fixture
def run(tmp_path: Path, hca: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """A function that makes a manifest, downloads it, and runs the verb on it."""

    def running(rows: list[Row], *words: str) -> Outcome:
        path = manifest(tmp_path / "manifest.tsv", rows)
        download(rows, tmp_path / "data")
        words = ("--manifest", str(path), "-d", str(tmp_path / "data"), "--to", str(tmp_path / "sheet.csv"), *words)
        return hca("azul", "samplesheet", *words)

    return running


def test_a_manifest_becomes_a_sheet(run: Callable[..., Outcome], tmp_path: Path) -> None:
    outcome = run(lanes(1, 2), "--for", "nf-core/scrnaseq", "--output", "json")
    assert outcome.exit_status == 0, outcome.stderr
    (made,) = outcome.json()
    assert (made["sheet"], made["lanes"], made["files"]) == (str(tmp_path / "sheet.csv"), 2, 6)
    lines = (tmp_path / "sheet.csv").read_bytes().split(b"\n")
    assert lines[0] == b"sample,fastq_1,fastq_2,expected_cells"
    assert (
        lines[1]
        == (
            f"s1,{tmp_path}/data/Kidney/s1_S1_L001_R1_001.fastq.gz,"
            f"{tmp_path}/data/Kidney/s1_S1_L001_R2_001.fastq.gz,5000"
        ).encode()
    )
    assert len((tmp_path / "samples.tsv").read_text().splitlines()) == 2


def test_links_beside_the_sheet(run: Callable[..., Outcome], tmp_path: Path) -> None:
    outcome = run(lanes(1), "--for", "cellranger", "--output", "json")
    assert outcome.exit_status == 0, outcome.stderr
    assert outcome.json()[0]["fastqs"] == str(tmp_path / "fastqs")
    assert (tmp_path / "fastqs" / "run1" / "s1_S1_L001_I1_001.fastq.gz").stat().st_nlink == 3
    again = ("--for", "cellranger", "--copy", "--fastq-dir", str(tmp_path / "mine"))
    (tmp_path / "sheet.csv").unlink()
    refused = run(lanes(1), *again)
    assert (refused.exit_status, f"{tmp_path / 'samples.tsv'} exists" in refused.stderr) == (2, True)
    assert not (tmp_path / "mine").exists()
    outcome = run(lanes(1), *again, "--force")
    assert outcome.exit_status == 0, outcome.stderr
    assert (tmp_path / "mine" / "run1" / "s1_S1_L001_I1_001.fastq.gz").stat().st_nlink == 1


def test_errors_are_sentences_with_a_next_step(run: Callable[..., Outcome], tmp_path: Path) -> None:
    shared = [fastq(f"x_R{end}.fastq.gz", f"read{end}", sample=["a", "b"]) for end in (1, 2)]
    outcome = run(shared, "--for", "starsolo")
    assert outcome.exit_status == 1
    assert "shared by several samples (a, b)" in outcome.stderr
    assert "--split-shared" in outcome.stderr
    assert not outcome.stdout
    assert not (tmp_path / "sheet.csv").exists()
    outcome = run(lanes(1), "--for", "starsolo", "--layout", "flat")
    assert outcome.exit_status == 4
    assert "3 of 3 files are not there" in outcome.stderr
    outcome = run(lanes(1), "--for", "nf-core/rnaseq")
    assert outcome.stderr == "hca: these are droplets with barcodes (10x), for which nf-core/scrnaseq is meant\n"
    assert run(lanes(1), "--for", "starsolo", "--layout", "tidy").exit_status == 2
    assert run(lanes(1), "--for", "bowtie").exit_status == 2
