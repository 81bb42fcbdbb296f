"""What is counted before anything is sent: dry runs, and the room on the disk."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from hca_core.errors import HCAError, NotFoundError
from hca_core.transfer import Address, Transfer, parts, seal, space
from hca_core.transfer.report import Missing, Report
from hca_core.transfer.run import Order, Total, run

HUGE = 10**16  # 10 PB


@dataclass(frozen=True)
class TwoRequests(Address):
    requests_each = 2


def one(folder: Path, data: bytes, name: str = "f", **others) -> Transfer:
    import hashlib

    others = {"size": len(data), "digest": hashlib.sha256(data).hexdigest()} | others
    return Transfer(name, str(folder / name), TwoRequests("http://127.0.0.1:9/x"), **others)


def put(transfer: Transfer, data: bytes, *, sealed: bool) -> None:
    Path(transfer.target).write_bytes(data)
    os.utime(transfer.target, ns=(0, 10**18))
    if sealed:
        seal.put(transfer.target, len(data), transfer.digest)


def files_below(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


def test_a_dry_run_counts_each_target_once_and_writes_nothing(tmp_path):
    sealed, unsealed = one(tmp_path, b"aaaa", "sealed"), one(tmp_path, b"bbb", "unsealed")
    put(sealed, b"aaaa", sealed=True)
    put(unsealed, b"bbb", sealed=False)
    wrong = one(tmp_path, b"cc", "wrong")
    put(wrong, b"cc too long", sealed=False)
    new, empty = one(tmp_path, b"d" * 5000, "new"), one(tmp_path, b"", "empty")
    before = files_below(tmp_path)
    report = Report("d")
    wanted = [sealed, unsealed, wrong, new, new, empty, Missing("gone", NotFoundError("no such file"))]
    document = run(wanted, Order(dry_run=True), report, directory=str(tmp_path / "not" / "there")).document()
    free = document.pop("room_free")
    assert abs(free - shutil.disk_usage(tmp_path).free) < 10**9
    assert document == {
        "directory": "d",
        "dry_run": True,
        "files": 5,
        "bytes": 4 + 3 + 2 + 5000,
        "present": 2,
        "present_bytes": 7,
        "unchecked": 1,
        "to_fetch": 3,
        "bytes_to_fetch": 5002,
        "requests": 4,
        "room_needed": 4096 + 8192,
        "enough_room": True,
        "failed": [{"name": "gone", "error": "no such file"}],
    }
    assert files_below(tmp_path) == before


def test_a_dry_run_counts_by_where_it_would_come_from(tmp_path):
    @dataclass(frozen=True)
    class Place(TwoRequests):
        origin: str = ""

    def at(origin: str, name: str) -> Transfer:
        return one(tmp_path, b"a", name)._replace(source=Place("http://127.0.0.1:9/x", origin=origin))

    there = at("near", "there")
    put(there, b"a", sealed=True)
    wanted = [there, at("far", "a"), at("near", "b"), at("near", "c"), at("near", "c")]
    document = space.planned(wanted, Report(""), "")
    assert (document["sources"], document["requests"]) == ({"far": 1, "near": 2}, 6)


def test_a_file_that_nobody_promised_is_to_fetch_though_there_is_one(tmp_path):
    transfer = one(tmp_path, b"", digest=None, size=None)
    put(transfer, b"x", sealed=False)
    assert space.planned([transfer], Report(""), "")["to_fetch"] == 1


@pytest.mark.parametrize("size", [2**56, 10**18 - 1, 2**64, 10**30])
def test_sizes_that_no_disk_has(tmp_path, size):
    document = space.planned([one(tmp_path, b"", size=size), one(tmp_path, b"x", "g")], Report(""), str(tmp_path))
    assert (document["files"], document["requests"], document["enough_room"]) == (2, 4, False)
    assert document["bytes"] == min(size, 2**63 - 1) + 1


class Twice:
    """What can be gone through more than once; `passes` counts."""

    def __init__(self, *transfers: Transfer) -> None:
        self.transfers = transfers
        self.passes = 0

    def __iter__(self):
        self.passes += 1
        return iter(self.transfers)


def test_what_fits_as_a_whole_is_not_counted_again(tmp_path):
    wanted = Twice(one(tmp_path, b"a"))
    space.check(wanted, Total(1, 1), str(tmp_path))
    assert wanted.passes == 0


def test_what_does_not_fit_is_told_with_both_numbers_before_anything_is_sent(tmp_path, remote, server):
    small, huge = remote.file("/small", b"abc"), remote.file("/huge", b"", size=HUGE)
    with pytest.raises(space.NoSpaceError) as raised:
        run([small, huge], Order(total=Total(2, HUGE + 3)), Report(""), directory=str(tmp_path))
    assert raised.value.exit_status == 1
    assert "10 PB (10,000,000,000,004,096 bytes) needed, " in raised.value.message
    assert raised.value.message.endswith("bytes) free")
    assert "\n" not in raised.value.message
    assert (server.requests, os.path.exists(small.target)) == ([], False)


def test_duplicates_and_what_is_there_need_no_room(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    there = one(tmp_path, b"there", "there")
    put(there, b"there", sealed=False)
    most = one(tmp_path, b"", "most", size=int(free * 0.7))
    space.check([there, most, most, most], Total(4, HUGE), str(tmp_path))
    other = one(tmp_path, b"", "other", size=int(free * 0.7))
    with pytest.raises(space.NoSpaceError):
        space.check([there, most, other], Total(4, HUGE), str(tmp_path))


def test_what_a_part_holds_needs_no_room(tmp_path):
    transfer = one(tmp_path, b"", size=shutil.disk_usage(tmp_path).free + 10**9)
    part = parts.new(transfer.target)
    with open(part, "wb") as stream:
        stream.truncate(5 * 10**9)  # a hole, which takes no room
    space.check([transfer], Total(1, HUGE), str(tmp_path))
    document = space.planned([transfer], Report(""), str(tmp_path))
    assert (document["bytes"], document["bytes_to_fetch"]) == (transfer.size, transfer.size - 5 * 10**9)
    os.unlink(part)
    with pytest.raises(space.NoSpaceError):
        space.check([transfer], Total(1, HUGE), str(tmp_path))


def test_what_is_not_known_beforehand_is_looked_at_as_it_comes(tmp_path, remote, server):
    small, huge = remote.file("/small", b"abc"), remote.file("/huge", b"", size=HUGE)
    server.put("/small", b"abc")
    server.put("/huge", b"")
    report = Report("")
    with pytest.raises(space.NoSpaceError, match=r"^there is not enough room in .*: /huge: 10 PB"):
        run(iter([small, huge]), Order(), report, directory=str(tmp_path))
    assert "/huge" not in {asked.path for asked in server.requests}


def test_a_huge_file_that_is_there_needs_no_room(tmp_path):
    room = space.Room(str(tmp_path))
    transfer = one(tmp_path, b"", size=shutil.disk_usage(tmp_path).free + 10**9)
    with open(transfer.target, "wb") as stream:
        stream.truncate(transfer.size)
    room.take(transfer)
    os.truncate(transfer.target, 5)
    with pytest.raises(space.NoSpaceError):
        room.take(transfer)


def test_room_is_looked_at_rarely(tmp_path, monkeypatch):
    looks = []
    real = space.free_below
    monkeypatch.setattr(space, "free_below", lambda directory: looks.append(1) or real(directory))
    room = space.Room(str(tmp_path))
    transfer = one(tmp_path, b"a")
    for _ in range(1000):
        room.take(transfer)
    assert len(looks) == 1


def test_the_room_is_that_of_the_nearest_directory_that_is_there(tmp_path):
    assert space.free_below("/proc/nothing/here") is None
    assert space.free_below(str(tmp_path / "a" / "b")) is not None
    assert space.free_below("") is not None
    assert issubclass(space.NoSpaceError, HCAError)


def test_the_tally_takes_little_memory(tmp_path):
    import tracemalloc

    tally = space.Tally()
    tracemalloc.start()
    for number in range(50_000):
        tally.add(Transfer("f", f"/nowhere/{number}", Address("http://127.0.0.1:9/"), 1, "00"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3_000_000
    assert tally.plan().files == 50_000
