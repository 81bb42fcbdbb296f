"""Hits as rows, under all names that things have had (contract §0.1, §5), and as rows of tables."""

from __future__ import annotations

from typing import Any

import pytest

from hca_azul.errors import AzulError
from hca_azul.rows import Row
from hca_azul.search.entities import tables
from hca_azul.search.hits import row_of

FILE = {
    "name": "R1.fastq.gz",
    "format": "fastq.gz",
    "size": 12,
    "sha256": "AB" * 32,
    "uuid": "f1",
    "version": "v1",
    "drs_uri": "drs://host/f1",
    "fileSource": "DCP/2 Analysis",
    "contentDescription": ["DNA sequence", None],
    "isIntermediate": False,
    "matrixCellCount": None,
    "accessible": True,
}
HIT = {
    "entryId": "d1",
    "bundles": [{"bundleUuid": "b1", "bundleVersion": "w1"}, {"bundleUuid": "b2", "bundleVersion": "w2"}],
    "projects": [{"projectId": ["p1"], "projectShortname": ["P"], "projectTitle": ["Title"]}],
    "specimens": [{"organ": ["kidney", None]}, {"organ": ["lung", "kidney"]}],
    "donorOrganisms": [{"genusSpecies": ["Homo sapiens"], "donorCount": 2}, {"genusSpecies": [None], "donorCount": 2}],
    "files": [{**FILE, "azul_url": "https://azul/f1", "azul_mirror_uri": "s3://bucket/file/ab.sha256"}],
}


def test_a_hit_becomes_a_row() -> None:
    assert row_of(HIT) == Row(
        uuid="f1",
        version="v1",
        name="R1.fastq.gz",
        size=12,
        sha256="ab" * 32,
        format="fastq.gz",
        drs_uri="drs://host/f1",
        azul_url="https://azul/f1",
        mirror_uri="s3://bucket/file/ab.sha256",
        document_id="d1",
        bundles=(("b1", "w1"), ("b2", "w2")),
        bundle_uuids=("b1", "b2"),
        project_id="p1",
        project="P",
        extra={
            "fileSource": ("DCP/2 Analysis",),
            "contentDescription": ("DNA sequence", ""),
            "isIntermediate": ("False",),
            "accessible": ("True",),
        },
    )


def test_the_names_of_2024_are_read() -> None:
    row = row_of({**HIT, "files": [{**FILE, "url": "https://azul/f1"}]})
    assert row.azul_url == "https://azul/f1"
    assert row.mirror_uri == ""


def test_the_names_of_anvil_are_read() -> None:
    file = {
        "file_id": "f1",
        "file_name": "x.cram",
        "file_size": [5],
        "file_format": ".cram",
        "file_sha256": None,
        "file_crc32c": "ABCDEF01",
        "azul_url": None,
    }
    row = row_of({"entryId": "d1", "files": [file], "datasets": [{"dataset_id": ["s1"], "title": ["Set"]}]})
    assert row == Row(
        uuid="f1",
        name="x.cram",
        size=5,
        format=".cram",
        crc32c="abcdef01",
        document_id="d1",
        project_id="s1",
        project="Set",
    )


def test_what_is_not_told_is_not_invented() -> None:
    assert row_of({"files": [{"uuid": "f1", "size": "big", "name": ["a", "b"], "url": None}]}) == Row(uuid="f1")
    assert row_of({"files": {"uuid": "f1", "size": 7.0}}).size == 7
    assert row_of({"files": [{"uuid": "f1", "size": True}]}).size is None
    assert row_of({"files": [{"uuid": "f1", "size": -1}]}).size is None


def test_several_projects_are_not_one() -> None:
    row = row_of({**HIT, "projects": [{"projectId": ["p1", "p2"]}]})
    assert row.project_id == ""


@pytest.mark.parametrize("files", [[], None, [FILE, FILE], ["f1"]])
def test_a_hit_of_no_single_file_is_refused(files: Any) -> None:
    with pytest.raises(AzulError):
        row_of({"files": files})


def test_files_in_tables() -> None:
    row = tables.flat("files", HIT)
    assert [row[name] for name in tables.columns("files")] == [
        *("R1.fastq.gz", "fastq.gz", 12, "kidney, lung", "Homo sapiens", "P", "f1", "v1", "ab" * 32),
    ]


def test_formats_that_are_told_in_parts_are_summed_up() -> None:
    told = [{"format": "bam", "count": 2, "totalSize": 5.0}, {"format": "bam", "count": 1, "totalSize": 7.0}]
    hit = {**HIT, "fileTypeSummaries": told, "projects": [{"projectId": "p1", "projectShortname": "P"}]}
    row = tables.flat("projects", hit)
    assert (row["files"], row["size"], row["donors"], row["project_id"], row["cells"]) == (3, 12, 4, "p1", None)
    assert set(tables.columns("projects")) <= set(row)


def test_samples_and_bundles_in_tables() -> None:
    sample = tables.flat("samples", {**HIT, "samples": [{"id": "s", "sampleEntityType": "specimens"}]})
    assert (sample["sample"], sample["type"], sample["sample_id"]) == ("s", "specimens", "d1")
    assert set(tables.columns("samples")) <= set(sample)
    bundle = tables.flat("bundles", {**HIT, "bundles": [{"bundleUuid": "b1", "bundleVersion": "w1"}]})
    assert (bundle["bundle_uuid"], bundle["files"], bundle["size"]) == ("b1", 1, 12)
    assert set(tables.columns("bundles")) <= set(bundle)


def test_entities_of_other_atlases_tell_all_of_themselves() -> None:
    hit = {"entryId": "d1", "datasets": [{"title": "Set", "consent": ["a", "b"], "deep": {"x": 1}}], "donors": [{}]}
    assert tables.columns("datasets") == ()
    assert tables.flat("datasets", hit) == {"entryId": "d1", "title": "Set", "consent": "a, b"}
    assert tables.flat("files", {"entryId": "d1", "files": [{"file_name": "x"}]}) == {"entryId": "d1", "file_name": "x"}
