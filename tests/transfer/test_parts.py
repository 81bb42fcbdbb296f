"""Parts beside their targets (hca_core.transfer.parts): what other runs left is used, and never believed."""

from __future__ import annotations

import os

import pytest
import transfer_faults as faults
import transfer_tools as tools

from hca_core.errors import IntegrityError, NetworkError, ServiceError
from hca_core.transfer import Address, Transfer, parts

MEBIBYTE = tools.MEBIBYTE
SMALL = tools.noise(70_001, "small")
LARGE = tools.noise(3 * MEBIBYTE + 17, "large")
HALF = 3 * MEBIBYTE // 2
BOTH = pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])


def test_the_part_of_a_dead_process_is_taken_up_in_place(server, remote):
    wanted = remote.file("/file", LARGE)
    inode = tools.part_of(wanted, LARGE[:HALF]).stat().st_ino
    server.put("/file", LARGE)
    (result,) = remote.fetch(wanted)
    remote.holds({"/file": LARGE}, [result])
    assert result.fetched == len(LARGE) - HALF
    assert server.ranges("/file") == [f"bytes={HALF}-"]
    assert os.stat(wanted.target).st_ino == inode  # not copied: a disk that is nearly full holds it once only


def test_the_longest_of_several_parts_is_taken_up(server, remote):
    wanted, owner = remote.file("/file", LARGE), tools.dead_owner()
    for number, length in enumerate([10, HALF, 1000]):
        tools.part_of(wanted, LARGE[:length], owner, number)
    server.put("/file", LARGE)
    remote.holds({"/file": LARGE}, remote.fetch(wanted))
    assert server.ranges("/file") == [f"bytes={HALF}-"]


def test_a_complete_part_costs_no_request(server, remote):
    wanted = remote.file("/file", LARGE)
    tools.part_of(wanted, LARGE)
    (result,) = remote.fetch(wanted)
    remote.holds({"/file": LARGE}, [result])
    assert (result.fetched, server.requests) == (0, [])


@pytest.mark.parametrize("left", [bytes(HALF), LARGE + b"longer"], ids=["corrupted", "longer"])
@pytest.mark.parametrize("owner", ["", "elsewhere-1"], ids=["dead", "of another machine"])
def test_a_wrong_part_heals(server, remote, left, owner):
    wanted = remote.file("/file", LARGE)
    tools.part_of(wanted, left, owner)
    server.put("/file", LARGE)
    remote.holds({"/file": LARGE}, remote.fetch(wanted))
    assert server.ranges("/file")[-1] is None


def test_the_part_of_a_living_process_is_copied_and_left_alone(server, remote):
    """Its bytes may be used; when the file can't be had here, the other process must still find its part."""
    wanted = remote.file("/file", LARGE)
    left = tools.part_of(wanted, LARGE[:HALF], parts.owner(os.getppid()))
    server.put("/file", LARGE, always=faults.changed(len(LARGE) - 1))
    remote.fails(wanted, IntegrityError)
    assert server.ranges("/file") == [f"bytes={HALF}-", None]
    assert tools.listing(remote.folder) == {left.name: LARGE[:HALF]}


def test_what_arrived_before_a_failure_is_kept_for_the_next_run(server, remote):
    wanted = remote.file("/file", LARGE)
    server.put("/file", LARGE, faults.close(HALF), faults.status(503), faults.status(503))
    remote.fails(wanted, ServiceError, retries=1)
    (part,) = tools.listing(remote.folder).values()
    assert part == LARGE[:HALF]
    remote.holds({"/file": LARGE}, remote.fetch(wanted))
    assert server.ranges("/file")[-1] == f"bytes={HALF}-"


@BOTH
def test_a_failure_without_content_leaves_nothing(server, remote, data):
    server.put("/file", data, always=faults.drop)
    remote.fails(remote.file("/file", data), NetworkError, retries=0)
    assert tools.listing(remote.folder) == {}


def test_a_folder_with_many_files_is_listed_once(tmp_path, monkeypatch):
    """Or the time for each file would grow with the number of files."""
    for number in range(200):
        (tmp_path / f"there-{number}").touch()
    (tmp_path / ".mine.owner-1-2-3.part").write_bytes(b"part")
    listed = []
    whole = os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder: listed.append(folder) or whole(folder))
    listing = parts.Listing()
    for number in range(50):
        assert listing.of(str(tmp_path / f"file-{number}")) == []
    assert listing.of(str(tmp_path / "mine")) == [str(tmp_path / ".mine.owner-1-2-3.part")]
    assert listed == [str(tmp_path)]


@pytest.mark.parametrize("name", ["file", "n" * 255, "\N{GREEK SMALL LETTER ALPHA}" * 127])
def test_a_part_belongs_to_one_target_only(tmp_path, name):
    wanted = Transfer(name, str(tmp_path / name), Address("http://127.0.0.1/"))
    part = tools.part_of(wanted, b"part")
    assert parts.Listing().of(wanted.target) == [str(part)]
    for other in (f"{name[:-1]}x", name[:-1], f"x{name[1:]}"):
        assert parts.Listing().of(str(tmp_path / other)) == []
