"""Sources that know another one for the same bytes, and sources that must not be asked too often."""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pytest
import transfer_faults as faults
import transfer_tools as tools

from hca_core import http
from hca_core.errors import HCAError, IntegrityError, NetworkError, ServiceError
from hca_core.transfer import Address, Settings, Source, fetch

SMALL = tools.noise(70_001, "small")
LARGE = tools.noise(3 * tools.MEBIBYTE + 17, "large")
BOTH = pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])


@dataclass
class First:
    """A source that names another one; `told` has the errors that it did so for."""

    address: Address
    other: Source | None
    told: list[HCAError] = field(default_factory=list)

    def request(self, offset, *, anew=False):
        return self.address.request(offset, anew=anew)

    def elsewhere(self, error):
        self.told.append(error)
        return self.other


@pytest.fixture
def chain(server, remote):
    """A function that makes the transfer of `data` from /first, or else from /second."""

    def make(data: bytes, *first, then: tuple = (), other: bool = True):
        server.put("/first", data, *first)
        server.put("/second", data, *then)
        second = Address(f"{server.url}/second", remote.service) if other else None
        source = First(Address(f"{server.url}/first", remote.service), second)
        return remote.file("/file", data, source=source), source

    return make


@BOTH
def test_the_first_source_is_enough(server, remote, chain, data):
    wanted, source = chain(data)
    remote.holds({"/file": data}, remote.fetch(wanted))
    assert source.told == []
    assert {one.path for one in server.requests} == {"/first"}


@BOTH
@pytest.mark.parametrize("code", [400, 404, 410])
def test_what_one_source_does_not_have_comes_from_the_other(server, remote, chain, data, code):
    wanted, source = chain(data, *[faults.status(code)] * 9)
    remote.holds({"/file": data}, remote.fetch(wanted))
    assert [one.path for one in server.requests] == ["/first", "/second"]
    assert [error.code for error in source.told] == [code]


@BOTH
def test_wrong_bytes_are_not_asked_for_again(server, remote, chain, data, caplog):
    wanted, source = chain(data, faults.content(bytes(len(data))))
    remote.holds({"/file": data}, remote.fetch(wanted))
    assert caplog.messages == []  # nothing of them is left that would be found wrong once more
    assert [(one.path, one.range) for one in server.requests] == [("/first", None), ("/second", None)]
    assert [type(error) for error in source.told] == [IntegrityError]


