"""From a filter to sheets, matrices and citations, on the stand-in."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_core.testing import Outcome

PROJECT = "RetinaSpecialCases"


def of(outcome: Outcome) -> Outcome:
    """Return what a command wrote; it must not have failed."""
    assert outcome.exit_status == 0, outcome.stderr
    return outcome


def test_sheets_of_what_was_downloaded(run: Callable[..., Outcome], tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.tsv"
    of(run("create-manifest", "-f", f"project={PROJECT}", "-f", "fileFormat=fastq.gz", "--to", manifest))
    of(run("download", "--manifest", manifest, "-d", tmp_path / "data", "--no-progress"))
    common = ("--manifest", manifest, "-d", tmp_path / "data")
    of(run("samplesheet", "--for", "nf-core/scrnaseq", *common, "--to", tmp_path / "sheet.csv"))
    with (tmp_path / "sheet.csv").open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert len(lines) == 2
    for lane, line in enumerate(lines, 1):
        for end in (1, 2):
            assert Path(line[f"fastq_{end}"]).name == f"retina_S1_L00{lane}_R{end}_001.fastq.gz"
            assert Path(line[f"fastq_{end}"]).stat().st_size
    of(run("samplesheet", "--for", "cellranger", *common, "--to", tmp_path / "cellranger.csv", "--force"))
    links = sorted(path.name for path in (tmp_path / "fastqs").glob("*/*"))
    assert links == [
        f"retina_cells_1_S1_L00{lane}_{token}_001.fastq.gz" for lane in (1, 2) for token in ("I1", "R1", "R2")
    ]


def test_matrices(both: Any, hca: Callable[..., Outcome], tmp_path: Path) -> None:
    def run(*words: object) -> Outcome:
        return hca("azul", *map(str, words), env=both.environment)

    listed = of(run("get-matrices", PROJECT, "--output", "json")).json()
    assert len({one["uuid"] for one in listed}) == len(listed) == 3
    assert {one["kind"] for one in listed} == {"dcp", "contributed"}
    for one in listed:
        assert one["organ"] == "eye"
        assert one["azul_url"].endswith(f"version={one['version'].replace(':', '%3A')}")
    of(run("download-matrices", PROJECT, "--format", "h5ad", "-d", tmp_path, "--no-progress"))
    (wanted,) = (one for one in listed if one["format"] == "h5ad")
    assert (tmp_path / PROJECT / wanted["name"]).stat().st_size == wanted["size"]


def test_citations(run: Callable[..., Outcome]) -> None:
    (told,) = of(run("cite", PROJECT, "--output", "json")).json()
    text = of(run("cite", f"https://explore.data.humancellatlas.org/projects/{told['project_id']}")).stdout
    assert told["title"] in text
    assert told["release"] in text
    assert json.loads(of(run("cite", PROJECT, "--format", "csl")).stdout)[0]["title"] == told["title"]
