"""Sample sheets of rows whose files are on the disk."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from azul_fastqs import content, download, fastq, lanes

from hca_azul.errors import AzulError
from hca_azul.samplesheet.making import Order, make
from hca_core.errors import HCAError, NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Sheet = Callable[..., list[dict[str, str]]]

APPROACH = "library_preparation_protocol.library_construction_approach"
PAIRED = "sequencing_protocol.paired_end"


@pytest.fixture
def warned(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """A function that returns all warnings."""
    logger = logging.getLogger("hca")
    logger.addHandler(caplog.handler)
    yield lambda: "\n".join(one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING)
    logger.removeHandler(caplog.handler)


def test_scrnaseq_has_a_line_each_lane(sheet: Sheet, tmp_path: Path) -> None:
    rows = lanes(1, 2, sample="kidney-1") + lanes(3, sample="kidney-2", run="run2")
    lines = sheet(list(reversed(rows)))
    folder = tmp_path / "data" / "Kidney"
    assert lines == [
        {
            "sample": sample,
            "fastq_1": str(folder / f"{sample}_S1_L00{lane}_R1_001.fastq.gz"),
            "fastq_2": str(folder / f"{sample}_S1_L00{lane}_R2_001.fastq.gz"),
            "expected_cells": "5000",
        }
        for sample, lane in (("kidney-1", 1), ("kidney-1", 2), ("kidney-2", 3))
    ]
    assert all(Path(line["fastq_1"]).read_bytes() for line in lines)
    made = sheet.made  # type: ignore[attr-defined]
    assert (made.samples, made.runs, made.lanes, made.files, made.fastqs) == (2, 2, 3, 9, None)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (("5000", "5000"), "5000"),
        (("5000.0", "5000.0"), "5000"),
        (("0", "0"), ""),
        (("5000", "6000"), ""),  # the pipeline would take them for two samples
        (("about 5000", "about 5000"), ""),
        (("", ""), ""),
    ],
)
def test_expected_cells_are_one_number_for_a_sample(sheet: Sheet, counts: tuple[str, str], expected: str) -> None:
    rows = [
        row
        for number, count in enumerate(counts, 1)
        for row in lanes(
            number, run=f"run{number}", more={"cell_suspension.estimated_cell_count": (count,) if count else ()}
        )
    ]
    assert {line["expected_cells"] for line in sheet(rows)} == {expected}


def test_samples_of_two_projects_with_one_name_are_not_mixed(sheet: Sheet) -> None:
    rows = lanes(1, sample="cells_1") + lanes(2, sample="cells_1", run="run2", project="Lung")
    with pytest.raises(AzulError, match="Kidney and Lung both have a sample 'cells_1'"):
        sheet(rows)


def test_rnaseq_tells_strands_and_may_have_single_ends(sheet: Sheet) -> None:
    plate = {APPROACH: ("Smart-seq2",), PAIRED: ("False",)}
    rows = [fastq(f"SRR{cell}.fastq.gz", sample=f"cell {cell}", run=f"run{cell}", more=plate) for cell in (1, 2)]
    lines = sheet(rows, "nf-core/rnaseq")
    assert [(line["sample"], Path(line["fastq_1"]).name, line["fastq_2"], line["strandedness"]) for line in lines] == [
        ("cell_1", "SRR1.fastq.gz", "", "auto"),
        ("cell_2", "SRR2.fastq.gz", "", "auto"),
    ]
    assert sheet(rows, "nf-core/rnaseq", strandedness="reverse")[0]["strandedness"] == "reverse"
    with pytest.raises(UsageError, match="no strandedness"):
        sheet(rows, strandedness="reverse")


def test_ends_that_are_missing_or_mixed_are_refused(sheet: Sheet) -> None:
    paired, single = {PAIRED: ("True",), APPROACH: ()}, {PAIRED: ("False",), APPROACH: ()}
    with pytest.raises(AzulError, match=r"a_1.fastq.gz is of paired ends, but its read2"):
        sheet([fastq("a_1.fastq.gz", "read1", more=paired)], "nf-core/rnaseq")
    rows = [fastq("b.fastq.gz", "read1", more=single, run="r1")]
    rows += [fastq(f"c_{end}.fastq.gz", f"read{end}", more=paired, run="r2") for end in (1, 2)]
    with pytest.raises(AzulError, match="single and of paired ends"):
        sheet(rows, "nf-core/rnaseq")
    with pytest.raises(AzulError, match=r"nf-core/scrnaseq needs read2, which run r1 with b.fastq.gz lacks"):
        sheet(rows)


def test_starsolo_has_cdna_first_and_lanes_joined(sheet: Sheet, tmp_path: Path) -> None:
    (line,) = sheet(lanes(1, 2), "starsolo")
    folder = tmp_path / "data" / "Kidney"
    for column, token in (("cdna", "R2"), ("barcode", "R1")):
        assert line[column] == ",".join(str(folder / f"s1_S1_L00{lane}_{token}_001.fastq.gz") for lane in (1, 2))


def test_cell_ranger_gets_links_with_its_names(sheet: Sheet, tmp_path: Path) -> None:
    rows = [
        fastq(f"SRR{run}_{end}.fastq.gz", f"read{end}", sample="Human kidney #1", run=f"run{run}")
        for run in (1, 2)
        for end in (1, 2)
    ]
    lines = sheet(rows, "cellranger")
    folder = tmp_path / "fastqs"
    assert lines == [
        {
            "sample": "Human_kidney_1",
            "fastqs": f"{folder / 'run1'},{folder / 'run2'}",
            "library_type": "Gene Expression",
        }
    ]
    for run in (1, 2):
        for end in (1, 2):
            link = folder / f"run{run}" / f"Human_kidney_1_S1_L001_R{end}_001.fastq.gz"
            assert link.read_bytes() == content(f"SRR{run}_{end}.fastq.gz")
            assert link.samefile(tmp_path / "data" / "Kidney" / f"SRR{run}_{end}.fastq.gz")
    originals = (folder / "originals.tsv").read_text().splitlines()
    assert len(originals) == 5
    assert "Human_kidney_1_S1_L001_R1_001.fastq.gz\tSRR1_1.fastq.gz" in originals[1]
    sheet(rows, "cellranger")  # again, over what is there


def test_cell_ranger_numbers_samples_and_lanes_that_names_do_not(sheet: Sheet, tmp_path: Path) -> None:
    rows = [
        fastq(f"{start}_{end}.fastq.gz", f"read{end}", sample=sample)
        for start, sample in (("SRR8", "a"), ("SRR9", "a"), ("SRR7", "b"))
        for end in (1, 2)
    ]
    sheet(rows, "cellranger")
    names = sorted(path.name for path in (tmp_path / "fastqs" / "run1").iterdir())
    assert names == [
        f"{start}_R{end}_001.fastq.gz" for start in ("a_S1_L001", "a_S1_L002", "b_S2_L001") for end in (1, 2)
    ]


def test_atac_has_its_barcodes_in_read_2(sheet: Sheet, tmp_path: Path) -> None:
    atac = {APPROACH: ("10x scATAC-seq",)}
    rows = [
        fastq(f"x_{token}.fastq.gz", read, more=atac)
        for token, read in (("R1", "read1"), ("R2", "read2"), ("I1", "index1"), ("I2", "index2"))
    ]
    (line,) = sheet(rows, "cellranger")
    assert line["library_type"] == "Chromatin Accessibility"
    for token, original in (("R1", "R1"), ("R2", "I2"), ("R3", "R2"), ("I1", "I1")):
        link = tmp_path / "fastqs" / "run1" / f"s1_S1_L001_{token}_001.fastq.gz"
        assert link.read_bytes() == content(f"x_{original}.fastq.gz")
    with pytest.raises(AzulError, match="ATAC, which nf-core/scrnaseq does not read"):
        sheet(rows)
    with pytest.raises(AzulError, match=r"barcode read \(i5\) of ATAC run run1"):
        sheet(rows[:3], "cellranger")
    with pytest.raises(AzulError, match="runs of ATAC and of gene expression"):
        sheet([*rows, *lanes(1, run="run2")], "cellranger")


def test_copies_are_files_of_their_own(sheet: Sheet, tmp_path: Path) -> None:
    rows = lanes(1)
    (line,) = sheet(rows, how="copy", folder=str(tmp_path / "mine"))
    copy = Path(line["fastq_1"])
    assert copy == tmp_path / "mine" / "run1" / "s1_S1_L001_R1_001.fastq.gz"
    assert copy.read_bytes() == content("s1_S1_L001_R1_001.fastq.gz")
    assert copy.stat().st_nlink == 1
    sheet(rows, how="copy", folder=str(tmp_path / "mine"))
    original = (tmp_path / "data" / "Kidney" / rows[0].name).stat()
    copy.write_bytes(b"@" * original.st_size)
    os.utime(copy, ns=(original.st_atime_ns, original.st_mtime_ns))
    with pytest.raises(HCAError, match="has another content"):
        sheet(rows, how="copy", folder=str(tmp_path / "mine"))
    assert copy.read_bytes().startswith(b"@@")


def test_links_come_from_the_store_where_the_layout_has_no_names(sheet: Sheet, tmp_path: Path) -> None:
    rows = lanes(1)
    download(rows, tmp_path / "data", "none")
    with pytest.raises(NotFoundError, match="no place in this layout"):
        sheet(rows, layout="none")
    (line,) = sheet(rows, layout="none", how="link")
    assert Path(line["fastq_2"]).read_bytes() == content("s1_S1_L001_R2_001.fastq.gz")


def test_files_that_are_not_there_are_counted(sheet: Sheet, tmp_path: Path) -> None:
    rows = lanes(1, 2)
    folder = download(rows, tmp_path / "data") / "Kidney"
    (folder / rows[1].name).unlink()
    cut = folder / rows[3].name
    cut.unlink()
    cut.write_bytes(b"@")
    with pytest.raises(NotFoundError, match=r"2 of 6 files .* first: .*L001_R2_001.fastq.gz \(No such file"):
        sheet(rows)
    assert not (tmp_path / "sheet").exists()
    assert len(sheet(rows, check=False)) == 2
    with pytest.raises(UsageError, match="can't be linked"):
        sheet(rows, check=False, how="link")


def test_what_pipelines_refuse_is_refused(sheet: Sheet, tmp_path: Path) -> None:
    spaced = [fastq(f"my file_{end}.fastq.gz", f"read{end}") for end in (1, 2)]
    with pytest.raises(AzulError, match="has white space") as refused:
        sheet(spaced)
    assert "--link" in str(refused.value.hint)
    (line,) = sheet(spaced, how="link")
    assert Path(line["fastq_1"]).name == "s1_S1_L001_R1_001.fastq.gz"
    with pytest.raises(UsageError, match="white space or a comma"):
        sheet(spaced, how="link", folder=str(tmp_path / "a b"))
    with pytest.raises(AzulError, match="or a comma"):
        sheet([fastq(f"a,b_R{end}.fastq.gz", f"read{end}") for end in (1, 2)], check=False)
    plain = [fastq(f"x_R{end}.fastq", f"read{end}", format="fastq") for end in (1, 2)]
    with pytest.raises(AzulError, match=r"2 FASTQ files are not compressed, the first: x_R1.fastq"):
        sheet(plain)
    bare = [fastq(f"reads_R{end}", f"read{end}") for end in (1, 2)]  # only the format tells what they are
    with pytest.raises(AzulError, match="does not end with"):
        sheet(bare, check=False)
    download(bare, tmp_path / "data")
    assert sheet(bare, how="link", folder=str(tmp_path / "bare"))[0]["fastq_1"].endswith("_R1_001.fastq.gz")
    loud = [fastq(f"x_R{end}.FASTQ.GZ", f"read{end}") for end in (1, 2)]
    with pytest.raises(AzulError, match="does not end with"):
        sheet(loud, check=False)


def test_shared_files_are_split_only_if_asked(sheet: Sheet) -> None:
    rows = [fastq(f"pool_R{end}.fastq.gz", f"read{end}", sample=["a", "b"]) for end in (1, 2)]
    with pytest.raises(AzulError, match=r"'pool_R1.fastq.gz' is shared by several samples \(a, b\)") as refused:
        sheet(rows)
    assert "--split-shared" in str(refused.value.hint)
    lines = sheet(rows, split_shared=True)
    assert [line["sample"] for line in lines] == ["a", "b"]
    assert lines[0]["fastq_1"] == lines[1]["fastq_1"]


def test_several_runs_of_one_file_do_not_count_its_reads_twice(sheet: Sheet) -> None:
    rows = [fastq(f"x_R{end}.fastq.gz", f"read{end}", run=["r1", "r2"]) for end in (1, 2)]
    with pytest.raises(AzulError, match=r"shared by several runs \(r1, r2\)"):
        sheet(rows)
    assert len(sheet(rows, split_shared=True)) == 1
    with pytest.raises(AzulError, match="needs read1, which run r1"):
        sheet([rows[0], fastq("x_R2.fastq.gz", "read2", run="r1")], split_shared=True)


def test_cells_that_were_cut_are_refused(sheet: Sheet) -> None:
    rows = [fastq("x_R1.fastq.gz", "read1", sample=[f"s{one}" for one in range(100)])]
    with pytest.raises(AzulError, match="100 samples or more"):
        sheet(rows, split_shared=True)


def test_fastqs_of_the_wrong_type_are_taken_where_there_are_no_others(sheet: Sheet, warned: Any) -> None:
    wrong = list(lanes(1, file_type="analysis_file"))
    assert len(sheet(wrong)) == 1
    assert "3 FASTQ files" in warned()
    right = lanes(2, sample="s2")
    assert [line["sample"] for line in sheet(right + wrong, check=False)] == ["s2"]
    assert "are left out" in warned()


def test_other_files_and_repeated_rows_are_left_out(sheet: Sheet) -> None:
    rows = lanes(1)
    others = [fastq("reads.bam", format="bam"), fastq("counts.h5ad", format="h5ad", file_type="analysis_file")]
    sheet([*rows, *rows, *others])
    assert sheet.made.files == 3  # type: ignore[attr-defined]
    with pytest.raises(AzulError, match="no FASTQ files"):
        sheet(others)


def test_rows_that_tell_too_little_are_refused(sheet: Sheet) -> None:
    with pytest.raises(AzulError, match=r"which read 'x.fastq.gz' is"):
        sheet([fastq("x.fastq.gz")])
    with pytest.raises(AzulError, match=r"which sample 'x_1.fastq.gz' is of") as refused:
        sheet([fastq("x_1.fastq.gz", "read1", sample="")])
    assert "compact" in str(refused.value.hint)


def test_samples_fall_back_to_other_ids(sheet: Sheet) -> None:
    for column in ("sequencing_input", "sample"):
        more = {f"{column}.biomaterial_core.biomaterial_id": (column,)}
        rows = [fastq(f"x_R{end}.fastq.gz", f"read{end}", sample="", more=more) for end in (1, 2)]
        assert sheet(rows)[0]["sample"] == column


def test_samples_tell_what_they_are(sheet: Sheet, tmp_path: Path) -> None:
    rows = lanes(1, sample="kidney 1")
    for row in rows:
        assert " " in row.name
    sheet(rows, how="link")
    from_table = (tmp_path / "samples.tsv").read_text().splitlines()
    told = dict(zip(*(line.split("\t") for line in from_table), strict=True))
    assert len(from_table) == 2
    assert {name: told[name] for name in list(told)[:9]} == {
        "sample": "kidney_1",
        "biomaterial_id": "kidney 1",
        "donor": "donor 1",
        "species": "Homo sapiens",
        "organ": "kidney",
        "disease": "normal",
        "library_construction_approach": "10x 3' v3",
        "project": "Kidney",
        "run": "run1",
    }
    by_name = {row.name: (row.uuid, row.sha256) for row in rows}
    names, uuids, digests = (told[name].split(" || ") for name in ("file_names", "file_uuids", "sha256"))
    assert {name: rest for name, *rest in zip(names, uuids, digests, strict=True)} == {
        name: list(rest) for name, rest in by_name.items()
    }


def test_strange_data_are_told(sheet: Sheet, warned: Any) -> None:
    mouse = {"donor_organism.genus_species": ("Mus musculus",), APPROACH: ("10x v1",)}
    doubled = lanes(1) + lanes(2, sample="s2", run="r2", more=mouse)
    doubled += [
        fastq(f"copy_R{end}.fastq.gz", f"read{end}", run="r3", data=content("s1_S1_L001_R1_001.fastq.gz"))
        for end in (1, 2)
    ]
    sheet(doubled, check=False)
    told = warned()
    assert "several species (Homo sapiens, Mus musculus)" in told
    assert "several library constructions (10x 3' v3, 10x v1)" in told
    assert "same content" in told
    assert "10x v1 other reads" in told
    sheet(lanes(1), "nf-core/rnaseq", check=False)
    assert "nf-core/scrnaseq is meant" in warned()
    plate = lanes(1, more={APPROACH: ("Smart-seq2",)})
    sheet(plate, check=False)
    assert "nf-core/rnaseq is meant" in warned()


def test_the_manifest_is_believed_more_than_the_name(sheet: Sheet, warned: Any) -> None:
    rows = [fastq("x_1.fastq.gz", "read2"), fastq("x_2.fastq.gz", "read1")]
    (line,) = sheet(rows)
    assert (Path(line["fastq_1"]).name, Path(line["fastq_2"]).name) == ("x_2.fastq.gz", "x_1.fastq.gz")
    assert "2 names tell another read" in warned()


def test_nothing_of_others_is_replaced(tmp_path: Path, sheet: Sheet) -> None:
    rows = lanes(1)
    sheet(rows)
    sheet(rows)  # over its own
    (tmp_path / "sheet").write_text("my notes\n")
    with pytest.raises(UsageError, match="another file is there"):
        sheet(rows)
    (tmp_path / "sheet").unlink()
    (tmp_path / "samples.tsv").write_text("my notes\n")
    with pytest.raises(UsageError, match="table of samples"):
        sheet(rows)
    assert not (tmp_path / "sheet").exists()
    with pytest.raises(UsageError, match=r"samples.tsv is what"):
        make(rows, Order("cellranger", str(tmp_path / "samples.tsv"), str(tmp_path)))
    with pytest.raises(UsageError, match="is not a file"):
        make(rows, Order("cellranger", os.devnull, str(tmp_path)))


def test_hostile_cells_stay_below_the_folder(sheet: Sheet, tmp_path: Path) -> None:
    rows = [
        fastq(f"../../x_R{end}.fastq.gz", f"read{end}", sample="../../etc\tpasswd", run="/../../run\n")
        for end in (1, 2)
    ]
    sheet(rows, "cellranger")
    names = [path.relative_to(tmp_path / "fastqs") for path in (tmp_path / "fastqs").rglob("*") if path.is_file()]
    assert sorted(map(str, names)) == [
        "originals.tsv",
        "run/etc_passwd_S1_L001_R1_001.fastq.gz",
        "run/etc_passwd_S1_L001_R2_001.fastq.gz",
    ]
    assert len((tmp_path / "samples.tsv").read_text().splitlines()) == 2
