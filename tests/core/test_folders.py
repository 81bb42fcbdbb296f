"""Folders as bundles to be: the names, types and moments of their files; all that is wrong, at once."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from hca_core import folders
from hca_core.errors import UsageError
from hca_core.folders import FolderFile

FILES = {
    "a b/c#%.txt": b"1",
    "z.fastq.gz": b"22",
    "m.json": b"{}",
    "x/y.JSON": b"",
    "t.tar.bz2": b"",
    "v.vcf.xz": b"",
    "ünï": b"",
    ".hidden": b"",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "folder"


def test_files_in_the_order_of_their_names(folder: Path) -> None:
    found = folders.files_of(folder)
    assert [file.name for file in found] == sorted(FILES)
    types = {file.name: file.content_type for file in found}
    assert types == {
        "a b/c#%.txt": "text/plain; dcp-type=data",
        "z.fastq.gz": "application/gzip; dcp-type=data",
        "m.json": "application/json",
        "x/y.JSON": "application/json; dcp-type=data",
        "t.tar.bz2": "application/x-bzip2; dcp-type=data",
        "v.vcf.xz": "application/x-xz; dcp-type=data",
        "ünï": "application/octet-stream; dcp-type=data",
        ".hidden": "application/octet-stream; dcp-type=data",
    }
    assert [file.name for file in found if file.indexed] == ["m.json"]
    known = (folder / "z.fastq.gz").stat()
    assert found[-2] == FolderFile(
        "z.fastq.gz", folder / "z.fastq.gz", types["z.fastq.gz"], False, known.st_size, known.st_mtime_ns
    )


def test_links(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("secret")
    (folder / "same.txt").symlink_to(folder / "z.fastq.gz")
    (tmp_path / "link").symlink_to(folder)
    assert "same.txt" in {file.name for file in folders.files_of(tmp_path / "link")}
    (folder / "out").symlink_to("../outside")
    (folder / "loop").symlink_to("loop")
    (folder / "up").symlink_to("..")
    with pytest.raises(UsageError) as caught:
        folders.files_of(folder)
    assert sorted(caught.value.message.splitlines()[1:]) == [
        "  loop is a link to nothing",
        "  out is a link to something outside the folder",
        "  up is a link to something outside the folder",
    ]


def test_every_reason_is_told_at_once(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    (folder / "outside.txt").symlink_to(secret)
    (folder / "dangling.txt").symlink_to(tmp_path / "nothing")
    (folder / "loop").symlink_to(folder)
    (folder / "x" / ".hidden").write_text("x")
    (folder / "back\\slash").write_text("x")
    os.mkfifo(folder / "pipe")
    with open(os.path.join(os.fsencode(folder), b"latin-\xe9"), "wb"):
        pass
    with pytest.raises(UsageError) as caught:
        folders.files_of(folder)
    told = caught.value.message.splitlines()[1:]
    for reason in (
        "outside.txt is a link to something outside the folder",
        "dangling.txt is a link to nothing",
        "loop is a link to a folder",
        "x/.hidden has a name that the service refuses",
        "back\\slash has a name that the service refuses",
        "pipe is not a regular file",
        "has a name that is not UTF-8",
    ):
        assert sum(reason in line for line in told) == 1, reason
    assert len(told) == 7


def test_a_socket_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("x")
        with pytest.raises(UsageError, match="not a regular file"):
            folders.files_of(tmp_path)


def test_what_can_not_be_read(folder: Path) -> None:
    (folder / "m.json").chmod(0)
    (folder / "x").chmod(0)
    try:
        if os.access(folder / "m.json", os.R_OK):
            pytest.skip("this user may read everything")
        with pytest.raises(UsageError) as caught:
            folders.files_of(folder)
    finally:
        (folder / "x").chmod(0o700)
    assert caught.value.message.count("can't be read") == 2


def test_nothing_to_take(tmp_path: Path) -> None:
    (tmp_path / "empty" / "below").mkdir(parents=True)
    for path, sentence in (("empty", "has no files in it"), ("nowhere", "is not a folder")):
        with pytest.raises(UsageError, match=sentence):
            folders.files_of(tmp_path / path)
