"""The journal of an upload to an area: what it keeps, for whom, and what it survives."""

from __future__ import annotations

import resource
import signal
import stat
from pathlib import Path

import pytest

from hca_core.errors import HCAError
from hca_core.s3.bucket import KnownPart
from hca_upload.journal import Journal
from hca_upload.sources import Item


def item(name: str, *, size: int = 1, changed: int = 1, path: str = "") -> Item:
    return Item(name, path or f"folder/{name}", size, changed)


def opened() -> Journal:
    return Journal(["area", "folder"])


@pytest.fixture(autouse=True)
def _home(isolated_home: Path) -> None:
    """A home without journals."""


def test_it_is_private() -> None:
    with opened():
        (path,) = (Path.home() / ".local/state/hca/upload-areas").iterdir()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_run_that_stopped_leaves_what_it_did_to_the_next_one() -> None:
    with opened() as first:
        first.begin(trusted=False)
        first.note(item("small"), etag="e", upload_id="")
        first.note(item("small"), told=True)
        first.note(item("line\nü"), upload_id="id")
        first.note(item("line\nü"), part=(2, "second", "crc"))
        first.note(item("line\nü"), part=(1, "first", ""))
    with opened() as second:
        assert second.is_open
        small, large = second.found(item("small")), second.found(item("line\nü"))
        assert small is not None
        assert (small.etag, small.told) == ("e", True)
        assert large is not None
        assert large.upload_id == "id"
        assert large.parts == {1: KnownPart("first"), 2: KnownPart("second", "crc")}
        second.begin(trusted=False)
        assert second.entries == first.entries
    with opened() as third:
        assert third.entries == first.entries


def test_another_upload_id_has_other_parts() -> None:
    with opened() as journal:
        journal.begin(trusted=False)
        journal.note(item("a"), upload_id="one")
        journal.note(item("a"), part=(1, "x", ""))
        entry = journal.note(item("a"), upload_id="two")
        assert entry.parts == {}


@pytest.mark.parametrize(
    "other", [item("a", size=2), item("a", changed=2), item("a", path="elsewhere/a")], ids=["size", "time", "place"]
)
def test_another_state_of_a_file_is_another_file(other: Item) -> None:
    with opened() as journal:
        journal.begin(trusted=False)
        journal.note(item("a"), upload_id="one")
        assert journal.found(other) is None
        assert journal.note(other, etag="e").upload_id == ""
        assert journal.found(item("a")) is None


def test_the_same_file_is_found_from_another_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path.cwd()
    with opened() as journal:
        journal.begin(trusted=False)
        journal.note(item("a"), etag="e")
    monkeypatch.chdir(tmp_path)
    with opened() as journal:
        assert journal.found(item("a")) is None
        assert journal.found(item("a", path=str(here / "folder" / "a"))) is not None


@pytest.mark.parametrize("trusted", [True, False])
def test_after_the_end_only_who_trusts_it_gets_what_was_done(trusted: bool) -> None:
    with opened() as journal:
        journal.begin(trusted=False)
        journal.note(item("a"), etag="e", told=True)
        journal.end()
    with opened() as journal:
        assert not journal.is_open
        assert journal.found(item("a")) is not None
        journal.begin(trusted=trusted)
        assert (journal.found(item("a")) is not None) == trusted
    with opened() as journal:
        assert journal.is_open
        assert (journal.found(item("a")) is not None) == trusted


def test_a_line_that_a_kill_has_cut_off_is_left_out() -> None:
    with opened() as journal:
        journal.begin(trusted=False)
        journal.note(item("a"), etag="e")
        journal.note(item("b"), etag="e")
        path = next((Path.home() / ".local/state/hca/upload-areas").iterdir())
    path.write_bytes(path.read_bytes()[:-5])
    with opened() as journal:
        assert list(journal.entries) == ["a"]
        journal.note(item("c"), etag="e")
    with opened() as journal:
        assert list(journal.entries) == ["a", "c"]


def test_something_else_in_its_place_is_no_journal() -> None:
    with opened() as journal:
        journal.begin(trusted=False)
        path = next((Path.home() / ".local/state/hca/upload-areas").iterdir())
    path.write_text('{"journal": 0}\n{"name": "a", "path": "/a", "size": 1, "changed": 1, "etag": "e"}\n')
    with opened() as journal:
        assert (journal.is_open, journal.entries) == (False, {})


def test_two_runs_of_the_same_command_exclude_each_other() -> None:
    with opened():
        with pytest.raises(HCAError, match="another run is uploading the same"), opened():
            pass
        with Journal(["area", "another folder"]) as other:
            assert other.entries == {}


@pytest.mark.parametrize(
    "line",
    [
        '{"foo": 1}',
        '{"name": "x", "etag": "e"}',
        '{"name": "x", "path": "/x", "size": 1, "changed": 1, "etag": "e", "of a later version": 1}',
        '{"name": "a", "part": 1}',
        '{"name": "a", "part": [1, "x"]}',
        '{"name": "a", "etag": 1}',
        '{"name": ["a"]}',
        '{"name": "x", "path": "/x", "size": 1, "changed": 1, "parts": [1]}',
        "[" * 200_000,
        "not JSON",
    ],
)
def test_a_line_that_makes_no_sense_is_left_out(line: str) -> None:
    with opened() as journal:
        journal.begin(trusted=False)
        before = journal.note(item("a"), etag="e")
        path = next((Path.home() / ".local/state/hca/upload-areas").iterdir())
    with path.open("a") as stream:
        stream.write(f"{line}\n")
    with opened() as journal:
        assert journal.entries == {"a": before}


def test_who_only_looks_is_in_nobodys_way() -> None:
    with Journal(["area", "folder"], only_look=True) as nothing:
        assert (nothing.entries, nothing.is_open) == ({}, False)
    assert not (Path.home() / ".local/state/hca/upload-areas").exists()
    with opened() as journal:
        journal.begin(trusted=False)
        journal.note(item("a"), etag="e")
        with Journal(["area", "folder"], only_look=True) as looking:
            assert looking.is_open
            assert looking.entries == journal.entries


def test_a_beginning_that_fails_loses_nothing() -> None:
    """A full disk, stood for by a limit on the size of files."""
    with opened() as journal:
        journal.begin(trusted=False)
        for number in range(20):
            journal.note(item(f"file {number}"), etag="e")
    path = next((Path.home() / ".local/state/hca/upload-areas").iterdir())
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with opened() as journal:
        old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        try:
            with pytest.raises(OSError, match="File too large"):
                journal.begin(trusted=False)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, old)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_journal_that_was_written_anew_is_still_locked() -> None:
    with opened() as journal:
        journal.begin(trusted=False)
        with pytest.raises(HCAError, match="another run is uploading the same"), opened():
            pass
    with opened():
        pass
