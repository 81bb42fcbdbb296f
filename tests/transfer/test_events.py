"""Events: which lines a program that watches a run reads, and what happens when it can't be told."""

from __future__ import annotations

import io
import json
import os
import threading
import time
from types import SimpleNamespace

import pytest

from hca_core.errors import HCAError, NotFoundError, UsageError
from hca_core.transfer import events, run
from hca_core.transfer.report import Missing, Report
from hca_core.transfer.run import Order, Total


def lines(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def ordered(path, **more) -> Order:
    return Order(events=str(path), **more)


def test_a_run_is_told_from_start_to_end(remote, server, tmp_path):
    server.put("/a", b"aaa")
    wanted = [remote.file("/a", b"aaa", link=str(tmp_path / "link")), Missing("b", NotFoundError("no b"))]
    path = tmp_path / "events"
    order = ordered(path, total=Total(2, 3))
    report = run.run(wanted, order, Report("d"), directory="d")
    start, *files, end = lines(path)
    assert all(abs(line.pop("time") - os.stat(path).st_mtime) < 60 for line in (start, *files, end))
    assert start == {"event": "start", "directory": "d", "files": 2, "bytes": 3}
    named = {line["name"]: line for line in files}
    assert named == {
        "/a": {
            "event": "file",
            "name": "/a",
            "target": wanted[0].target,
            "status": "fetched",
            "bytes": 3,
            "fetched": 3,
            "link": wanted[0].link,
            "linked": "hard",
        },
        "b": {"event": "file", "name": "b", "status": "failed", "error": "no b", "exit_status": 4},
    }
    assert (end["event"], end["report"], end["received"]) == ("end", report.document(), 3)
    assert (end["exit_status"], "error" in end) == (7, False)
    assert 0 <= end["seconds"] < 60


def test_a_file_is_written_on(tmp_path):
    path = tmp_path / "events"
    path.write_text('{"event": "mine"}\n')
    for _ in range(2):
        run.run([], ordered(path), Report(""), directory="")
    assert [line["event"] for line in lines(path)] == ["mine", "start", "end", "start", "end"]


def test_a_file_that_failed_tells_why(remote, tmp_path):
    path = tmp_path / "events"
    run.run([remote.file("/none", b"x")], ordered(path), Report(""), directory="")
    (told,) = [line for line in lines(path) if line["event"] == "file"]
    assert (told["status"], told["exit_status"]) == ("failed", 4)
    assert lines(path)[-1]["exit_status"] == 4
    assert told["error"]


def test_each_line_can_be_read_at_once(remote, server, tmp_path):
    """A watcher on a pipe gets the start before the first file has come."""
    reading, writing = os.pipe()
    hold = threading.Event()

    async def late(exchange):
        import asyncio

        await asyncio.get_running_loop().run_in_executor(None, hold.wait, 10)
        await exchange.answer(200, {}, b"a")

    server.put("/a", b"a", late)
    order = ordered(f"/dev/fd/{writing}")
    thread = threading.Thread(
        target=run.run, args=([remote.file("/a", b"a")], order, Report("")), kwargs={"directory": ""}
    )
    thread.start()
    with open(reading) as stream:
        assert json.loads(stream.readline())["event"] == "start"
        hold.set()
        assert json.loads(stream.readline())["event"] == "file"
        thread.join()
    os.close(writing)


def test_a_watcher_that_leaves_does_not_stop_the_run(remote, server, tmp_path, caplog):
    server.put("/a", b"a")
    reading, writing = os.pipe()
    path = f"/dev/fd/{writing}"
    stream = open(path, "a")  # noqa: SIM115 - handed over
    os.close(reading)
    os.close(writing)
    with caplog.at_level("WARNING", "hca"):
        report = run.run([remote.file("/a", b"a")], Order(events=stream), Report(""), directory="")
    assert report.fetched == 1
    assert [record.message for record in caplog.records] == ["no more events are written: Broken pipe"]
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_too_little_room_is_told_between_start_and_end(remote, tmp_path):
    path = tmp_path / "events"
    huge = remote.file("/huge", b"", size=10**16)
    with pytest.raises(HCAError):
        run.run([huge], ordered(path, total=Total(1, 10**16)), Report(""), directory=str(tmp_path))
    assert [(line["event"], line.get("exit_status")) for line in lines(path)] == [("start", None), ("end", 1)]


@pytest.mark.parametrize("name", ["no/such/directory/events", ".", "mine.tsv"])
def test_a_place_that_can_not_be_written_to_is_told_before_anything_is_sent(remote, server, tmp_path, name):
    (tmp_path / "mine.tsv").write_text("bundle_uuid\n")
    why = "(there is no directory|it is a directory|another file is there)"
    with pytest.raises(UsageError, match=rf"^the events can't be written to .*: {why}"):
        run.run([remote.file("/a", b"a")], ordered(tmp_path / name), Report(""), directory="")
    assert server.requests == []


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt(), 130), (NotFoundError("gone"), 4), (OSError(5, "x"), 1)]
)
def test_the_end_tells_what_broke_the_run_off(tmp_path, error, status):
    def broken():
        raise error
        yield

    path = tmp_path / "events"
    with pytest.raises(type(error)):
        run.run(broken(), ordered(path), Report(""), directory="")
    end = lines(path)[-1]
    assert (end["event"], end["exit_status"]) == ("end", status)
    assert end["error"] == ("interrupted" if status == 130 else str(error))


def test_progress_is_told_once_a_second_at_most(monkeypatch):
    stream = io.StringIO()
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(events, "time", SimpleNamespace(monotonic=lambda: clock.now, time=time.time))
    told = events.Events(stream, Report("", fetched=2))
    clock.now += 0.99
    for _ in range(1000):
        told.arrived(10)
    assert stream.getvalue() == ""
    clock.now += 0.02
    told.arrived(10)
    told.arrived(10)
    (line,) = stream.getvalue().splitlines()
    document = json.loads(line)
    document.pop("time")
    assert document == {"event": "progress", "fetched": 2, "present": 0, "failed": 0, "received": 10_010}


def test_lines_of_several_threads_stay_whole():
    stream = io.StringIO()
    told = events.Events(stream, Report(""))
    threads = [
        threading.Thread(target=lambda: [told.missing(Missing("x" * 200, NotFoundError("no"))) for _ in range(200)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([json.loads(line) for line in stream.getvalue().splitlines()]) == 800
