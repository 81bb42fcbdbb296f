"""Manifests are read in blocks, by a pattern where they are plain: the same comes out as if csv had read it all."""

from __future__ import annotations

import csv
import io
import os
import random
import re
from pathlib import Path

import pytest

from hca_core.errors import UsageError
from hca_core.transfer import filestore
from hca_dss import tables
from hca_dss.manifest import REQUIRED, Manifest

SHA = "b43cebcca9cd5213699acce7356d226de07edef5c5604510a697159af1a12149"
NAMES = [
    "a.json",
    "x y.txt",
    "dir/sub/r.gz",
    "größe",
    'with "quotes"',
    "a'b",
    "SRR1+2=3,4@5#%~().fastq.gz",
    "日本語.bin",
]
OTHERS = [
    "",
    "homo sapiens",
    "two\nlines",
    'q"q',
    "tab\there",
    "é",
    "x" * 2000,
    " ",
    "\N{LINE SEPARATOR}",
    "\x0b",
]


def row(number: int, chance: random.Random, wild: float) -> dict[str, str]:
    """Return a good row; a part `wild` of them have something that needs care."""
    odd = chance.random() < wild
    return {
        "bundle_uuid": f"b-{number // 3}",
        "bundle_version": "2019-08-01T200147.836832Z",
        "file_name": (chance.choice(NAMES) if odd else "cell") + str(number),
        "file_uuid": f"f-{number}",
        "file_version": "" if odd and chance.random() < 0.5 else "v.1",
        "file_sha256": f"{number:064x}"[::-1].upper() if odd else f"{number:064x}"[::-1],
        "file_size": str(number * 7),
        "note": chance.choice(OTHERS) if odd else "plain",
        "file_path": chance.choice(["", "old", 'o"ld']) if odd else "old/path",
    }


def written(columns: list[str], rows: list[dict[str, str]], chance: random.Random, end: str, quoting: int) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(
        text, columns, dialect="excel-tab", lineterminator=end, quoting=quoting, extrasaction="ignore"
    )
    writer.writeheader()
    for one in rows:
        writer.writerow(one)
        if chance.random() < 0.02:
            text.write(chance.choice(["", " ", "\t\t", "\t" * (len(columns) - 1)]) + end)
    data = text.getvalue()
    if chance.random() < 0.3:
        data = data.removesuffix(end)
    return (b"\xef\xbb\xbf" if chance.random() < 0.3 else b"") + data.encode()


def expected_copy(data: bytes, directory: str) -> bytes:
    """Return what the old client's way of writing makes of a manifest."""
    reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), dialect="excel-tab")
    columns = list(dict.fromkeys([*(reader.fieldnames or []), "file_path"]))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, dialect="excel-tab")
    writer.writeheader()
    for one in reader:
        if any((value or "").strip() for value in one.values()):
            path = filestore.path(directory, one["file_sha256"].lower())
            writer.writerow({name: value or "" for name, value in one.items()} | {"file_path": path})
    return text.getvalue().encode()


@pytest.mark.parametrize("seed", range(60))
def test_blocks_change_nothing(monkeypatch, seed):
    chance = random.Random(seed)
    monkeypatch.setattr(tables, "_BLOCK", chance.choice([200, 1000, 4096, 256 * 1024]))
    columns = [*REQUIRED, *chance.sample(["file_version", "note", "file_path"], chance.randrange(4))]
    chance.shuffle(columns)
    wild = chance.choice([0, 0, 0.01, 0.1, 1])
    rows = [row(number, chance, wild) for number in range(chance.choice([0, 1, 300]))]
    end = chance.choice(["\n", "\n", "\r\n", "\r"])
    quoting = csv.QUOTE_ALL if chance.random() < 0.2 else csv.QUOTE_MINIMAL
    if "note" in columns and any(set(one["note"]) & set("\r\n") for one in rows):
        end = "\n"  # a lone CR in a cell would be one more end of a line, and csv writes it in quotes only for CRLF
    data = written(columns, rows, chance, end, quoting)
    Path("m.tsv").write_bytes(data)
    directory = chance.choice(["", "data", "/abs/da ta", 'quo"ted', "größe"])
    with Manifest("m.tsv") as manifest:
        assert manifest.check() == (len(rows), sum(int(one["file_size"]) for one in rows))
        lines = []
        for read, one in zip(manifest.rows(), rows, strict=True):
            assert read[1:] == (
                one["bundle_uuid"],
                one["bundle_version"],
                one["file_name"],
                one["file_uuid"],
                one["file_version"] if "file_version" in columns else "",
                one["file_sha256"].lower(),
                int(one["file_size"]),
            )
            lines.append(read.line)
        text = data.decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), dialect="excel-tab")
        assert lines == [reader.line_num for cells in reader if any(cell.strip() for cell in cells)][1:]
        manifest.write_copy(directory)
    assert Path("m.tsv").read_bytes() == expected_copy(data, directory)
    assert os.listdir() == ["m.tsv"]


