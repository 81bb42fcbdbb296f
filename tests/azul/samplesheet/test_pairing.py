"""Which reads belong together, by names of every kind that the atlas has; and names that every pipeline takes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from azul_fastqs import fastq

from hca_azul.errors import AzulError
from hca_azul.samplesheet import lanes, naming
from hca_azul.samplesheet.pairing import lanes_of
from hca_azul.samplesheet.reads import of_samples, reads_of
from hca_core.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

READS = {"1": "read1", "2": "read2", "3": "index1"}


def paired(*names: str, known: dict[str, int] | None = None) -> list[tuple[int, dict[str, str]]]:
    """Return number and names of the lanes of one run; names begin with the number of their read: 2:x.fastq.gz."""
    rows = [fastq(name, READS[read]) for read, _, name in (one.partition(":") for one in names)]
    found = lanes_of(of_samples(reads_of((row, row.name) for row in rows)), known)
    return [(lane.number, {kind: read.name for kind, read in lane.reads.items()}) for lane in found]


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["1:a_S1_L001_R1_001.fastq.gz", "2:a_S1_L001_R2_001.fastq.gz"], [1]),
        (["1:SRR1_1.fastq.gz", "2:SRR1_2.fastq.gz"], [1]),
        (["1:SRR1_1.fastq.gz", "2:SRR1_2.fastq.gz", "1:SRR2_1.fastq.gz", "2:SRR2_2.fastq.gz"], [1, 2]),
        (["1:x.read1.fq.gz", "2:x.read2.fq.gz", "3:x.index1.fq.gz"], [1]),
        # R1 is the patient's number, the digit at the end that of the read.
        (["1:R1_SRR5_1.fastq.gz", "2:R1_SRR5_2.fastq.gz"], [1]),
        (
            ["1:R1_SRR5_1.fastq.gz", "2:R1_SRR5_2.fastq.gz", "1:R1_SRR6_1.fastq.gz", "2:R1_SRR6_2.fastq.gz"],
            [1, 2],
        ),
        (["1:a_R1.fastq.gz", "2:a_R2.fastq.gz", "1:b_R1.fastq.gz", "2:b_R2.fastq.gz"], [1, 2]),
        # Nothing but the lane is common to them.
        (
            ["1:bar_L004_a.fastq.gz", "2:cdna_L004_b.fastq.gz", "1:bar_L007_a.fastq.gz", "2:cdna_L007_b.fastq.gz"],
            [4, 7],
        ),
        (["1:bar_L4_a.fastq.gz", "2:cdna_L4_b.fastq.gz", "1:bar_L7_a.fastq.gz", "2:cdna_L7_b.fastq.gz"], [4, 7]),
        (["1:run.3.R1.fastq.gz", "2:run.3.R2.fastq.gz", "1:run.5.R1.fastq.gz", "2:run.5.R2.fastq.gz"], [3, 5]),
        # One of each: there is nothing to confuse.
        (["1:barcodes.fastq.gz", "2:transcripts.fastq.gz"], [1]),
    ],
)
def test_reads_pair_by_lane_and_name(names: list[str], numbers: list[int]) -> None:
    found = paired(*reversed(names))
    assert [number for number, _ in found] == numbers
    width = len(names) // len(numbers)
    expected = [
        {READS[read]: name for read, _, name in (one.partition(":") for one in names[start : start + width])}
        for start in range(0, len(names), width)
    ]
    assert [reads for _, reads in found] == expected


@pytest.mark.parametrize(
    "names",
    [
        ["1:a.fastq.gz", "1:b.fastq.gz", "2:c.fastq.gz", "2:d.fastq.gz"],  # which of them?
        ["1:a_S1_L001_R1_001.fastq.gz", "2:a_S1_L001_R2_001.fastq.gz", "1:a_S1_L002_R1_001.fastq.gz"],
        ["1:a_R1.fastq.gz", "2:a_R2.fastq.gz", "3:a_I1.fastq.gz", "1:b_R1.fastq.gz", "2:b_R2.fastq.gz"],
        ["1:x_R1.fastq.gz", "1:x_R2.fastq.gz", "2:x_R3.fastq.gz"],
    ],
)
def test_what_does_not_pair_is_told(names: list[str]) -> None:
    first = sorted(name.partition(":")[2] for name in names)[0]
    with pytest.raises(AzulError, match=rf"{len(names)} files of 1 runs do not pair up, the first of them {first} "):
        paired(*names)


def test_all_runs_that_do_not_pair_are_counted() -> None:
    rows = [
        fastq(f"{run}{one}.fastq.gz", "read1", run=run)
        for run in ("a", "b", "c")
        for one in ("xy" if run < "c" else "x")
    ]
    rows += [fastq(f"{run}.fastq.gz", "read2", run=run) for run in ("a", "b", "c")]
    with pytest.raises(AzulError, match="6 files of 2 runs"):
        lanes_of(of_samples(reads_of((row, "") for row in rows)))


def test_lanes_may_be_told_by_the_whole_metadata(tmp_path: Path) -> None:
    names = ["1:a.fastq.gz", "2:b.fastq.gz", "1:c.fastq.gz", "2:d.fastq.gz"]
    manifest = tmp_path / "verbatim.jsonl"
    told = [
        {
            "type": "sequence_file",
            "value": {"lane_index": lane, "provenance": {"document_id": fastq(name[2:]).document_id}},
        }
        for name, lane in zip(names, (5, 6, 6, 5), strict=True)
    ]
    manifest.write_text("".join(json.dumps(one) + "\n" for one in [*told, {"type": "project", "value": {}}]))
    assert paired(*names, known=lanes.index_of(str(manifest))) == [
        (5, {"read1": "a.fastq.gz", "read2": "d.fastq.gz"}),
        (6, {"read1": "c.fastq.gz", "read2": "b.fastq.gz"}),
    ]
    manifest.write_text(json.dumps({"value": {"lane_index": None, "provenance": {"document_id": "1"}}}))
    assert lanes.index_of(str(manifest)) == {}
    for broken in ("<html>", '["x"]\n', '{"value": {"lane_index": 1, "provenance": 1}}'):
        manifest.write_text(broken)
        with pytest.raises(UsageError, match=r"no manifest of the format verbatim.jsonl"):
            lanes.index_of(str(manifest))
    with pytest.raises(UsageError, match="can't be read"):
        lanes.index_of(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("a_S1_L001_R1_001.fastq.gz", "read1"),
        ("a_S1_L001_I2_001.fastq.gz", "index2"),
        ("SRR1_2.fastq.gz", "read2"),
        ("x.READ2.FQ.GZ", "read2"),
        ("x_index1.fastq", "index1"),
        ("R1_x_R2_001.fastq.gz", "read2"),
        ("HBR1.fastq.gz", ""),
        ("x_12.fastq.gz", ""),
        ("x_5.fastq.gz", ""),
    ],
)
def test_names_tell_reads(name: str, read: str) -> None:
    assert naming.by_name(name) == read


@pytest.mark.parametrize(
    ("cell", "read"),
    [("read1", "read1"), ("Index 1", "index1"), ("single-end", "read1"), ("non-indexed", ""), ("", ""), ("x", "")],
)
def test_read_index_is_an_open_set(cell: str, read: str) -> None:
    assert naming.by_index(cell) == read


def test_samples_keep_different_names() -> None:
    found = naming.safe(["a b", "a_b", "A_B", "x", "", "ñ", "é", "long" * 30])
    assert found["x"] == "x"
    assert len({name.casefold() for name in found.values()}) == len(found)
    assert all(name and len(name) <= 64 and naming._UNSAFE.search(name) is None for name in found.values())
    assert naming.safe(["a b", "a_b"])["a b"] == found["a b"]
    assert naming.safe(["a b", "c"]) == {"a b": "a_b", "c": "c"}
