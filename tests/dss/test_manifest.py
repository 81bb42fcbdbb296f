"""Manifests: what is refused before anything is sent, what is read all the same, and the copy that is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hca_core.errors import UsageError
from hca_dss.manifest import REQUIRED, Manifest, Totals

SHA = "b43cebcca9cd5213699acce7356d226de07edef5c5604510a697159af1a12149"
STORED = f".hca/v2/files_2_4/b4/3ceb/{SHA}"
ROW = {
    "bundle_uuid": "002aeac5-4d74-462d-baea-88f5c620cb50",
    "bundle_version": "2019-08-01T200147.836900Z",
    "file_name": "cell_suspension_0.json",
    "file_uuid": "c14b99ea-d8e2-4c84-9dc2-ce2245d8a743",
    "file_version": "2019-07-09T231935.003000Z",
    "file_sha256": SHA,
    "file_size": "847",
}
HEADER = "\t".join(ROW)
LINE = "\t".join(ROW.values())


def line(**changes: str) -> str:
    return "\t".join({**ROW, **changes}.values())


def text(*lines: str) -> bytes:
    return "".join(f"{one}\n" for one in lines).encode()


def write_copy(path: str, directory: str) -> str:
    with Manifest(path) as manifest:
        return manifest.write_copy(directory)


def without(column: str) -> bytes:
    names = [name for name in ROW if name != column]
    return text("\t".join(names), "\t".join(ROW[name] for name in names))


REFUSED = {
    "no header": (text(LINE, LINE), "it does not name the columns bundle_uuid, bundle_version, file_name"),
    **{f"no {name}": (without(name), f"column {name}") for name in REQUIRED},
    "sh": (text(f"-e {HEADER}", "", f"-e {LINE}"), "run it with bash"),
    "blanks": (text(HEADER.replace("\t", " "), LINE.replace("\t", " ")), "must be by tabs"),
    "column twice": (text(f"{HEADER}\tfile_name", f"{LINE}\tx"), "names a column twice"),
    "empty": (b"", "is empty"),
    "only blank lines": (b"\n\n  \n", "is empty"),
    "latin-1": (text(HEADER) + line(file_name="gr\xf6\xdfe").encode("latin-1"), "not UTF-8"),
    "utf-16": (text(HEADER, LINE).decode().encode("utf-16"), "not UTF-8"),
    "NUL": (text(HEADER, line(file_name="a\0b")), "line 2: file_name 'a\\x00b' has a control character"),
    "short sha256": (text(HEADER, line(file_sha256=SHA[1:])), "line 2: file_sha256"),
    "sha256 of letters": (text(HEADER, line(file_sha256="g" * 64)), "line 2: file_sha256"),
    "sha256 with a path": (text(HEADER, line(file_sha256="../" + SHA[3:])), "line 2: file_sha256"),
    "negative size": (text(HEADER, line(file_size="-1")), "line 2: file_size '-1'"),
    "size with a point": (text(HEADER, line(file_size="1.0")), "line 2: file_size '1.0'"),
    "no size": (text(HEADER, line(file_size="")), "line 2: file_size ''"),
    "other digits": (text(HEADER, line(file_size="\u0663")), "line 2: file_size"),
    "size too long": (text(HEADER, line(file_size="9" * 5000)), "line 2: file_size"),
    "upwards": (text(HEADER, line(file_name="../../x")), "leads out of its directory"),
    "absolute": (text(HEADER, line(file_name="/x")), "is an absolute path"),
    "drive": (text(HEADER, line(file_name="C:\\x")), "line 2: file_name 'C:\\\\x'"),
    "no name": (text(HEADER, line(file_name="")), "line 2: file_name '' is empty"),
    "uuid with a path": (text(HEADER, line(bundle_uuid="../x")), "line 2: bundle_uuid '../x'"),
    "version with a path": (text(HEADER, line(bundle_version="../x")), "line 2: bundle_version '../x'"),
    "file version with a path": (text(HEADER, line(file_version="../x")), "line 2: file_version '../x'"),
    "too few cells": (text(HEADER, "a\tb"), "line 2: file_size ''"),
    "too many cells": (text(HEADER, f"{LINE}\tx\ty"), "line 2: 9 cells, but 7 columns"),
    "huge field": (text(HEADER, line(file_name="x" * 200_000)), "line 2: not a tab-separated row"),
    "long name": (text(HEADER, line(file_name="x" * 300)), "line 2: file_name"),
    "open quote": (text(HEADER, line(file_name='"x'), *[LINE] * 3), "line 5: file_name"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("layout", ["none", "bundle"])
def test_what_can_not_be_used_is_told_and_nothing_is_sent(dss, hca, case, layout):
    content, told = REFUSED[case]
    Path("m.tsv").write_bytes(content)
    outcome = hca("dss", "download-manifest", "--replica", "aws", "--manifest", "m.tsv", "--layout", layout)
    assert outcome.exit_status == 2
    assert told in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert outcome.stdout == ""
    assert dss.requests == []
    assert os.listdir() == ["m.tsv"]
    assert Path("m.tsv").read_bytes() == content


@pytest.mark.parametrize(("path", "told"), [(".", "Is a directory"), ("missing.tsv", "No such file")])
def test_a_path_that_can_not_be_read_is_told(dss, hca, path, told):
    outcome = hca("dss", "download-manifest", "--replica", "aws", "--manifest", path)
    assert outcome.exit_status == 2
    assert told in outcome.stderr
    assert dss.requests == []


def test_all_problems_are_told_with_their_lines():
    lines = [line(file_size="x"), LINE, "", line(file_name="../a", file_sha256="?"), f"{LINE}\tmore", "a"]
    Path("m.tsv").write_bytes(text(HEADER, *lines))
    with Manifest("m.tsv") as manifest, pytest.raises(UsageError) as caught:
        manifest.check()
    said = caught.value.message
    for number, what in ((2, "file_size"), (5, "file_name"), (5, "file_sha256"), (6, "8 cells"), (7, "file_size")):
        assert f"line {number}: {what}" in said
    assert "line 3" not in said
    assert "line 4" not in said


def test_problems_before_an_unreadable_line_are_told_too():
    Path("m.tsv").write_bytes(text(HEADER, line(file_size="x"), line(file_name="x" * 200_000)))
    told = r"(?s)line 2: file_size.*line 3: not a tab-separated row"
    with Manifest("m.tsv") as manifest, pytest.raises(UsageError, match=told):
        manifest.check()


@pytest.mark.parametrize("other", [{"file_name": "CELL_suspension_0.json"}, {"file_sha256": "0" * 64}])
def test_names_that_are_alike_are_refused_for_layout_bundle(dss, hca, other):
    Path("m.tsv").write_bytes(text(HEADER, LINE, LINE, line(**other)))
    outcome = hca("dss", "download-manifest", "--replica", "aws", "--manifest", "m.tsv", "--layout", "bundle")
    assert outcome.exit_status == 2
    assert "line 4: file_name" in outcome.stderr
    assert "line 2" in outcome.stderr
    assert "line 3:" not in outcome.stderr
    assert dss.requests == []


READ = {
    "plain": text(HEADER, LINE),
    "blank lines": text(HEADER, "", LINE, "", "  ", "\t\t"),
    "crlf": text(HEADER, LINE).replace(b"\n", b"\r\n"),
    "no last newline": text(HEADER, LINE)[:-1],
    "byte order mark": b"\xef\xbb\xbf" + text(HEADER, LINE),
    "file_path": text(f"{HEADER}\tfile_path", f"{LINE}\twhatever"),
    "upper-case sha256": text(HEADER, line(file_sha256=SHA.upper())),
    "shuffled, with others": text(
        "\t".join(["foo", *reversed(ROW), "bar"]), "\t".join(["1", *reversed(ROW.values()), ""])
    ),
}


@pytest.mark.parametrize("case", READ)
def test_what_is_only_unusual_is_read(case):
    Path("m.tsv").write_bytes(READ[case])
    with Manifest("m.tsv") as manifest:
        assert manifest.check() == Totals(1, 847)
        (row,) = manifest.rows()
    assert (row.name, row.version, row.sha256, row.size) == (ROW["file_name"], ROW["file_version"], SHA, 847)


def test_the_version_of_a_file_may_be_left_out():
    Path("m.tsv").write_bytes(without("file_version"))
    with Manifest("m.tsv") as manifest:
        assert manifest.check().rows == 1
        assert next(manifest.rows()).version == ""


def test_no_rows_are_fine(dss, hca):
    Path("m.tsv").write_bytes(text(HEADER))
    outcome = hca("dss", "download-manifest", "--replica", "aws", "--manifest", "m.tsv")
    assert (outcome.exit_status, outcome.json()["files"], dss.requests) == (0, 0, [])
    assert Path("m.tsv").read_bytes() == f"{HEADER}\tfile_path\r\n".encode()


COPIES = {
    "column added": (text(HEADER, "", LINE), f"{HEADER}\tfile_path\r\n{LINE}\t{STORED}\r\n"),
    "column in place": (
        text(f"file_path\t{HEADER}", f"old\t{LINE}"),
        f"file_path\t{HEADER}\r\n{STORED}\t{LINE}\r\n",
    ),
    "others kept": (
        text(f"{HEADER}\tnote", f'{LINE}\t"two ""words"""'),
        f'{HEADER}\tnote\tfile_path\r\n{LINE}\t"two ""words"""\t{STORED}\r\n',
    ),
    "cells added": (text(f"{HEADER}\ta\tb", LINE), f"{HEADER}\ta\tb\tfile_path\r\n{LINE}\t\t\t{STORED}\r\n"),
    "non-ASCII": (
        text(HEADER, line(file_name="größe.txt")),
        f"{HEADER}\tfile_path\r\n{line(file_name='größe.txt')}\t{STORED}\r\n",
    ),
}