@pytest.mark.parametrize("seed", range(30))
def test_a_bad_row_is_found_with_its_line_wherever_it_is(monkeypatch, seed):
    chance = random.Random(seed)
    monkeypatch.setattr(tables, "_BLOCK", chance.choice([200, 1000, 4096]))
    rows = [row(number, chance, chance.choice([0, 0.1])) | {"note": "plain"} for number in range(100)]
    bad = chance.randrange(100)
    column, value = chance.choice(
        [
            ("file_size", "1e3"),
            ("file_size", "-1"),
            ("file_size", "9" * 19),
            ("file_sha256", SHA[1:]),
            ("file_sha256", SHA + "0"),
            ("file_name", "../up"),
            ("file_name", "a/../b"),
            ("file_name", "./a"),
            ("file_name", "a//b"),
            ("file_name", "/abs"),
            ("file_name", "C:x"),
            ("file_name", "a\\b"),
            ("file_name", "x" * 256),
            ("file_name", "a\x7fb"),
            ("bundle_uuid", ""),
            ("bundle_uuid", "a/b"),
            ("file_uuid", "-x"),
            ("file_uuid", "x" * 201),
            ("file_version", "v/1"),
            ("bundle_version", "größe"),
        ]
    )
    rows[bad][column] = value
    Path("m.tsv").write_bytes(
        written([*REQUIRED, "file_version", "note"], rows, random.Random(7), "\n", csv.QUOTE_MINIMAL)
    )
    blank = Path("m.tsv").read_text(encoding="utf-8-sig").split("\n")
    line = next(number for number, text in enumerate(blank, 1) if f"\tf-{bad}\t" in text or value in text.split("\t"))
    with Manifest("m.tsv") as manifest, pytest.raises(UsageError) as caught:
        manifest.check()
    assert re.findall(r"line (\d+): (\w+)", caught.value.message) == [(str(line), column)]


@pytest.mark.parametrize("block", [100, 256 * 1024])
def test_bytes_that_are_no_text_are_told_with_their_line(monkeypatch, block):
    monkeypatch.setattr(tables, "_BLOCK", block)
    data = written(
        list(REQUIRED), [row(number, random.Random(1), 0) for number in range(50)], random.Random(1), "\n", 0
    )
    lines = data.split(b"\n")
    lines[30] = lines[30].replace(b"cell", b"c\xe9ll")
    lines[20] = lines[20].replace(b"2019", b"?")
    Path("m.tsv").write_bytes(b"\n".join(lines))
    with Manifest("m.tsv") as manifest, pytest.raises(UsageError) as caught:
        manifest.check()
    assert "line 21: bundle_version" in caught.value.message
    assert "not UTF-8 text (near line 31)" in caught.value.message


def test_no_more_problems_are_told_than_anybody_reads():
    Path("m.tsv").write_bytes(("\t".join(REQUIRED) + "\n" + "x\n" * 50_000).encode())
    with Manifest("m.tsv") as manifest, pytest.raises(UsageError) as caught:
        manifest.check()
    assert "line 2: " in caught.value.message
    assert len(caught.value.message) < 20_000