@BOTH
def test_what_came_from_the_first_is_kept(server, remote, chain, data):
    """After bytes arrived failures count anew: three more in a row, then the rest comes from the second."""
    wanted, _ = chain(data, faults.close(len(data) // 2), *[faults.status(503)] * 9)
    remote.holds({"/file": data}, remote.fetch(wanted))
    last = server.requests[-1]
    begin = int(last.range.removeprefix("bytes=").rstrip("-"))
    assert last.path == "/second"
    assert 0 < begin <= len(data) // 2


@BOTH
def test_failures_between_bytes_are_not_in_a_row(server, remote, chain, data):
    faulty = (faults.drop, faults.drop, faults.close(len(data) // 2), faults.drop)
    wanted, source = chain(data, *faulty)
    remote.holds({"/file": data}, remote.fetch(wanted))
    assert {one.path for one in server.requests} == {"/first"}
    assert source.told == []


def test_three_failures_in_a_row_are_enough(server, remote, chain):
    wanted, source = chain(SMALL, *[faults.drop] * 9)
    remote.holds({"/file": SMALL}, remote.fetch(wanted))
    assert [one.path for one in server.requests] == ["/first"] * 3 + ["/second"]
    assert len(source.told) == 1


@pytest.mark.parametrize(("code", "retry_after"), [(429, None), (429, 0), (503, 0)])
def test_a_service_that_asks_for_a_wait_gets_it(server, remote, chain, code, retry_after):
    wanted, source = chain(SMALL, *[faults.status(code, retry_after=retry_after)] * 5)
    remote.holds({"/file": SMALL}, remote.fetch(wanted))
    assert source.told == []
    assert {one.path for one in server.requests} == {"/first"}


def test_but_not_for_ever(server, remote, chain):
    wanted, _ = chain(SMALL, *[faults.status(429)] * 9)
    remote.holds({"/file": SMALL}, remote.fetch(wanted, retries=5))
    assert [one.path for one in server.requests] == ["/first"] * 6 + ["/second"]


def test_a_source_without_another_is_tried_as_often_as_all_are(server, remote, chain):
    wanted, source = chain(SMALL, *[faults.status(503)] * 6, other=False)
    remote.holds({"/file": SMALL}, remote.fetch(wanted))
    assert len(server.requests) == 7
    assert len(source.told) == 4  # from the third failure on


def test_the_second_source_has_all_its_patience(server, remote, chain):
    wanted, _ = chain(SMALL, faults.status(404), then=[faults.status(503)] * 10)
    remote.holds({"/file": SMALL}, remote.fetch(wanted))


@BOTH
def test_what_no_source_has_is_told_in_the_words_of_the_last(remote, chain, data):
    wanted, _ = chain(data, *[faults.status(404)] * 2, then=[faults.status(410)] * 2)
    error = remote.fails(wanted, ServiceError)
    assert error.code == 410


def test_wrong_bytes_of_the_last_source_are_asked_for_once_more(server, remote, chain):
    wrong = faults.content(bytes(len(SMALL)))
    wanted, _ = chain(SMALL, faults.status(404), then=[wrong])
    remote.holds({"/file": SMALL}, remote.fetch(wanted))
    assert [one.path for one in server.requests] == ["/first", "/second", "/second"]


def half_of(data: bytes):
    """Return a fault: wrong bytes, of which only half come."""

    async def do(exchange):
        exchange.content = bytes(len(data))
        await faults.close(len(data) // 2)(exchange)

    return do


@BOTH
def test_a_source_is_not_blamed_for_the_bytes_of_another(server, remote, data, caplog):
    """The first sends wrong bytes and breaks off; the second is right, and the third has nothing."""
    server.put("/first", data, half_of(data), *[faults.status(404)] * 9)
    server.put("/second", data)
    server.put("/third", data, *[faults.status(404)] * 9)
    third = Address(f"{server.url}/third", remote.service)
    second = First(Address(f"{server.url}/second", remote.service), third)
    first = First(Address(f"{server.url}/first", remote.service), second)
    remote.holds({"/file": data}, remote.fetch(remote.file("/file", data, source=first)))
    assert second.told == []
    assert len(caplog.messages) == 1
    assert "once more from the beginning" in caplog.messages[0]


def test_what_an_earlier_run_left_is_not_the_sources_fault(server, remote, chain):
    """A part that is wrong is noticed in the end, and the first source is asked once more for all of it."""
    wanted, source = chain(LARGE)
    server.put("/first", LARGE, half_of(LARGE), *[faults.drop] * 9)
    plain = wanted._replace(source=source.address)
    remote.fails(plain, NetworkError, retries=0)
    server.put("/first", LARGE)
    remote.holds({"/file": LARGE}, remote.fetch(wanted))
    assert source.told == []


@BOTH
def test_a_place_that_can_not_be_is_no_reason_to_ask_elsewhere(server, remote, chain, data):
    wanted, source = chain(data)
    Path(wanted.target).parent.write_bytes(b"no folder")
    (result,) = remote.fetch(wanted)
    assert (result.status, type(result.error)) == ("failed", HCAError)
    assert source.told == []
    assert {one.path for one in server.requests} <= {"/first"}


@dataclass
class Turns:
    """A source with a turn: it says how long to wait, from a list, then 0."""

    address: Address
    waits: list[float]
    asked: list[float] = field(default_factory=list)
    requested: list[float] = field(default_factory=list)

    def turn(self):
        self.asked.append(time.monotonic())
        return self.waits.pop(0) if self.waits else 0.0

    def request(self, offset, *, anew=False):
        self.requested.append(time.monotonic())
        return self.address.request(offset, anew=anew)


@BOTH
def test_a_file_waits_for_its_turn(server, remote, data):
    server.put("/file", data)
    source = Turns(Address(f"{server.url}/file", remote.service), [0.05, 0.05])
    remote.holds({"/file": data}, remote.fetch(remote.file("/file", data, source=source)))
    assert len(source.asked) == 3
    assert source.requested[0] - source.asked[0] >= 0.1
    assert len(server.requests) == 1


def test_others_go_on_while_one_waits(server, remote):
    """With a single connection, which a file that waits does not keep."""
    source = Turns(Address(f"{server.url}/slow", remote.service), [3600.0])
    server.put("/slow", SMALL)
    slow = remote.file("/slow", SMALL, source=source)
    others = [remote.file(f"/{number}", SMALL) for number in range(5)]
    for one in others:
        server.put(one.name, SMALL)
    with closing(fetch([slow, *others], Settings(jobs=1))) as results:
        first = list(islice(results, len(others)))
    assert {(one.transfer.name, one.status) for one in first} == {(one.name, "fetched") for one in others}


def test_a_redirect_is_no_new_turn(server, remote):
    server.put("/file", SMALL, faults.redirect("/there"))
    server.put("/there", SMALL)
    source = Turns(Address(f"{server.url}/file", remote.service), [])
    remote.holds({"/file": SMALL}, remote.fetch(remote.file("/file", SMALL, source=source)))
    assert len(source.asked) == 1


@BOTH
def test_a_part_that_is_gone_is_no_fault_of_the_source(server, remote, chain, data, monkeypatch):
    """Another download to the same place tidied up: the file is fetched once more, from the same source."""
    replace, times = os.replace, iter([True])

    def removed_once(part, target):
        if next(times, False):
            os.unlink(part)
        replace(part, target)

    monkeypatch.setattr(os, "replace", removed_once)
    wanted, source = chain(data)
    remote.holds({"/file": data}, remote.fetch(wanted))
    assert [one.path for one in server.requests] == ["/first", "/first"]
    assert source.told == []


def test_what_goes_wrong_at_the_end_of_a_pause_ends_that_file_only(server, remote):
    """With a rate libcurl holds bytes back; that they can't be taken shows while it goes on with them."""
    server.put("/file", LARGE, *[faults.unmeasured()] * 9)
    server.put("/other", SMALL)
    wanted = remote.file("/file", LARGE[:-1], digest=tools.sha256(LARGE[:-1]))
    results = remote.fetch(wanted, remote.file("/other", SMALL), max_rate=10_000_000)
    assert [one.status for one in results] == ["failed", "fetched"]
    assert isinstance(results[0].error, IntegrityError)


def test_a_wait_that_a_service_asks_for_is_told_once(server, remote, caplog, monkeypatch):
    monkeypatch.setattr(http, "_SAME_TROUBLE_SECONDS", 600)  # on a busy machine the first wait may end before others
    files = [remote.file(f"/{number}", SMALL) for number in range(6)]
    for one in files:
        server.put(one.name, SMALL, faults.status(429, retry_after=1))
    with caplog.at_level("INFO"):
        assert {one.status for one in remote.fetch(*files)} == {"fetched"}
    assert [message.split("; ")[1] for message in caplog.messages] == ["waiting 1 s"]


@dataclass
class Named(First):
    """A source that says what it is."""

    origin: str = "near"


@BOTH
def test_the_result_tells_where_the_bytes_came_from(server, remote, chain, data):
    transfer, source = chain(data, faults.status(404))
    far = Named(source.other, None, origin="far")
    (result,) = fetch([transfer._replace(source=Named(source.address, far))])
    assert (result.origin, result.transfer.source.origin) == ("far", "near")
    (again,) = fetch([transfer])
    assert (again.status, again.origin) == ("present", "")


def test_a_service_that_asks_for_a_wait_keeps_only_its_own_files(server, remote):
    """Other places have nothing to do with it; files that the same service is not asked for yet wait too."""
    near = [remote.file(f"/{number}", SMALL) for number in range(40)]
    slow = [remote.file(f"/slow/{number}", SMALL) for number in range(20)]
    for one in near:
        server.put(one.name, SMALL)
    for one in slow:
        server.put(one.name, SMALL, faults.status(429, retry_after=600))
    wanted = [one._replace(source=Named(Address(server.url + one.name, remote.service), None, origin=origin))
              for one, origin in [*((one, "far") for one in slow), *((one, "near") for one in near)]]  # fmt: skip
    with closing(fetch(wanted, Settings(jobs=2, time_limit=30))) as results:
        assert {one.status for one in islice(results, len(near))} == {"fetched"}
    assert len(server.asked()) <= len(near) + 2
