"""Names from outside: which may become a path below a directory, and which stand in each other's way."""

from __future__ import annotations

import os

import pytest

from hca_core import names


@pytest.mark.parametrize(
    "name",
    [
        "a.txt",
        "a",
        ".hidden",
        "...",
        "a..b",
        "..a",
        "a b c.fastq.gz",
        "sub/x.txt",
        "a/b/c/d",
        "ä/本.json",
        "a\N{GRINNING FACE}",
        "-rf",
        "~",
        "a=b&c%20",
        "x" * 255,
        "ä" * 127,
        "/".join(["x" * 255] * 3),
    ],
)
def test_names_that_may_be_written(name):
    assert names.problem(name) is None


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "is empty"),
        ("/etc/passwd", "absolute"),
        ("//x", "absolute"),
        ("..", "leads out"),
        ("../x", "leads out"),
        ("a/../../x", "leads out"),
        ("a/..", "leads out"),
        ("a/../b", "leads out"),
        (".", "empty part or a part '.'"),
        ("./x", "empty part or a part '.'"),
        ("a/./b", "empty part or a part '.'"),
        ("a//b", "empty part"),
        ("a/", "empty part"),
        ("..\\x", "backslash"),
        ("C:\\x", "backslash"),
        ("C:x", "drive"),
        ("c:/x", "drive"),
        ("a\x00b", "control"),
        ("a\nb", "control"),
        ("a\x1b[31m", "control"),
        ("a\x7f", "control"),
        ("a\x9b31m", "control"),
        ("x" * 256, "255 bytes"),
        ("ä" * 128, "255 bytes"),
        ("ok/" + "x" * 256, "255 bytes"),
        ("a\ud800", "can't be written"),
    ],
)
def test_names_that_may_not(name, why):
    assert why in str(names.problem(name))


def test_no_name_that_passes_leads_out(tmp_path):
    parts = ["a", "..", ".", "", "/", "~", "..."]
    for first in parts:
        for second in parts:
            for third in parts:
                name = "/".join([first, second, third])
                if names.problem(name) is None:
                    assert os.path.realpath(tmp_path / name).startswith(str(tmp_path) + os.sep)


@pytest.mark.parametrize(
    "name", ["con", "NUL.txt", "a/com1", "lpt9.tar.gz", "a:b", "a?", "a*", "a<b", 'a"', "a.", "a "]
)
def test_names_that_windows_cannot_hold(name, monkeypatch):
    assert names.problem(name) is None or name == "a:b"
    monkeypatch.setattr(names.os, "name", "nt")
    assert "Windows" in str(names.problem(name)) or "drive" in str(names.problem(name))


@pytest.mark.parametrize("name", ["console", "nullify.txt", "com10", "a.b", "aux1"])
def test_names_that_only_look_so(name, monkeypatch):
    monkeypatch.setattr(names.os, "name", "nt")
    assert names.problem(name) is None


@pytest.mark.parametrize(
    ("listed", "clashes"),
    [
        ([], []),
        (["a", "b"], []),
        (["a", "A", "b"], ["A", "a"]),
        (["a", "a"], ["a"]),
        (["straße", "STRASSE", "x"], ["STRASSE", "straße"]),
        (["a", "A", "a"], ["A", "a"]),
        (["\u00e9", "e\u0301"], ["e\u0301", "\u00e9"]),
    ],
)
def test_case_clashes(listed, clashes):
    assert names.case_clashes(listed) == clashes
