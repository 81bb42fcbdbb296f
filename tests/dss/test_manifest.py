"""Manifests: what is refused before anything is sent, what is read all the same, and the copy that is written."""

from __future__ import annotations

import os
import subprocess
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


# What is no plain file, and no place for a copy


@pytest.fixture
def bundle(shelf):
    return shelf.bundle(shelf.file("a", b"content of a"), shelf.file("b", b"content of b"))


@pytest.fixture
def streamed(hca):
    """A function that downloads by a manifest which comes through a pipe."""

    def run(content: bytes, place: str, *more: str):
        reading, writing = os.pipe()
        os.write(writing, content)
        os.close(writing)
        own = os.dup(0)
        os.dup2(reading, 0)
        try:
            words = ("--replica", "aws", "--manifest", place.format(reading), "--download-dir", "d", *more)
            return hca("dss", "download-manifest", *words)
        finally:
            os.dup2(own, 0)
            os.close(own)
            os.close(reading)

    return run


@pytest.mark.parametrize("place", ["-", "/dev/stdin", "/dev/fd/{}"])
@pytest.mark.parametrize("layout", ["none", "bundle"])
def test_a_manifest_from_a_pipe_has_no_copy(bundle, streamed, write_manifest, tree, place, layout):
    content = Path(write_manifest(bundle.rows())).read_bytes()
    os.unlink("manifest.tsv")
    outcome = streamed(content, place, "--layout", layout)
    assert (outcome.exit_status, outcome.stderr) == (0, "")
    assert outcome.json()["fetched"] == 2
    assert "manifest" not in outcome.json()
    assert os.listdir() == ["d"]
    if layout == "bundle":
        assert tree(f"d/{bundle.fqid}")["a"] == b"content of a"


def test_problems_of_what_comes_through_stdin(dss, streamed):
    outcome = streamed(text(HEADER, line(file_size="-1")), "-")
    assert outcome.exit_status == 2
    assert outcome.stderr.startswith("hca: the manifest on stdin can't be used")
    assert "line 2: file_size '-1'" in outcome.stderr
    assert dss.requests == []


def test_a_pipe_without_end_or_lines(dss, hca):
    own = os.dup(0)
    with subprocess.Popen(["cat", "/dev/zero"], stdout=subprocess.PIPE) as endless:
        os.dup2(endless.stdout.fileno(), 0)
        try:
            outcome = hca("dss", "download-manifest", "--replica", "aws", "--manifest", "-")
        finally:
            os.dup2(own, 0)
            os.close(own)
            endless.stdout.close()
    assert outcome.exit_status == 2
    assert "the manifest on stdin, line 1: it is longer than 4,194,304 bytes" in outcome.stderr


def test_a_file_behind_stdin_has_no_copy_either(bundle, hca, write_manifest):
    path = write_manifest(bundle.rows())
    own = os.dup(0)
    with open(path, "rb") as stream:
        os.dup2(stream.fileno(), 0)
        try:
            outcome = hca("dss", "download-manifest", "--replica", "aws", "--manifest", "/dev/stdin")
        finally:
            os.dup2(own, 0)
            os.close(own)
    assert outcome.exit_status == 0, outcome.stderr
    assert set(os.listdir()) == {"manifest.tsv", ".hca"}


def test_a_line_without_an_end_does_not_fill_memory():
    with open("m.tsv", "wb") as stream:
        stream.write(text(HEADER, LINE))
        stream.truncate(64 * 1024 * 1024)
    with Manifest("m.tsv") as manifest, pytest.raises(UsageError, match=r"m.tsv, line 3: it is longer than 4,194,304"):
        manifest.check()


def test_sizes_that_no_disk_has_are_counted(shelf, hca, write_manifest):
    path = write_manifest([row | {"file_size": "9" * 18} for row in shelf.bundle(shelf.file("a", b"a")).rows()])
    outcome = hca("dss", "download-manifest", "--replica", "aws", "--manifest", path, "--dry-run")
    assert (outcome.json()["bytes"], outcome.json()["enough_room"]) == (10**18 - 1, False)
    outcome = hca("dss", "download-manifest", "--replica", "aws", "--manifest", path)
    assert (outcome.exit_status, shelf.fetched()) == (1, [])
    assert "there is not enough room" in outcome.stderr


def words(path: str, *more: str) -> tuple[str, ...]:
    return ("dss", "download-manifest", "--replica", "aws", "--manifest", path, "--download-dir", "d", *more)


def test_a_current_directory_that_is_read_only_is_told_at_once(bundle, shelf, hca, write_manifest, monkeypatch):
    path = write_manifest(bundle.rows())
    monkeypatch.setattr(os, "access", lambda where, _: where != ".")  # root may write anywhere
    outcome = hca(*words(path))
    assert (outcome.exit_status, outcome.stdout, shelf.service.requests) == (2, "", [])
    assert "the manifest's copy can't be written: the current directory is read-only" in outcome.stderr
    assert hca(*words(path, "--dry-run")).exit_status == 0
    assert hca(*words(path, "--shard", "1/1")).exit_status == 0  # a shard writes no copy


def test_a_directory_where_the_copy_should_be_is_told_at_once(bundle, shelf, hca, write_manifest, isolated_home):
    path = isolated_home / "m.tsv"
    path.write_bytes(Path(write_manifest(bundle.rows())).read_bytes())
    os.mkdir("m.tsv")
    outcome = hca(*words(str(path)))
    assert (outcome.exit_status, shelf.service.requests) == (2, [])
    assert "the manifest's copy can't be written: m.tsv is a directory here" in outcome.stderr


def test_a_copy_that_fails_does_not_lose_the_report(bundle, hca, write_manifest, monkeypatch):
    path = write_manifest(bundle.rows())

    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Manifest, "write_copy", full)
    outcome = hca(*words(path))
    assert (outcome.exit_status, outcome.json()["fetched"]) == (7, 2)
    assert "manifest.tsv: its copy can't be written: No space left on device" in outcome.stderr
