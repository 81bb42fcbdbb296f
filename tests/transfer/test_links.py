"""Second paths to content: hard links, reflinks or copies, whichever is possible, and nobody's file lost."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hca_core.content import Promise
from hca_core.errors import HCAError
from hca_core.transfer import links, seal

DATA = b"content\n"
SHA = hashlib.sha256(DATA).hexdigest()
PROMISE = Promise(len(DATA), SHA)


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch):
    monkeypatch.setattr(links, "_impossible", {})


@pytest.fixture
def source(tmp_path) -> Path:
    path = tmp_path / "stored"
    path.write_bytes(DATA)
    seal.put(path, len(DATA), SHA)
    return path


def link(source, target) -> str:
    return links.link(str(source), str(target), PROMISE)


def test_a_link_is_the_same_file(source, tmp_path):
    target = tmp_path / "a" / "b" / "name"
    assert link(source, target) == "hard"
    assert target.samefile(source)
    assert link(source, target) == ""
    assert target.samefile(source)


def test_a_link_into_the_current_directory(source, isolated_home):
    assert link(source, "name") == "hard"
    assert Path("name").samefile(source)


@pytest.mark.parametrize("sealed", [True, False])
def test_an_equal_file_is_left_as_it_is(source, tmp_path, sealed):
    target = tmp_path / "name"
    target.write_bytes(DATA)
    if sealed:
        seal.put(target, len(DATA), SHA)
    inode = target.stat().st_ino
    assert link(source, target) == ""
    assert target.stat().st_ino == inode


@pytest.mark.parametrize("promise", [PROMISE, Promise()], ids=["digest", "no digest"])
@pytest.mark.parametrize("kind", ["file", "same size", "directory", "symlink", "symlink to the content"])
def test_something_else_is_never_overwritten(source, tmp_path, kind, promise):
    target = tmp_path / "name"
    work = {"file": b"somebody's work", "same size": b"CONTENT\n"}.get(kind)
    if work is not None:
        target.write_bytes(work)
    elif kind == "directory":
        target.mkdir()
    elif kind == "symlink":
        target.symlink_to("elsewhere")
    else:
        target.symlink_to(tmp_path / "copy")
        (tmp_path / "copy").write_bytes(DATA)
    before = os.lstat(target)
    with pytest.raises(HCAError, match="is there and has another content; move it away"):
        links.link(str(source), str(target), promise)
    assert os.lstat(target).st_ino == before.st_ino
    if work is not None:
        assert target.read_bytes() == work


def test_an_equal_file_is_known_without_a_digest_too(source, tmp_path):
    target = tmp_path / "name"
    target.write_bytes(DATA)
    assert links.link(str(source), str(target), Promise()) == ""


def test_where_no_link_is_possible_a_copy_is_made_and_sealed(source, other_disk):
    target = other_disk / "a" / "name"
    assert link(source, target) == "copy"
    assert target.read_bytes() == DATA
    assert seal.is_sealed(os.stat(target), SHA)
    assert os.listdir(target.parent) == ["name"]
    inode = target.stat().st_ino
    assert link(source, target) == ""
    assert target.stat().st_ino == inode
    target.write_bytes(b"somebody's work")
    with pytest.raises(HCAError, match="move it away"):
        link(source, target)
    assert target.read_bytes() == b"somebody's work"


def test_what_is_impossible_is_tried_once(source, other_disk, monkeypatch):
    tried = []
    hard, clone = os.link, links._clone
    monkeypatch.setattr(os, "link", lambda *paths: tried.append("hard") or hard(*paths))
    monkeypatch.setattr(links, "_clone", lambda *paths: tried.append("reflink") or clone(*paths))
    assert [link(source, other_disk / f"n{number}") for number in range(4)] == ["copy"] * 4
    assert tried == ["hard", "reflink"]
    assert link(source, source.parent / "here") == "hard"  # another pair of places


@pytest.fixture
def refusing(monkeypatch):
    """A function that makes the system refuse hard links; returns the list of those that were tried."""

    def refuse(number: int) -> list[str]:
        tried: list[str] = []

        def refused(source, target):
            tried.append(target)
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "link", refused)
        return tried

    return refuse


@pytest.mark.parametrize("name", ["EMLINK", "EPERM", "EACCES"])
def test_what_may_concern_one_file_only_is_tried_with_the_next(source, tmp_path, refusing, name):
    tried = refusing(getattr(errno, name))
    assert [link(source, tmp_path / name) for name in ("a", "b")] == ["copy", "copy"]
    assert len(tried) == 2
    assert (tmp_path / "b").read_bytes() == DATA
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "stored"]


@pytest.mark.parametrize("name", ["EXDEV", "ENOTSUP", "ENOSYS"])
def test_what_concerns_the_file_system_is_tried_once(source, tmp_path, refusing, name):
    tried = refusing(getattr(errno, name))
    (tmp_path / "mine").write_bytes(b"somebody's work")
    assert [link(source, tmp_path / name) for name in ("a", "b")] == ["copy", "copy"]
    with pytest.raises(HCAError, match="move it away"):
        link(source, tmp_path / "mine")
    assert len(tried) == 1


@pytest.mark.parametrize("name", ["EROFS", "ENOSPC", "EIO"])
def test_a_disk_that_refuses_everything_ends_it(source, tmp_path, refusing, name):
    refusing(getattr(errno, name))
    with pytest.raises(OSError, match=re.escape(os.strerror(getattr(errno, name)))):
        link(source, tmp_path / "a")
    assert os.listdir(tmp_path) == ["stored"]


@pytest.mark.skipif(sys.platform != "linux", reason="the system call is Linux's")
def test_reflinks_where_hard_links_are_impossible(source, tmp_path, refusing, monkeypatch):
    """Few file systems have reflinks, so the system call is played; that a refusal of it is heard, others show."""
    import fcntl

    def clone(target, request, original):
        assert request == 0x40049409
        os.sendfile(target, original, 0, len(DATA))

    monkeypatch.setattr(fcntl, "ioctl", clone)
    refusing(errno.EMLINK)
    assert [link(source, tmp_path / name) for name in ("a", "b")] == ["reflink", "reflink"]
    assert seal.is_sealed(os.stat(tmp_path / "b"), SHA)
    assert (tmp_path / "b").read_bytes() == DATA
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "stored"]


def test_a_full_disk_leaves_no_half_of_a_copy(tmp_path):
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root may mount")
    big, disk = tmp_path / "big", tmp_path / "disk"
    big.write_bytes(b"x" * 2**21)
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        with pytest.raises(OSError, match="No space left"):
            links.link(str(big), str(disk / "name"), Promise())
        assert os.listdir(disk) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def test_content_that_another_process_puts_there_anew_is_linked(source, tmp_path, monkeypatch):
    """A rename in the middle of a link: the inode that was looked up is gone (ENOENT)."""
    hard, tries = os.link, []

    def replaced(*paths):
        tries.append(paths)
        if len(tries) < 3:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        hard(*paths)

    monkeypatch.setattr(os, "link", replaced)
    assert link(source, tmp_path / "name") == "hard"
    assert len(tries) == 3


def test_content_that_is_not_there_is_an_error_of_the_disk(tmp_path):
    with pytest.raises(FileNotFoundError):
        link(tmp_path / "nothing", tmp_path / "name")
    assert os.listdir(tmp_path) == []


def test_many_at_once_make_one_link(source, tmp_path):
    target = tmp_path / "new" / "name"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: link(source, target), range(64)))
    assert sorted(made) == [""] * 63 + ["hard"]


def test_replace_takes_the_place_of_whatever_is_there(source, tmp_path):
    target = tmp_path / "bundle" / "name"
    assert links.replace(str(source), str(target), PROMISE) == "hard"
    target.unlink()
    target.write_bytes(b"old")
    assert links.replace(str(source), str(target), PROMISE) == "hard"
    assert target.samefile(source)
    # A rename between two links of one file does nothing at all (POSIX), so its source stays.
    assert links.replace(str(source), str(target), PROMISE) == "hard"
    assert os.listdir(target.parent) == ["name"]


def test_replace_by_a_copy(source, other_disk):
    target = other_disk / "name"
    target.write_bytes(b"old")
    assert links.replace(str(source), str(target), PROMISE) == "copy"
    assert (target.read_bytes(), os.listdir(other_disk)) == (DATA, ["name"])
