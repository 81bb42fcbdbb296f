"""Faults that are more than a bad answer: services that are away, redirect, ask for patience, or fall silent."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import pytest
import transfer_faults as faults
import transfer_tools as tools
from transfer_server import Server

from hca_core.errors import HCAError, IntegrityError, NetworkError, ServiceError
from hca_core.transfer import Request, Service, Settings, Transfer, fetch, range_from

SMALL = tools.noise(90_000, "small")
LARGE = tools.noise(1_500_000, "large")
BOTH = pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])


# Services that are away


def test_connections_that_are_refused_and_then_accepted(tmp_path, record):
    server = Server(listening=False)
    contents = {"/small": SMALL, "/large": LARGE}
    for path, data in contents.items():
        server.put(path, data)
    with server, tools.Remote(server.url, tmp_path / "got") as remote:
        threading.Timer(0.3, server.listen).start()
        remote.arrive(contents, min_delay=0.02)
    record("connection refused, then accepted", 2, "arrives")


@BOTH
def test_connections_that_are_always_refused(tmp_path, record, data):
    server = Server(listening=False)
    with server, tools.Remote(server.url, tmp_path / "got") as remote:
        error = remote.fails(remote.file("/file", data), NetworkError, retries=2)
    assert error.exit_status == 5
    assert str(server.port) in str(error)
    assert tools.left_over(tmp_path) == []
    record("connection refused, always", 1, "exit 5")


@BOTH
def test_a_host_that_has_no_address(server, tmp_path, record, data):
    begun = time.monotonic()
    with tools.Remote(server.url, tmp_path / "got", connect_timeout=5) as remote:
        wanted = remote.file("/file", data, url="https://nothing.invalid/file")
        error = remote.fails(wanted, NetworkError, retries=2)
    assert error.exit_status == 5
    assert "nothing.invalid" in str(error)
    assert time.monotonic() - begun < 30
    record("DNS failure", 1, "exit 5")


@BOTH
@pytest.mark.parametrize("after", [0, 60_000])
def test_a_stalled_socket_is_left_for_a_new_one(server, tmp_path, record, data, after):
    server.put("/file", data, faults.stall(after))
    begun = time.monotonic()
    with tools.Remote(server.url, tmp_path / "got", read_timeout=0.4) as remote:
        remote.arrive({"/file": data})
    # On a busy machine an answer that is no stall may take too long too, and is asked for once more.
    first, *others = server.asked("/file")
    assert first.range is None
    assert others[-1].range in ([f"bytes={after}-"] if after else [None]) or len(others) > 1
    # The server may see the first one late, but nobody asks again before it was silent for so long.
    assert 0.4 <= others[0].time - begun < 30
    record("a stalled socket", 1, "arrives")


@BOTH
def test_a_server_that_never_answers(server, tmp_path, record, data):
    server.put("/file", data, always=faults.silent)
    with tools.Remote(server.url, tmp_path / "got", read_timeout=0.2) as remote:
        source = Authenticated(f"{server.url}/file", remote.service, [])
        error = remote.fails(remote.file("/file", data, source=source), NetworkError, retries=1)
    assert error.exit_status == 5
    assert len(source.asked) == 2  # a busy server may not have seen both
    assert tools.left_over(tmp_path) == []
    record("no answer at all, always", 1, "exit 5")


@BOTH
def test_a_stall_of_one_file_does_not_hold_up_others(server, tmp_path, data):
    server.put("/silent", data, faults.silent)
    others = {f"/{number}": data[number:] for number in range(10)}
    for path, content in others.items():
        server.put(path, content)
    with tools.Remote(server.url, tmp_path / "got", read_timeout=600) as remote:
        wanted = [remote.file(path, content) for path, content in {"/silent": data, **others}.items()]
        with closing(fetch(wanted, Settings(jobs=2))) as results:
            first = {one.transfer.name: one.status for one in islice(results, len(others))}
            server.wait_for(1, "/silent")  # the others may all have been faster
    assert first == dict.fromkeys(others, "fetched")
    assert len(server.asked("/silent")) == 1


# Services that ask for patience


@BOTH
def test_a_chain_of_301_with_retry_after_parks_one_file(server, remote, record, data):
    server.put("/late", data, faults.redirect("/later", 301, retry_after=1))
    server.put("/later", data, faults.redirect("/last", 301, retry_after=0.3))
    server.put("/last", data)
    remote.arrive({"/late": data}, jobs=1)
    (late,), (later,), (last,) = map(server.asked, ("/late", "/later", "/last"))
    assert later.time - late.time >= 1
    assert last.time - later.time >= 0.3
    record("301 chains with Retry-After", 1, "arrives")


@BOTH
def test_others_go_on_while_one_is_parked(server, remote, data):
    """Over the only connection."""
    server.put("/late", data, faults.redirect("/later", 301, retry_after=300))
    others = {f"/{number}": data[number:] for number in range(10)}
    for path, content in others.items():
        server.put(path, content)
    wanted = [remote.file(path, content) for path, content in {"/late": data, **others}.items()]
    with closing(fetch(wanted, Settings(jobs=1))) as results:
        first = {one.transfer.name: one.status for one in islice(results, len(others))}
        server.wait_for(1, "/late")  # the others may all have been faster
    assert first == dict.fromkeys(others, "fetched")
    assert len(server.asked("/late")) == 1


def test_a_burst_of_429_is_one_pause(server, remote, record):
    contents = {f"/{number}": SMALL[number:] for number in range(40)} | {"/large": LARGE}
    state = {"left": 8}

    async def busy(exchange):
        state["left"] -= 1
        await (faults.status(429, retry_after=2) if state["left"] >= 0 else faults.whole)(exchange)

    for path, data in contents.items():
        server.put(path, data, always=busy)
    remote.arrive(contents, jobs=4, retries=3)
    times = [one.time - server.requests[0].time for one in server.requests]
    # Those that were under way together are one refusal; without a pause for all there would be eight.
    assert len([moment for moment in times if moment < 2]) <= 5
    assert len(times) == len(contents) + 8
    record("429 bursts", 8, "arrives")


@BOTH
def test_the_wait_that_503_asks_for_is_kept(server, remote, data):
    server.put("/file", data, faults.status(503, retry_after=0.4))
    remote.arrive({"/file": data})
    first, second = server.asked("/file")
    assert second.time - first.time >= 0.4


@pytest.mark.parametrize("code", [301, 503, 429])
def test_more_patience_than_anybody_has(server, tmp_path, code, record):
    """A file fails at once when its service asks for more waiting than the policy allows in all."""
    server.put("/file", SMALL, always=faults.redirect("/file", code, retry_after=500))
    begun = time.monotonic()
    with tools.Remote(server.url, tmp_path / "got", patience=60) as remote:
        remote.fails(remote.file("/file", SMALL), HCAError)
    assert time.monotonic() - begun < 30
    record(f"{code} with a Retry-After beyond all patience", 1, "exit 5")


# Redirects


@BOTH
def test_a_signed_address_that_expires_is_looked_up_again(server, remote, record, data):
    faults.Signer(server, "/file", data, uses=1, fault=faults.reset(len(data) // 3))
    wanted = remote.file("/file", data)
    error = remote.fails(wanted, NetworkError, retries=0)
    assert error.exit_status == 5
    server.requests.clear()
    faults.Signer(server, "/file", data, uses=1, fault=faults.halving)
    (result,) = remote.fetch(wanted, retries=20)
    remote.holds({"/file": data}, [result])
    record("302 to an expired URL", 1, "arrives")


@dataclass(frozen=True)
class Signed:
    """A source that keeps a signed address until it hears of a refusal, as a presigned URL of a listing is kept."""

    url: str
    service: Service
    signer: faults.Signer
    kept: list[str]
    asked: list[bool]

    def request(self, offset: int, *, anew: bool = False) -> Request:
        """Return the request; `anew`: with another signature."""
        self.asked.append(anew)
        if anew:
            self.kept[0] = self.signer.sign()
        return Request(self.url + self.kept[0], self.service.client.session, range_from(offset))


@BOTH
def test_a_source_is_told_that_its_address_has_expired(server, remote, record, data):
    signer = faults.Signer(server, "/file", data, uses=2, fault=faults.halving)
    source = Signed(server.url, remote.service, signer, [signer.sign()], [])
    (result,) = remote.fetch(remote.file("/file", data, source=source), retries=20)
    remote.holds({"/file": data}, [result])
    assert source.asked[:4] == [False, False, False, True]
    assert source.asked.count(True) <= len(source.asked) // 2
    record("a presigned URL that expires in the middle", 1, "arrives")


@BOTH
@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "http://nothing.invalid/x",
        "gopher://127.0.0.1/",
        "//",
        "http://[",
        "",
    ],
)
def test_redirects_that_are_not_followed(server, remote, tmp_path, record, data, location):
    server.put("/file", data, always=faults.redirect(location))
    remote.fails(remote.file("/file", data, size=None if data is SMALL else len(data)), HCAError, retries=2)
    assert tools.left_over(tmp_path) == []
    record("302 to what is not followed", 1, "one sentence")


@BOTH
def test_redirects_in_a_circle(server, remote, data, record):
    server.put("/file", data, always=faults.redirect("/file"))
    remote.fails(remote.file("/file", data), NetworkError, retries=1)
    assert len(server.requests) <= 2 * 32
    record("redirects in a circle", 1, "exit 5")


@BOTH
def test_a_token_stays_with_its_host(server, tmp_path, data):
    """It goes to the service's own origin only: another port is another one."""
    with Server() as other, tools.Remote(server.url, tmp_path / "got", token="secret-token") as remote:
        server.put("/file", data, always=faults.redirect("/near"))
        server.put("/near", data, always=faults.redirect(f"{other.url}/far"))
        other.put("/far", data)
        wanted = remote.file("/file", data)
        source = Authenticated(f"{server.url}/file", remote.service, [])
        (result,) = remote.fetch(wanted._replace(source=source))
        remote.holds({"/file": data}, [result])
        assert [one.authorized for one in server.requests] == [True, True]
        assert [one.authorized for one in other.requests] == [False]