@pytest.mark.parametrize("case", COPIES)
def test_the_copy_has_the_old_clients_bytes_and_stays_so(case):
    content, expected = COPIES[case]
    Path("m.tsv").write_bytes(content)
    for _ in range(2):
        assert write_copy("m.tsv", "") == "m.tsv"
        assert Path("m.tsv").read_bytes() == expected.encode()
    assert os.listdir() == ["m.tsv"]


@pytest.mark.parametrize("directory", ["data", "data/", "/abs/data"])
def test_the_copy_lies_here_and_names_the_download_directory(tmp_path, directory):
    source = tmp_path / "elsewhere" / "m.tsv"
    source.parent.mkdir()
    source.write_bytes(text(HEADER, LINE))
    assert write_copy(str(source), directory) == "m.tsv"
    stored = f"{directory.rstrip('/')}/{STORED}"
    assert Path("m.tsv").read_bytes() == f"{HEADER}\tfile_path\r\n{LINE}\t{stored}\r\n".encode()
    assert source.read_bytes() == text(HEADER, LINE)


def test_the_copy_has_the_permissions_of_any_new_file():
    Path("m.tsv").write_bytes(text(HEADER, LINE))
    before = os.umask(0o027)
    try:
        write_copy("m.tsv", "")
    finally:
        os.umask(before)
    assert os.stat("m.tsv").st_mode & 0o777 == 0o640
