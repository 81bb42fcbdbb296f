"""The journal of an upload: what it keeps, and what it survives."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from hca_core.checksums import of_bytes
from hca_core.errors import HCAError
from hca_core.folders import FolderFile
from hca_dss.journal import Journal


def file(name: str, size: int = 1, changed: int = 1) -> FolderFile:
    return FolderFile(name, Path(name), "text/plain", False, size, changed)


def opened() -> Journal:
    return Journal(["src", "bucket"], None)


def test_it_is_private_and_gone_after_success() -> None:
    with opened() as journal:
        path = Path(journal.path)
        assert path.parent.parent == Path.home() / ".local/state/hca"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [stat.S_IMODE(one.stat().st_mode) for one in (path.parent, path.parent.parent)] == [0o700] * 2
        journal.remove()
    assert not path.exists()


def test_a_folder_for_it_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCA_STATE_DIR", str(tmp_path / "state"))
    with opened() as journal:
        assert journal.path.startswith(str(tmp_path / "state"))


def test_what_happened_is_there_in_the_next_run() -> None:
    sums = of_bytes(b"x")
    with opened() as first:
        first.plan([file("a"), file("ü\n"), file("c")])
        first.note("a", staged="etag")
        first.note("a", registered=True)
        first.note("c", upload_id="id")
        first.note("c", sums=sums)
        first.forget("ü\n")
    with opened() as second:
        assert (second.bundle_uuid, second.version) == (first.bundle_uuid, first.version)
        assert second.entries == first.entries
        assert second.entries["a"].registered
        assert (second.entries["c"].upload_id, second.entries["c"].sums) == ("id", sums)
        assert "ü\n" not in second.entries
    with Journal(["src", "another bucket"], None) as other:
        assert other.bundle_uuid != first.bundle_uuid


def test_files_that_changed_get_new_entries() -> None:
    with opened() as journal:
        journal.plan([file("same"), file("changed"), file("staged"), file("gone")])
        journal.note("staged", staged="etag")
        before = dict(journal.entries)
        now = [file("same"), file("changed", size=2), file("staged", changed=2), file("new")]
        assert journal.outdated(now) == {name: before[name] for name in ("changed", "staged", "gone")}
        journal.plan(now)
        assert journal.entries["same"] is before["same"]
        assert journal.entries["changed"].uuid == before["changed"].uuid
        assert journal.entries["staged"].uuid != before["staged"].uuid
        assert (journal.entries["staged"].staged, journal.entries["staged"].changed) == ("", 2)
        assert sorted(journal.entries) == ["changed", "new", "same", "staged"]


@pytest.mark.parametrize("lost", [1, 10, 30])
def test_a_line_that_was_cut_off_is_left_out(lost: int) -> None:
    with opened() as journal:
        journal.plan([file("a"), file("b")])
        journal.note("a", staged="etag")
        journal.note("b", staged="etag")
    os.truncate(journal.path, os.path.getsize(journal.path) - lost)
    with opened() as again:
        assert again.entries["a"].staged == "etag"
        again.note("b", registered=True)
    with opened() as third:
        assert (third.entries["b"].staged, third.entries["b"].registered) == ("" if lost > 1 else "etag", True)


@pytest.mark.parametrize("content", [b"", b"\x00" * 50, b"not json\n", b'{"journal": 99}\n', b'["journal"]\n'])
def test_something_else_is_begun_anew(content: bytes) -> None:
    with opened() as journal:
        pass
    Path(journal.path).write_bytes(content)
    with opened() as again:
        assert again.entries == {}
        again.plan([file("a")])
    lines = [json.loads(line) for line in Path(journal.path).read_text().splitlines()]
    assert [line.get("journal") for line in lines] == [1, None]
    assert lines[0]["bundle_uuid"] == again.bundle_uuid


def test_one_run_at_a_time() -> None:
    with opened() as journal:
        with pytest.raises(HCAError, match="another run is uploading this directory"), opened():
            pass
        journal.remove()
        with opened() as other:
            assert other.bundle_uuid != journal.bundle_uuid


def test_a_thread_that_comes_late_writes_nowhere() -> None:
    with opened() as journal:
        journal.plan([file("a")])
    with open("other", "w+b") as other:  # gets the number that the journal had
        with pytest.raises(OSError, match="Bad file descriptor"):
            journal.note("a", registered=True)
        assert other.read() == b""


def test_it_is_cheap_for_many_files() -> None:
    listed = [file(str(number)) for number in range(20_000)]
    with opened() as journal:
        journal.plan(listed)
        for one in listed:
            journal.note(one.name, staged="0" * 32)
        assert os.path.getsize(journal.path) < 250 * len(listed)
