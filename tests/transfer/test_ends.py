"""How transfers end: files that others finish or remove meanwhile, signals, generators that are closed, errors."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
import transfer_faults as faults
import transfer_tools as tools
from waiting import until

from hca_core.errors import HCAError, IntegrityError
from hca_core.transfer import Settings, fetch, seal

MEBIBYTE = tools.MEBIBYTE
SMALL = tools.noise(70_001, "small")
LARGE = tools.noise(3 * MEBIBYTE + 17, "large")
BOTH = pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])


@BOTH
def test_a_file_that_another_process_finished_meanwhile_is_kept(server, remote, data):
    wanted = remote.file("/file", data)
    inodes = []

    def finish() -> None:
        path = tools.on_disk(wanted, data)
        seal.put(path, len(data), wanted.digest)
        inodes.append(path.stat().st_ino)

    server.put("/file", data, faults.then(finish))
    remote.holds({"/file": data}, remote.fetch(wanted))
    assert [os.stat(wanted.target).st_ino] == inodes


@BOTH
@pytest.mark.parametrize("finished", [True, False])
def test_a_part_that_somebody_removed(server, remote, monkeypatch, data, finished):
    """Another process tidied up after it finished the file; if it did not, the file is fetched once more."""
    wanted = remote.file("/file", data)

    def replace(part, target):
        os.unlink(part)
        if finished:
            Path(target).write_bytes(data)
        raise FileNotFoundError(2, "No such file or directory", part)

    server.put("/file", data)
    monkeypatch.setattr(os, "replace", replace)
    if finished:
        remote.holds({"/file": data}, remote.fetch(wanted))
    else:
        assert "removed by another program" in str(remote.fails(wanted, IntegrityError))
        assert len(server.asked("/file")) == 2


@BOTH
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_end_of_a_process_that_waits_for_a_silent_server(server, remote, tmp_path, data, number):
    server.put("/file", data, faults.stall(len(data) // 2))
    with tools.Nursery(server.url, tmp_path / "errors") as nursery:
        process = nursery.start(remote.folder, {"/file": data})
        server.wait_for(1)
        if data is LARGE:
            until(lambda: sum(map(len, tools.listing(remote.folder).values())) >= len(data) // 2)
        begun = time.monotonic()
        os.kill(process, number)
        assert nursery.wait(process) == (130 if number == signal.SIGINT else -number)
        assert time.monotonic() - begun < 15
        assert nursery.said() == ""
    remote.arrive({"/file": data})
    assert server.ranges("/file") == [None, f"bytes={len(data) // 2}-" if data is LARGE else None]


@BOTH
def test_a_generator_that_is_closed_stops_everything(server, remote, data):
    gate, first = faults.Gate(), faults.Gate()
    server.put("/first", SMALL, always=first)
    names = [f"/{number}" for number in range(50)]
    for name in names:
        server.put(name, data, always=gate)
    before = set(threading.enumerate())
    held, *others = (remote.file(name, data) for name in names)

    def transfers():
        yield from (held, remote.file("/first", SMALL))
        server.wait_for(1, "/first")  # or two of those that are held might have both connections
        yield others[0]
        first.open()  # not before: while nobody takes the next result, nothing more is begun
        yield from others[1:]

    results = fetch(transfers(), Settings(jobs=2))
    assert next(results).transfer.name == "/first"
    server.wait_for(3)  # with one more both connections are busy, so nothing else is on its way
    results.close()
    until(lambda: set(threading.enumerate()) <= before)
    gate.open()
    assert len(server.requests) == 3
    assert set(tools.listing(remote.folder)) - set(tools.left_over(remote.folder)) == {"first"}


def test_an_event_that_is_set_stops_everything(server, remote):
    server.put("/file", SMALL, always=faults.silent)
    stopped = threading.Event()
    threading.Timer(0.2, stopped.set).start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(fetch([remote.file("/file", SMALL)], Settings(), stopped=stopped))
    assert time.monotonic() - begun < 15


def test_an_error_of_what_gives_transfers_is_passed_on(server, remote):
    def transfers():
        yield remote.file("/file", SMALL)
        raise ZeroDivisionError

    server.put("/file", SMALL)
    with pytest.raises(ZeroDivisionError):
        list(fetch(transfers()))


@BOTH
def test_an_error_of_a_source_is_the_failure_of_its_file(server, remote, data):
    class Refuses:
        def request(self, offset, *, anew=False):
            raise HCAError("there is no such file any more")

    server.put("/file", data)
    wanted = [remote.file("/bad", data, source=Refuses()), remote.file("/file", data)]
    bad, good = remote.fetch(*wanted)
    tools.check_failure(bad, HCAError)
    assert str(bad.error) == "there is no such file any more"
    assert good.status == "fetched"