def test_a_manifest_that_changes_while_it_is_read_is_refused():
    rows = [row(number, random.Random(1), 0) for number in range(3)]
    data = written(list(REQUIRED), rows, random.Random(1), "\n", 0)
    Path("m.tsv").write_bytes(data)
    with Manifest("m.tsv") as manifest:
        manifest.check()
        with open("m.tsv", "ab") as stream:
            stream.write(data.splitlines()[-1] + b"\n")
        with pytest.raises(UsageError, match="changed while it was read"):
            list(manifest.rows())
        with pytest.raises(UsageError, match="changed while it was read"):
            manifest.write_copy("")
    assert os.listdir() == ["m.tsv"]


def test_a_manifest_that_another_run_replaces_is_read_to_its_end():
    """Sixteen jobs may have one manifest in one directory: each writes its copy over it when it is done."""
    rows = [row(number, random.Random(1), 0) for number in range(3)]
    Path("m.tsv").write_bytes(written(list(REQUIRED), rows, random.Random(1), "\n", 0))
    with Manifest("m.tsv") as first, Manifest("m.tsv") as second:
        first.check()
        second.check()
        first.write_copy("")
        copy = Path("m.tsv").read_bytes()
        assert len(list(second.rows())) == 3
        second.write_copy("")
    assert Path("m.tsv").read_bytes() == copy


def bundle_rows(*names: str, bundle: str = "b", sha256: str = SHA) -> list[dict[str, str]]:
    one = row(0, random.Random(1), 0) | {"bundle_uuid": bundle, "file_sha256": sha256}
    return [one | {"file_name": name} for name in names]


def bundles_of(rows: list[dict[str, str]]) -> list[tuple[str, list[str]]]:
    text = ["\t".join(REQUIRED), *("\t".join(one[name] for name in REQUIRED) for one in rows)]
    Path("m.tsv").write_text("".join(f"{line}\n" for line in text))
    with Manifest("m.tsv") as manifest:
        manifest.check()
        found = manifest.by_bundle(manifest.check_bundles())
        return [(bundle[0], [one.name for one in rows]) for bundle, rows in found]


def test_rows_come_by_bundle_once_wherever_they_are():
    rows = [
        *bundle_rows("1", "2", bundle="a"),
        *bundle_rows("3", bundle="b"),
        *bundle_rows("4", "5", bundle="c"),
        *bundle_rows("6", bundle="b"),
    ]
    assert bundles_of(rows) == [("a", ["1", "2"]), ("c", ["4", "5"]), ("b", ["3", "6"])]


def test_bundles_that_follow_each_other_are_not_held_together(monkeypatch):
    """By the time that the first bundle is there, little of the manifest has been read."""
    monkeypatch.setattr(tables, "_BLOCK", 1000)
    rows = [one for number in range(300) for one in bundle_rows("x", "y", bundle=f"b{number}")]
    bundles_of(rows)
    with Manifest("m.tsv") as manifest:
        scattered = manifest.check_bundles()
        next(manifest.by_bundle(scattered))
        assert manifest._table._file.tell() < 10_000


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_as_they_like_and_are_read_bit_by_bit(monkeypatch, end):
    monkeypatch.setattr(tables, "_BLOCK", 1000)
    rows = [row(number, random.Random(1), 0) for number in range(300)]
    Path("m.tsv").write_bytes(written(list(REQUIRED), rows, random.Random(1), end, 0))
    with Manifest("m.tsv") as manifest:
        found = manifest.rows()
        assert next(found).name == "cell0"
        assert manifest._table._file.tell() < 5000
        assert sum(1 for _ in found) == 299


@pytest.mark.parametrize("between", [[], bundle_rows("other", bundle="z")], ids=["together", "apart"])
@pytest.mark.parametrize("other", [bundle_rows("NAME"), bundle_rows("name", sha256="0" * 64)], ids=["case", "content"])
def test_two_files_for_one_place_are_refused(between, other):
    with pytest.raises(UsageError, match=rf"line {3 + len(between)}: file_name .* of line 2, another one"):
        bundles_of([*bundle_rows("name"), *between, *other])
    assert bundles_of([*bundle_rows("name"), *between, *bundle_rows("name")])
