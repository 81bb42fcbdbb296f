"""Atomic writing: a reader meets the old file or the new one, and nothing else is left behind."""

from __future__ import annotations

import os
import stat

import pytest

from hca_core.files import temporary_beside, write_atomic


def test_new_and_replaced(tmp_path):
    path = tmp_path / "file"
    write_atomic(path, b"one")
    assert path.read_bytes() == b"one"
    write_atomic(str(path), iter([b"two", b"", b"three"]))
    assert path.read_bytes() == b"twothree"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize(("mode", "umask", "result"), [(0o600, 0, 0o600), (0o666, 0o022, 0o644), (0o600, 0o077, 0o600)])
def test_modes(tmp_path, mode, umask, result):
    before = os.umask(umask)
    try:
        write_atomic(tmp_path / "file", b"x", mode=mode)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == result


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_a_failure_leaves_the_old_file_and_no_other(tmp_path, error):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def content():
        yield b"new"
        assert path.read_bytes() == b"old"
        assert len(os.listdir(tmp_path)) == 2
        raise error("stop")

    with pytest.raises(error):
        write_atomic(path, content())
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_target_that_cannot_be_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_atomic(tmp_path / "folder", b"x")
    assert os.listdir(tmp_path) == ["folder"]
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "nowhere" / "file", b"x")


def test_a_name_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_atomic("file", b"x")
    assert os.listdir() == ["file"]


@pytest.mark.parametrize("name", ["x" * 255, "ä" * 127, "\N{GRINNING FACE}" * 63, "x"])
def test_the_longest_names(tmp_path, name):
    write_atomic(tmp_path / name, b"x")
    assert os.listdir(tmp_path) == [name]


def test_temporary_names_are_beside_hidden_and_different(tmp_path):
    one, two = (temporary_beside(tmp_path / "file") for _ in range(2))
    assert one != two
    assert os.path.dirname(one) == str(tmp_path)
    assert os.path.basename(one).startswith(".file.")
