"""`hca azul lock`, `download --lock` and `verify`, on the stand-in."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hca_azul.lock import verifying
from hca_azul.rows import Row
from hca_core.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_core.testing import Outcome

PROJECT = ("-f", "project=RetinaSpecialCases")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "work"
    made.mkdir()
    monkeypatch.chdir(made)
    return made


def files(folder: Path) -> dict[str, str]:
    """Return the digests of the files that people see below a directory."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".hca" not in path.parts
    }


def test_a_data_set_is_pinned_fetched_again_and_checked(run: Callable[..., Outcome], folder: Path) -> None:
    outcome = run("lock", *PROJECT)
    assert outcome.exit_status == 0, outcome.stderr
    told = json.loads(outcome.stdout)
    assert (told["path"], told["authenticated"]) == ("hca-lock.json", False)
    listed = json.loads(Path("hca-lock.json").read_text())
    assert listed["filters"] == {"project": {"is": ["RetinaSpecialCases"]}}
    assert len(listed["files"]) == told["files"] == listed["totals"]["files"]

    # The catalog is only a hint.
    Path("hca-lock.json").write_text(Path("hca-lock.json").read_text().replace(told["catalog"], "dcp1"))
    outcome = run("download", "--lock", "hca-lock.json", "--download-dir", "data", "--no-progress")
    assert outcome.exit_status == 0, outcome.stderr
    there = files(folder / "data")
    expected = {one["path"]: one["sha256"] for one in listed["files"] if one["name"] != "lost.bam"}
    assert there == expected
    assert all(path.startswith("RetinaSpecialCases/") for path in there)

    outcome = run("verify", "data", "--lock", "hca-lock.json", "--sums", "sums", HCA_AZUL_URL="http://127.0.0.1:1")
    assert outcome.exit_status == 0, outcome.stderr
    found = json.loads(outcome.stdout)
    assert (found["files"], found["unavailable_files"], found["wrong"]) == (len(expected), 1, [])
    checked = subprocess.run(["sha256sum", "-c", "--quiet", "../sums"], cwd="data", capture_output=True, check=False)
    assert checked.returncode == 0, checked.stdout

    spoilt = folder / "data" / "RetinaSpecialCases" / "cells.csv"
    content = spoilt.read_bytes()
    spoilt.unlink()
    spoilt.write_bytes(content[:-1] + b"!")
    (folder / "data" / "RetinaSpecialCases" / "protocol.pdf").unlink()
    outcome = run("verify", "data", "--lock", "hca-lock.json")
    assert outcome.exit_status == 6
    wrong = {Path(one["file"]).name: one["problem"] for one in json.loads(outcome.stdout)["wrong"]}
    assert set(wrong) == {"cells.csv", "protocol.pdf"}
    assert wrong["cells.csv"].startswith("has sha256 ")
    assert wrong["protocol.pdf"] == "is missing"
    assert run("verify", "data", "--lock", "hca-lock.json", "--ignore-missing").exit_status == 6


def test_a_manifest_is_locked_and_verified(run: Callable[..., Outcome], folder: Path) -> None:
    assert run("create-manifest", *PROJECT, "--to", "m.tsv").exit_status == 0
    outcome = run("lock", "--manifest", "m.tsv", "--to", "m.json", "--layout", "flat")
    assert outcome.exit_status == 0, outcome.stderr
    document = json.loads(Path("m.json").read_text())
    assert document["manifest_sha256"] == hashlib.sha256(Path("m.tsv").read_bytes()).hexdigest()
    assert all("/" not in one["path"] for one in document["files"])
    again = run("lock", "--manifest", "m.tsv", "--to", "m.json")
    assert (again.exit_status, "--force replaces it" in again.stderr) == (2, True)
    assert json.loads(Path("m.json").read_text()) == document
    assert run("lock", "--manifest", "m.tsv", "--to", "m.json", "--layout", "flat", "--force").exit_status == 0
    assert run("download", "--manifest", "m.tsv", "-d", "data", "--no-progress").exit_status == 0
    outcome = run("verify", "data", "--manifest", "m.tsv")
    assert outcome.exit_status == 0, outcome.stderr
    assert run("verify", "data", "--lock", "m.json").exit_status == 6, "that lock has another layout"
    assert run("verify", "data", "--lock", "m.json", "--layout", "none").exit_status == 0
    assert run("lock", "--check", "m.json").exit_status == 0


def test_bad_calls(run: Callable[..., Outcome], folder: Path) -> None:
    Path("notes.json").write_text('{"notes": 1}')
    for words, status, text in (
        (("lock",), 2, "Give filters"),
        (("lock", *PROJECT, "--manifest", "m"), 2, "--manifest goes with"),
        (("lock", *PROJECT, "--check", "m"), 2, "--check takes no filters"),
        (("lock", *PROJECT, "--to", "notes.json"), 2, "another file is there"),
        (("lock", "-f", "fileFormat=none-such"), 4, "no file to lock"),
        (("lock", "--check", "notes.json"), 2, "no lock file"),
        (("verify", "."), 2, "Give --manifest or --lock"),
        (("verify", ".", "--lock", "notes.json"), 2, "no lock file"),
    ):
        outcome = run(*words)
        assert outcome.exit_status == status, (words, outcome.stderr)
        assert text in outcome.stderr
        assert "Traceback" not in outcome.stderr
    assert Path("notes.json").read_text() == '{"notes": 1}'


def test_files_without_a_digest_are_compared_as_far_as_possible(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    for name in ("a", "b", "c", "d"):
        (tmp_path / "p" / name).write_bytes(b"123456789")
    (tmp_path / "p" / "e").mkdir()
    rows = [
        Row("1", name="a", size=9, crc32c="e3069283", project="p", azul_url="x"),
        Row("2", name="b", size=9, crc32c="00000000", project="p", azul_url="x"),
        Row("3", name="c", size=8, project="p", azul_url="x"),
        Row("4", name="d", project="p", azul_url="x"),
        Row("5", name="e", project="p", azul_url="x"),
        Row("6", name="f", project="p", azul_url="x"),
        Row("7", name="g", project="p"),
    ]
    found = verifying.verify(rows, str(tmp_path), layout="project", jobs=2)
    assert {Path(one["file"]).name: one["problem"] for one in found.wrong} == {
        "b": "has crc32c e3069283, but should have 00000000",
        "c": "has 9 bytes, but should have 8",
        "e": "is not a file",
        "f": "is missing",
    }
    assert (found.files, found.unavailable_files, found.missing_files, found.unproven_files) == (6, 1, 1, 4)
    again = verifying.verify(rows[:1] + rows[5:], str(tmp_path), layout="project", jobs=2, ignore_missing=True)
    assert (again.files, again.wrong_files) == (1, 0)
    with pytest.raises(NotFoundError):
        verifying.verify(rows, str(tmp_path / "none"), layout="project", jobs=2)


def test_names_in_sums_are_escaped(tmp_path: Path) -> None:
    import io

    stream: Any = io.BytesIO()
    verifying.add_sum(stream, "d/a\nb", "00", "d")
    verifying.add_sum(stream, "d/c", "00", "d")
    assert stream.getvalue() == b"\\00  a\\nb\n00  c\n"
