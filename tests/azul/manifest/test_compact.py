"""Compact manifests become rows: old and new names of columns, lists in cells, and what is no manifest at all."""

from __future__ import annotations

import logging
import tracemalloc
from pathlib import Path

import pytest
from neighbours import load

from hca_azul.manifest import rows
from hca_azul.manifest.cells import values
from hca_core.errors import UsageError

tables = load(Path(__file__).with_name("tables.py"), "azul_tables")


@pytest.fixture
def written(tmp_path):
    """A function that writes bytes to a file and returns its rows."""

    def write(content):
        path = tmp_path / "manifest.tsv"
        path.write_bytes(content)
        return rows.read(path)

    return write


def test_row(written):
    (row,) = written(tables.table(tables.row()))
    assert (row.uuid, row.version, row.document_id) == (
        tables.FILE_UUID,
        tables.VERSION,
        tables.FILE["file_document_id"],
    )
    assert (row.name, row.format, row.size, row.read_index) == ("SRR3562915_1.fastq.gz", "fastq.gz", 195142097, "read1")
    assert (row.sha256, row.crc32c, row.content_type) == (
        tables.SHA256,
        "1d998e49",
        tables.FILE["file_content_type"],
    )
    assert (row.azul_url, row.drs_uri, row.mirror_uri, row.file_type) == tuple(
        tables.FILE[name] for name in ("file_azul_url", "file_drs_uri", "file_mirror_uri", "file_type")
    )
    assert row.bundles == ((tables.BUNDLE_UUID, tables.VERSION),)
    assert row.bundle_uuids == (tables.BUNDLE_UUID,)
    assert (row.project_id, row.project) == (
        tables.FILE["project.provenance.document_id"],
        "Single of human pancreas",
    )
    assert row.extra["specimen_from_organism.organ"] == ("pancreas", "islet")
    assert row.extra["sequencing_protocol.paired_end"] == ("True",)
    assert "file_name" not in row.extra
    assert "bundle_uuid" not in row.extra


def test_old_names(written):
    (row,) = written(tables.table(tables.row(), columns=tables.OLD))
    assert row.azul_url == tables.FILE["file_azul_url"]
    assert row.mirror_uri == ""


def test_third_name_of_the_mirror(written):
    columns = [name.replace("file_mirror_uri", "file_azul_mirror_uri") for name in tables.NEW]
    cells = tables.row() | {"file_azul_mirror_uri": "s3://b/file/1"}
    assert [row.mirror_uri for row in written(tables.table(cells, columns=columns))] == ["s3://b/file/1"]


def test_newest_name_wins(written):
    (row,) = written(tables.table(tables.row(file_azul_url="new") | {"x": ""}, columns=(*tables.OLD, "file_azul_url")))
    assert row.azul_url == "new"


def test_anvil_has_names_of_its_own(written):
    """AnVIL's manifests have no UUID of the file but in its address, and MD5 only."""
    columns = ["files.document_id", "files.file_name", "files.file_size", "files.file_md5sum", "files.drs_uri",
               "files.azul_url", "files.azul_mirror_uri", "datasets.dataset_id", "datasets.title",
               "bundles.bundle_uuid"]  # fmt: skip
    cells = ["d", "a.bam", "12", "00", "drs://x/y", f"https://a.example.org/repository/files/{tables.FILE_UUID}?catalog=x",
             "s3://b/file/00.md5", "p", "CCDG", "u"]  # fmt: skip
    (row,) = written(tables.table(dict(zip(columns, cells, strict=True)), columns=columns))
    assert (row.uuid, row.name, row.size, row.document_id) == (tables.FILE_UUID, "a.bam", 12, "d")
    assert (row.mirror_uri, row.drs_uri, row.project_id, row.project) == (
        "s3://b/file/00.md5",
        "drs://x/y",
        "p",
        "CCDG",
    )
    assert row.extra == {"files.file_md5sum": ("00",)}
    assert row.bundle_uuids == ("u",)


def test_several_bundles_are_no_pairs(written):
    (row,) = written(tables.table(tables.row(bundle_uuid="b1 || b2", bundle_version="v1 || v2")))
    assert row.bundle_uuids == ("b1", "b2")
    assert row.bundles == ()
    assert row.extra["bundle_version"] == ("v1", "v2")


def test_of_several_projects_the_first_one_counts(written):
    (row,) = written(tables.table(tables.row(project__project_core__project_short_name=" || P1 || P2")))
    assert row.project == "P1"
    assert row.extra["project.project_core.project_short_name"] == ("P1", "P2")


def test_empty_cells_and_parts(written):
    (row,) = written(
        tables.table(
            tables.row(file_size="", file_mirror_uri="", specimen_from_organism__organ=" || brain || ", read_index="")
        )
    )
    assert (row.size, row.mirror_uri, row.read_index) == (None, "", "")
    assert row.extra["specimen_from_organism.organ"] == ("brain",)


def test_row_that_leads_nowhere(written):
    (row,) = written(tables.table(tables.row(file_azul_url="", file_drs_uri="", file_mirror_uri="")))
    assert (row.uuid, row.azul_url, row.drs_uri, row.mirror_uri) == (tables.FILE_UUID, "", "", "")


def test_files_related_to_another(written):
    """Chunks of a zarr store repeat the entity's id and its samples, but are files of their own (contract §13)."""
    found = list(
        written(
            tables.table(
                tables.row(file_name="a.zarr/.zattrs", file_uuid="1"), tables.row(file_name="a.zarr/0.0", file_uuid="2")
            )
        )
    )
    assert [row.name for row in found] == ["a.zarr/.zattrs", "a.zarr/0.0"]
    assert len({row.document_id for row in found}) == 1


