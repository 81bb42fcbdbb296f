"""The transfer engine against a real server: what costs a request, what is resumed, how patient it is, how it ends."""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import time
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import pytest
import transfer_faults as faults
import transfer_tools as tools
from waiting import until

from hca_core.errors import IntegrityError, NetworkError, ServiceError, UsageError
from hca_core.transfer import Settings, engine, fetch, seal

MEBIBYTE = tools.MEBIBYTE
SMALL = tools.noise(70_001, "small")
LARGE = tools.noise(3 * MEBIBYTE + 17, "large")
HALF = 3 * MEBIBYTE // 2
BOTH = pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])


# What is there already


@BOTH
def test_a_file_that_is_there_and_right_costs_no_request(server, remote, data):
    wanted = remote.file("/file", data)
    path = tools.on_disk(wanted, data)
    for _ in range(2):
        (result,) = remote.fetch(wanted)
        assert (result.status, result.fetched, server.requests) == ("present", 0, [])
    assert seal.is_sealed(os.stat(path), wanted.digest)


@BOTH
def test_a_sealed_file_is_read_again_only_if_that_is_asked_for(server, remote, data):
    """The seal is as if nobody had touched it; only reading tells."""
    wanted = remote.file("/file", data)
    path = tools.on_disk(wanted, bytes(len(data)))
    seal.put(path, len(data), wanted.digest)
    assert remote.fetch(wanted)[0].status == "present"
    server.put("/file", data)
    remote.holds({"/file": data}, remote.fetch(wanted, verify=True))


@BOTH
@pytest.mark.parametrize(
    "there", [lambda data: b"", lambda data: data[:-1], lambda data: data + b"x", lambda data: bytes(len(data))]
)
def test_a_file_that_is_there_but_wrong_is_fetched_again(server, remote, data, there):
    wanted = remote.file("/file", data)
    tools.on_disk(wanted, there(data))
    server.put("/file", data)
    (result,) = remote.fetch(wanted)
    remote.holds({"/file": data}, [result])
    assert result.fetched == len(data)


@BOTH
def test_what_somebody_wrote_to_a_file_after_its_check_is_found(server, remote, data):
    server.put("/file", data)
    remote.arrive({"/file": data})
    path = Path(remote.folder, "file")
    with path.open("r+b") as stream:
        stream.write(b"another beginning")
    remote.arrive({"/file": data})
    assert len(server.requests) == 2


def test_an_empty_file_costs_no_request(server, remote):
    remote.arrive({"/file": b""})
    assert server.requests == []


def test_folders_are_made(server, remote):
    contents = {"/a/b/c": SMALL, "/a/d/e/f": LARGE}
    for path, data in contents.items():
        server.put(path, data)
    remote.arrive(contents)


# Resuming


@BOTH
def test_a_body_that_breaks_off_is_resumed_where_it_ended(server, remote, data):
    server.put("/file", data, faults.half)
    (result,) = remote.arrive({"/file": data})
    assert server.ranges("/file") == [None, f"bytes={len(data) // 2}-"]
    assert result.fetched == len(data)


