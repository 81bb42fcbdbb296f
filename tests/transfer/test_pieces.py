"""A large file over several connections: only where one is slow, and whatever befalls its pieces, it is right."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest
import transfer_faults as faults
import transfer_tools as tools
from waiting import until

from hca_core.errors import IntegrityError
from hca_core.transfer import pieces

DATA = tools.noise(6 * tools.MEBIBYTE + 5, "pieces")
RATE = 3 * tools.MEBIBYTE
STALL = faults.stall(10_000)
# So that a file of a few MiB has several pieces, and a moment is enough to know that a connection is slow.
SETTINGS = {"SIZE": 256 * 1024, "WORTH_IT": 512 * 1024, "MEASURE_SECONDS": 0.1}


@pytest.fixture
def remote(server, tmp_path, monkeypatch):
    """Files of the server, in small pieces. Silence is looked for four times in `read_timeout`, and so is slowness."""
    for name, value in SETTINGS.items():
        monkeypatch.setattr(pieces, name, value)
    with tools.Remote(server.url, tmp_path / "got", read_timeout=0.6) as made:
        yield made


def is_piece(asked):
    """Tell whether a request was for a piece: a range with an end."""
    return bool(asked.range) and not asked.range.endswith("-")


def begins(asked):
    """Return the byte that a request asks for first."""
    return int((asked.range or "bytes=0-").removeprefix("bytes=").partition("-")[0])


def slow(server, rate):
    """Return an answer of so many bytes a second, whose second half waits until somebody has asked for a piece.

    So the file is never there before its connection was seen to be slow, however long this process is held up.
    """
    return faults.paced(rate, waits=lambda: not any(map(is_piece, server.asked())))


def on_pieces(fault, usual, count):
    """Return what befalls so many requests for pieces, after the third one; all others get what is `usual`."""
    seen = []

    async def do(exchange):
        if is_piece(exchange.asked):
            seen.append(exchange)
            if 3 < len(seen) <= 3 + count:
                await fault(exchange)
                return
        await usual(exchange)

    return do


def test_a_slow_connection_is_joined_by_others(server, remote, record, monkeypatch):
    monkeypatch.setattr(pieces, "_MORE", 0.0)  # how much they bring here depends on what else this machine does
    server.put("/file", DATA, always=slow(server, RATE))
    (result,) = remote.arrive({"/file": DATA})
    asked = [one for one in server.requests if is_piece(one)]
    assert len(asked) >= 10
    assert len({one.connection for one in asked}) >= 3
    assert result.fetched <= 1.1 * len(DATA)
    record("pieces over several slow connections", 1, "arrives")


def test_a_fast_connection_stays_alone(server, remote, monkeypatch):
    monkeypatch.setattr(pieces, "_FAST", 0.0)  # fast, though nothing has come yet of a server that was held up
    server.put("/file", DATA, always=faults.paced(2 * RATE))
    remote.arrive({"/file": DATA})
    assert not any(map(is_piece, server.requests))


def test_one_connection_is_all_that_one_job_has(server, remote):
    server.put("/file", DATA, always=faults.paced(4 * RATE))
    remote.arrive({"/file": DATA}, jobs=1)
    assert not any(map(is_piece, server.requests))


async def wrong_total(exchange):
    """Answer a piece with a range of a longer file."""
    body = exchange.content[exchange.begin : exchange.end]
    told = f"bytes {exchange.begin}-{exchange.end - 1}/{len(exchange.content) + 1}"
    await exchange.answer(206, {"Content-Range": told}, body)


async def other_bytes(exchange):
    """Answer a piece with zeros."""
    exchange.content = bytes(len(exchange.content))
    await faults.whole(exchange)


async def too_much(exchange):
    """Answer a piece with all that follows, too."""
    exchange.end = len(exchange.content)
    await faults.whole(exchange)


@pytest.mark.parametrize(
    "fault",
    [
        faults.drop,
        faults.reset(10_000),
        faults.close(70_000),
        STALL,
        faults.status(403),
        faults.status(416),
        faults.status(500),
        faults.status(503, retry_after=0.05),
        faults.status(429),
        faults.unranged,
        faults.html(b"<html>"),
        faults.redirect("/file"),
        faults.garbage,
        faults.squeezed,
        wrong_total,
        other_bytes,
        too_much,
    ],
    ids=lambda fault: fault.__qualname__.partition(".")[0],
)
@pytest.mark.parametrize("always", [False, True], ids=["some", "all"])
def test_what_befalls_pieces(server, remote, record, fault, always):
    """A service that gives none, or wrong ones, is asked for the whole as if there were no pieces."""
    if always and fault is STALL:
        pytest.skip("each try brings a little, so it arrives, but takes minutes")
    server.put("/file", DATA, always=on_pieces(fault, slow(server, 4 * RATE), count=1000 if always else 3))
    remote.arrive({"/file": DATA}, retries=10)
    assert any(map(is_piece, server.requests))
    record("pieces: what may befall one", 1, "arrives")


def test_what_came_before_the_pieces_is_not_asked_for_again(server, remote):
    """Also where the file was looked up first: the address that it was found at is not asked with the old range."""
    server.put("/file", DATA, always=faults.redirect("/found"))
    server.put("/found", DATA, always=on_pieces(faults.status(403), slow(server, 4 * RATE), count=1000))
    remote.arrive({"/file": DATA})
    asked = server.asked("/found")
    came = min(begins(one) for one in asked if is_piece(one))
    first, *others = (begins(one) for one in asked if not is_piece(one))
    assert first == 0
    assert others
    assert all(begin >= came for begin in others)


def test_a_wrong_file_in_pieces_is_refused(server, remote):
    other = DATA[:-1] + b"\0"
    server.put("/file", other, always=faults.paced(4 * RATE))
    remote.fails(remote.file("/file", DATA), IntegrityError)
    assert tools.listing(remote.folder) == {}


def test_a_kill_while_pieces_arrive(server, tmp_path, record):
    """What is on the disk has no hole, so the next run goes on behind it."""
    rng = random.Random(os.environ.get("HCA_FAULT_SEED") or os.urandom(4).hex())

    async def held(exchange):
        """Answer a few pieces, then nothing more: however late the kill is, it does not find the file complete."""
        asked = server.asked(exchange.asked.path)
        paced = faults.paced(RATE / 2, waits=lambda: not any(map(is_piece, server.asked(exchange.asked.path))))
        await (paced if sum(map(is_piece, asked)) <= 12 else faults.silent)(exchange)

    order = {"constants": {f"pieces.{name}": value for name, value in SETTINGS.items()}, "read_timeout": 0.6}
    with tools.Nursery(server.url, tmp_path / "errors") as nursery:
        for number in range(3):
            got = tmp_path / str(number)
            # Each process has an address of its own: the server may see requests of the killed one late.
            first, again = f"/first-{number}", f"/again-{number}"
            server.put(f"{first}/file", DATA, always=held)
            process = nursery.start(got, {"/file": DATA}, url=server.url + first, settings={"retries": 10_000}, **order)
            until(lambda path=f"{first}/file": any(map(is_piece, server.asked(path))))
            time.sleep(rng.uniform(0, 0.25))
            os.kill(process, signal.SIGKILL)
            assert nursery.wait(process) == -signal.SIGKILL
            (left,) = tools.listing(got).values()
            assert left == DATA[: len(left)]
            server.put(f"{again}/file", DATA, always=faults.paced(RATE / 2))
            second = nursery.start(got, {"/file": DATA}, url=server.url + again, **order)
            assert nursery.wait(second) == 0, nursery.said()
            assert tools.listing(got) == {"file": DATA}
            if left:
                assert server.ranges(f"{again}/file")[0] == f"bytes={len(left)}-"
    record("SIGKILL while pieces arrive", 3, "end state of an undisturbed run")