@dataclass(frozen=True)
class Authenticated:
    """A source that needs a login; `asked` gets where each request begins."""

    url: str
    service: Service
    asked: list[int]

    def request(self, offset: int, *, anew: bool = False) -> Request:
        """Return the request."""
        self.asked.append(offset)
        return Request(self.url, self.service.client.session, range_from(offset), authenticated=True)


# Content that nobody can check


@BOTH
@pytest.mark.parametrize("tag", ["ETag", "Last-Modified"])
def test_without_a_checksum_two_objects_are_never_mixed(server, remote, record, data, tag):
    """The object behind the name changed between the two halves: what is there in the end is one of them, or none."""
    other = tools.noise(len(data), "other")
    old, new = (
        ('"old"', '"new"')
        if tag == "ETag"
        else (
            "Wed, 01 Jan 2020 00:00:00 GMT",
            "Thu, 02 Jan 2020 00:00:00 GMT",
        )
    )

    async def old_half(exchange):
        exchange.content = data
        body = await exchange.begin_answer(**{tag: old})
        await exchange.send(body[: len(body) // 2])
        exchange.hang_up()

    async def changed(exchange):
        condition = exchange.asked.headers.get("if-range")
        begin = 0 if condition not in (None, new) else exchange.begin
        await exchange.send(await exchange.begin_answer(begin, **{tag: new}))

    server.put("/file", other, old_half, always=changed)
    (result,) = remote.fetch(remote.file("/file", data, digest=None))
    if result.status == "fetched":
        assert tools.listing(remote.folder) == {"file": other}
    else:
        tools.check_failure(result, HCAError)
        assert tools.listing(remote.folder) == {}
    record("a changed object behind the name, no checksum", 1, "never mixed")


@BOTH
def test_an_answer_with_bytes_behind_its_end_harms_no_other(server, remote, record, data):
    async def chatty(exchange):
        await faults.whole(exchange)
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad" * 3)

    contents = {f"/{number}": data[number:] for number in range(6)}
    for path, content in contents.items():
        server.put(path, content, always=chatty)
    remote.arrive(contents, jobs=1)
    record("bytes behind the end of an answer", 6, "arrives")


def test_416_on_a_part_that_is_complete_already(server, remote, record):
    """Its size is not known, so only the answer tells that nothing is missing."""
    wanted = remote.file("/file", LARGE, size=None)
    tools.part_of(wanted, LARGE)
    server.put("/file", LARGE)
    (result,) = remote.fetch(wanted)
    remote.holds({"/file": LARGE}, [result])
    assert server.ranges("/file") == [f"bytes={len(LARGE)}-"]
    record("416 on a complete file", 1, "arrives")


def test_416_on_a_part_that_is_wrong(server, remote, record):
    wanted = remote.file("/file", LARGE, size=None)
    tools.part_of(wanted, bytes(len(LARGE)))
    server.put("/file", LARGE)
    (result,) = remote.fetch(wanted)
    remote.holds({"/file": LARGE}, [result])
    record("416 on a wrong part", 1, "arrives")


@BOTH
def test_a_service_that_has_another_object_now_is_not_believed(server, remote, record, data):
    server.put("/file", tools.noise(len(data), "other"))
    remote.fails(remote.file("/file", data), IntegrityError)
    assert tools.listing(remote.folder) == {}
    assert len(server.requests) == 2
    record("a changed object behind the name, always", 1, "exit 6")


def test_a_refusal_says_what_to_do(server, remote):
    server.put("/file", SMALL, always=faults.status(401))
    error = remote.fails(remote.file("/file", SMALL), ServiceError)
    assert error.exit_status == 3
    assert error.hint


def test_transfers_of_one_target_cost_one_fetch(server, remote):
    gate = faults.Gate()
    server.put("/file", SMALL, always=gate)
    wanted = remote.file("/file", SMALL)
    threading.Timer(0.1, gate.open).start()
    from hca_core.transfer import Settings, fetch

    twice = [wanted, Transfer("again", wanted.target, wanted.source, wanted.size, wanted.digest)]
    results = {one.transfer.name: one.status for one in fetch(twice, Settings(jobs=4))}
    assert results == {"/file": "fetched", "again": "present"}
    assert len(server.requests) == 1