def test_cells_with_tabs_quotes_and_lines(written):
    odd = 'a\tb "c"\r\nd'
    found = list(written(tables.table(tables.row(specimen_from_organism__organ=odd), tables.row())))
    assert found[0].extra["specimen_from_organism.organ"] == (odd,)
    assert found[1].name == "SRR3562915_1.fastq.gz"


def test_name_with_a_joiner_is_one_name(written):
    assert [row.name for row in written(tables.table(tables.row(file_name="a || b")))] == ["a || b"]


def test_mark_before_utf_8_and_unix_lines(written):
    content = b"\xef\xbb\xbf" + tables.table(tables.row()).replace(b"\r\n", b"\n") + b"\n\n"
    assert [(row.uuid, "source_id" in row.extra) for row in written(content)] == [(tables.FILE_UUID, True)]


def test_upper_case_digests(written):
    (row,) = written(tables.table(tables.row(file_sha256=tables.SHA256.upper(), file_crc32c="1D998E49")))
    assert (row.sha256, row.crc32c) == (tables.SHA256, "1d998e49")


def test_lists_that_the_service_cut_are_told_once(written, caplog):
    caplog.set_level(logging.WARNING, "hca.azul")
    cells = tables.row(specimen_from_organism__organ=" || ".join(f"{n:03}" for n in range(100)))
    found = written(tables.table(cells, cells))
    assert [len(row.extra["specimen_from_organism.organ"]) for row in found] == [100, 100]
    assert len(list(found)) == 2
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "a cell of specimen_from_organism.organ has 100 values, at which the service cuts lists; "
        "ask the index for all of them"
    ]


def test_the_shortest_lists_that_were_cut(written, caplog):
    caplog.set_level(logging.WARNING, "hca.azul")
    cells = tables.row(specimen_from_organism__organ=" || ".join("x" * 100))
    assert len(list(written(tables.table(cells)))) == 1
    assert len(caplog.records) == 1


def test_99_values_are_all(written, caplog):
    cells = tables.row(specimen_from_organism__organ=" || ".join(map(str, range(99))))
    assert len(list(written(tables.table(cells)))) == 1
    assert not caplog.records


def test_long_cells(written):
    """The library's own limit is 128 Ki characters."""
    cells = tables.row(specimen_from_organism__organ=" || ".join(str(n) * 3000 for n in range(90)))
    assert [len(row.extra["specimen_from_organism.organ"]) for row in written(tables.table(cells))] == [90]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty; a manifest has a line of column names at least"),
        (b"\r\n\r\n", "is empty; a manifest has a line of column names at least"),
        (b"<!DOCTYPE html>\n<html></html>", "it is a web page"),
        (b'{"Status": 302}', "it is JSON"),
        (b"file_uuid,file_name\r\n1,2\r\n", "it is separated by commas, not by tabs"),
        (b"a\tb\r\n1\t2\r\n", "it has none of the columns file_uuid, file_azul_url, file_mirror_uri, file_drs_uri"),
        (b"file_uuid\tx\tx\r\n1\t2\t3\r\n", "it has the column 'x' twice"),
        (b"\x1f\x8b\x08\x00\xff\xfe", "it is not UTF-8 text"),
        (tables.table(tables.row()).replace(b"GSM", b"\xff\xfe"), "it is not UTF-8 text"),
        (tables.table(tables.row(), tables.row())[:-300], "line 3 has 16 cells, not 22; it may have been cut off"),
        (b'file_uuid\tx\r\n1\t"two\r\nlines"\r\n2\t"open', "line 4 ends within quotes"),
        (b'file_uuid\tx\r\n1\t"two\r\nlines"\r\n2\r\n', "line 4 has 1 cells, not 2"),
        (b"file_uuid\tx\r\n1\t2\t3\r\n", "line 2 has 3 cells, not 2"),
        (tables.table(tables.row(file_size="1.5")), "line 2 tells the size '1.5', which is no number of bytes"),
        (tables.table(tables.row(file_size="-1")), "line 2 tells the size '-1', which is no number of bytes"),
        (tables.table(tables.row(file_size="9" * 30)), "which is no number of bytes"),
        (tables.table(tables.row(file_sha256="../../x")), "line 2 tells the sha256 '../../x', which is none"),
        (tables.table(tables.row(file_crc32c="xyz")), "line 2 tells the crc32c 'xyz', which is none"),
    ],
)
def test_what_is_no_manifest(written, content, told):
    with pytest.raises(UsageError) as caught:
        list(written(content))
    assert told in caught.value.message
    assert "manifest.tsv" in caught.value.message


def test_values():
    assert values("") == ()
    assert values("a||b") == ("a||b",)
    assert values(" || ") == ()
    assert values("a || b || a") == ("a", "b", "a")


def test_memory_does_not_grow(tmp_path):
    """Eight times as many rows take no more memory than the first ones."""
    path = tmp_path / "large.tsv"
    path.write_bytes(b"file_uuid\tfile_size\tx\r\n" + b"1\t2\ta || b\r\n" * 8_000)
    found = iter(rows.read(path))
    tracemalloc.start()
    try:
        for _ in range(1000):
            next(found)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[1]
        count = sum(1 for _ in found)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 7_000
    assert peak - before < 300_000