@BOTH
def test_bytes_that_arrive_make_up_for_failures(server, remote, data):
    """A body that is cut again and again arrives, though one retry is all there is."""
    server.put("/file", data, always=faults.close(len(data) // 20))
    remote.arrive({"/file": data}, retries=1)
    assert len(server.requests) in (20, 21)


@BOTH
@pytest.mark.parametrize("told", ["bytes {} {}", "", "bytes */*", "nonsense", "bytes x-y/z"])
def test_a_wrong_content_range_is_not_believed(server, remote, data, told):
    half = len(data) // 2

    async def wrong(exchange):
        headers = {"Content-Range": told.format(half, len(data))} if told else {}
        await exchange.answer(206, headers, data[half:])

    server.put("/file", data, faults.half, wrong)
    remote.arrive({"/file": data})
    assert server.ranges("/file") == [None, f"bytes={half}-", f"bytes={half}-"]


def test_a_range_behind_the_end_says_that_the_file_is_shorter(server, remote):
    wanted = remote.file("/file", LARGE)
    tools.part_of(wanted, LARGE[:HALF])
    server.put("/file", LARGE[:HALF])
    error = remote.fails(wanted, IntegrityError)
    assert str(len(LARGE)) in str(error)
    assert tools.listing(remote.folder) == {}


def test_without_a_checksum_nothing_of_an_earlier_run_is_trusted(server, remote):
    wanted = remote.file("/file", LARGE, digest=None)
    tools.part_of(wanted, bytes(HALF))
    server.put("/file", LARGE)
    remote.holds({"/file": LARGE}, remote.fetch(wanted))
    assert server.ranges("/file") == [None]


@BOTH
def test_without_size_and_checksum_the_connection_tells_the_end(server, remote, data):
    server.put("/file", data, faults.drop)
    remote.holds({"/file": data}, remote.fetch(remote.file("/file", data, size=None, digest=None)))


@BOTH
def test_a_cut_is_noticed_though_nobody_promised_a_size(server, remote, data):
    server.put("/file", data, faults.half)
    remote.holds({"/file": data}, remote.fetch(remote.file("/file", data, size=None, digest=None)))
    assert len(server.requests) == 2


# Patience (DC-142, DC-143, DC-144)


@BOTH
def test_no_retries_means_none(server, remote, data):
    server.put("/file", data, faults.status(503))
    remote.fails(remote.file("/file", data), ServiceError, retries=0)
    assert len(server.requests) == 1


@BOTH
@pytest.mark.parametrize(("times", "survives"), [(10, True), (11, False)])
def test_ten_retries_survive_ten_failures(server, remote, data, times, survives):
    server.put("/file", data, *[faults.status(500)] * times)
    if survives:
        remote.arrive({"/file": data}, retries=10, min_delay=0.0001)
    else:
        remote.fails(remote.file("/file", data), ServiceError, retries=10, min_delay=0.0001)
    assert len(server.requests) == 11


@BOTH
def test_waits_double(server, remote, data):
    server.put("/file", data, *[faults.drop] * 3)
    remote.arrive({"/file": data}, min_delay=0.05)
    times = [one.time for one in server.requests]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert all(gap >= least for gap, least in zip(gaps, (0.05, 0.1, 0.2), strict=True))


@BOTH
def test_a_time_limit_for_all(server, remote, data, monkeypatch):
    """What is not done then fails; what is done stays, and what has arrived of a large file is kept."""
    # The time passes when all is as it should be then: on a busy machine nothing is done in a moment.
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(engine, "time", SimpleNamespace(monotonic=lambda: clock.now))
    server.put("/file", data, always=faults.stall(len(data) // 2))
    server.put("/done", SMALL)
    server.put("/other", data, always=faults.silent)
    # The one that is done comes last: while nobody takes the next result, none behind it is begun.
    wanted = [remote.file("/file", data), remote.file("/other", data), remote.file("/done", SMALL)]
    results = fetch(wanted, Settings(time_limit=0.4, jobs=4))
    done = next(results)
    assert (done.transfer.name, done.status) == ("/done", "fetched")
    for path in ("/file", "/other"):
        server.wait_for(1, path)
    if data is LARGE:
        until(lambda: len(data) // 2 in map(len, tools.listing(remote.folder).values()))
    clock.now += 0.4
    given_up = {result.transfer.name: result for result in results}
    assert given_up.keys() == {"/file", "/other"}
    for result in given_up.values():
        tools.check_failure(result, NetworkError)
        assert "0.4 s" in str(result.error)
    server.put("/file", data)
    monkeypatch.undo()
    assert remote.fetch(wanted[0])[0].status == "fetched"
    assert Path(remote.folder, "file").read_bytes() == data
    assert (server.ranges("/file")[-1] is not None) == (data is LARGE)


@pytest.mark.parametrize("contents", [{f"/{n}": SMALL[n:] for n in range(20)}, {"/large": LARGE[: 2 * MEBIBYTE]}])
def test_a_rate_is_kept(server, remote, contents):
    for path, data in contents.items():
        server.put(path, data)
    size = sum(map(len, contents.values()))
    begun = time.monotonic()
    remote.arrive(contents, max_rate=size / 0.8)
    assert time.monotonic() - begun >= 0.6


def test_a_failure_of_one_file_is_no_failure_of_others(server, remote):
    contents = {f"/{number}": SMALL[:number] for number in range(20)}
    for path, data in contents.items():
        server.put(path, data)
    wanted = [remote.file("/missing", SMALL), *(remote.file(path, data) for path, data in contents.items())]
    outcome = {one.transfer.name: one.status for one in remote.fetch(*wanted)}
    assert outcome == {"/missing": "failed", **dict.fromkeys(contents, "fetched")}


# Memory, progress, digests, names


def test_transfers_are_taken_as_they_are_needed(server, remote):
    """Memory does not grow with their number: those that are asked for are never far ahead of those that are done."""
    contents = [b"%d" % number for number in range(1500)]
    for number, data in enumerate(contents):
        server.put(f"/{number}", data)
    given, most = 0, 0

    def transfers():
        nonlocal given
        for number, data in enumerate(contents):
            given += 1
            yield remote.file(f"/{number}", data)

    for done, result in enumerate(fetch(transfers(), Settings(jobs=4)), 1):
        assert result.status == "fetched"
        most = max(most, given - done)
    assert most <= 400


def test_memory_does_not_grow_with_the_file(server, remote):
    data = bytes(48 * MEBIBYTE)
    server.put("/file", data)
    wanted = remote.file("/file", data)
    before = server.connections
    tracemalloc.start()
    (result,) = remote.fetch(wanted, connections=1)  # on a slow machine several would be tried
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (result.status, server.connections) == ("fetched", before + 1)
    assert highest < 8 * MEBIBYTE + len(data)  # the server's own copy of what it sends is in it


@BOTH
def test_progress_counts_what_arrives(server, remote, data):
    server.put("/file", data, faults.half)
    counted: list[int] = []
    (result,) = fetch([remote.file("/file", data)], Settings(min_delay=0.001), on_bytes=counted.append)
    assert result.status == "fetched"
    assert sum(counted) == len(data) == result.fetched


@BOTH
def test_another_digest_is_checked_and_told_by_its_name(server, remote, data):
    server.put("/file", data)
    md5 = hashlib.md5(data).hexdigest()
    wanted = remote.file("/file", data, digest=md5, algorithm="md5")
    remote.holds({"/file": data}, remote.fetch(wanted))
    assert remote.fetch(wanted)[0].status == "present"
    os.unlink(wanted.target)
    error = remote.fails(wanted._replace(digest="0" * 32), IntegrityError)
    assert f"expected md5 {'0' * 32}, received {md5}" in str(error)


@BOTH
@pytest.mark.parametrize("name", ["n" * 255, "\N{GREEK SMALL LETTER ALPHA}" * 127], ids=["ASCII", "Greek"])
def test_a_name_that_is_as_long_as_names_may_be(server, remote, data, name):
    server.put(f"/{name}", data)
    wanted = remote.file(f"/{name}", data)
    if data is LARGE:
        tools.part_of(wanted, data[:HALF])
    (result,) = remote.fetch(wanted)
    remote.holds({f"/{name}": data}, [result])
    assert result.fetched == (len(data) - HALF if data is LARGE else len(data))


def test_names_of_all_kinds(server, remote):
    rng = random.Random(1)
    names = [" ", "a b", "a%20b", "a+b", "a?b", "a#b", "-rf", "~", "*", "'\"$(x)`", "\N{SNOWMAN}", "a\\b", ".hidden"]
    contents = {f"/{name}": rng.randbytes(100) for name in names}
    for name, data in contents.items():
        server.put("/" + hashlib.md5(name.encode()).hexdigest(), data)
    wanted = [
        remote.file(name, data, url=f"{server.url}/{hashlib.md5(name.encode()).hexdigest()}")
        for name, data in contents.items()
    ]
    remote.holds(contents, remote.fetch(*wanted))


@pytest.mark.parametrize(
    "wrong",
    [
        {"jobs": 0},
        {"jobs": -1},
        {"max_rate": 0},
        {"max_rate": float("inf")},
        {"connections": 0},
        {"retries": -1},
        {"min_delay": -0.1},
        {"min_delay": float("nan")},
        {"time_limit": -1},
    ],
)
def test_settings_that_can_not_be(wrong):
    with pytest.raises(UsageError, match=f"^{next(iter(wrong))} is .*, but must be a number"):
        Settings(**wrong)


def test_a_digest_of_an_unknown_kind_fails_its_file_only(server, remote):
    for data in (SMALL, LARGE):
        server.put("/x", data)
        server.put("/y", data)
        odd = remote.file("/x", data)._replace(algorithm="crc99")
        results = {result.transfer.name: result for result in remote.fetch(odd, remote.file("/y", data))}
        assert results["/y"].status in ("fetched", "present")
        assert "crc99" in str(results["/x"].error)
