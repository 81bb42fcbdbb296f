"""The file of failures: what it holds, when it is there, and what is refused in its place."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from hca_core.errors import NetworkError, NotFoundError, UsageError
from hca_core.transfer import Address, Result, Transfer, failures
from hca_core.transfer.report import Missing, Report
from hca_core.transfer.run import Order, run


@dataclass(frozen=True)
class Known(Address):
    def row(self):
        return {"service": "weather", "day": 3}


MISSING = Missing("b", NotFoundError("no b"), {"service": "weather", "day": 4})


def failed(source=None, **more) -> Result:
    transfer = Transfer("a", "store/a", source or Known("http://user:secret@h/"), 3, "ab", link="x/a", **more)
    return Result(transfer, "failed", error=NetworkError("away"))


def test_a_line_has_what_is_needed_to_ask_again_and_no_address(tmp_path):
    path = tmp_path / "failed"
    with failures.opened(str(path)) as lost:
        lost.add(failed())
        lost.add(failed(Address("http://h/")))
        lost.missing(MISSING)
        assert not path.exists()
    row = {"name": "a", "size": 3, "sha256": "ab", "link": "x/a", "service": "weather", "day": 3}
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"name": "x/a", "error": "away", "exit_status": 5, "row": row},
        {"name": "x/a", "error": "away", "exit_status": 5, "row": {}},
        {"name": "b", "error": "no b", "exit_status": 4, "row": {"service": "weather", "day": 4}},
    ]
    assert "secret" not in path.read_text()


def test_what_nobody_can_ask_for_again_is_told(tmp_path):
    path = tmp_path / "failed"
    with failures.opened(str(path)) as lost:
        lost.missing(MISSING)
        lost.add(failed(Address("http://h/")))
    rows = failures.rows(str(path))
    assert list(rows) == [MISSING.row, {"name": "x/a"}]


def test_it_is_there_only_if_something_failed(tmp_path):
    path = tmp_path / "failed"
    with failures.opened(str(path)):
        pass
    assert not path.exists()
    with failures.opened(str(path)) as lost:
        lost.missing(MISSING)
    with failures.opened(str(path)):
        pass
    assert os.listdir(tmp_path) == []


def test_one_that_is_being_read_can_be_written_anew(tmp_path):
    path = tmp_path / "failed"
    with failures.opened(str(path)) as lost:
        lost.missing(MISSING)
        lost.missing(MISSING)
    with failures.opened(str(path)) as lost:
        for row in failures.rows(str(path)):
            lost.missing(Missing("again", NetworkError("away"), row))
    assert len(list(failures.rows(str(path)))) == 2


def test_a_run_that_breaks_off_leaves_it_as_it_was(tmp_path):
    path = tmp_path / "failed"
    path.write_text(json.dumps({"name": "old", "row": {"x": 1}}) + "\n")

    def broken():
        yield MISSING
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(broken(), Order(failures=str(path)), Report(""), directory="")
    assert list(failures.rows(str(path))) == [{"x": 1}]
    assert os.listdir(tmp_path) == ["failed"]


def test_a_run_lists_what_failed(remote, server, tmp_path):
    server.put("/a", b"a")
    wanted = [
        remote.file("/a", b"a"),
        remote.file("/b", b"b", source=Known(remote.url + "/b", remote.service)),
        MISSING,
    ]
    path = tmp_path / "failed"
    report = run(wanted, Order(failures=str(path)), Report(""), directory="")
    assert (report.fetched, report.failed) == (1, 2)
    assert {row["day"] for row in failures.rows(str(path))} == {3, 4}


@pytest.mark.parametrize(
    "content", ["my notes\n", "{}\n", '{"name": "a"}\n', "[1]\n", '{"name": 1, "row": {}}\n', "\xff"]
)
def test_another_file_is_not_overwritten_and_not_read(tmp_path, content):
    path = tmp_path / "failed"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(UsageError, match="another file is there; name another one, or move it away"):
        run([MISSING], Order(failures=str(path)), Report(""), directory="")
    assert path.read_bytes() == content.encode("latin-1")
    with pytest.raises(UsageError, match=r"line 1: no failure of a download|is not UTF-8 text"):
        list(failures.rows(str(path)))


def test_a_directory_is_no_place_for_it(tmp_path):
    with pytest.raises(UsageError, match="it is a directory"):
        run([], Order(failures=str(tmp_path)), Report(""), directory="")


@pytest.mark.parametrize("name", ["no/directory/failed", "missing"])
def test_one_that_can_not_be_read_or_written(tmp_path, name):
    path = tmp_path / name
    with pytest.raises(UsageError, match=r"^the failures .* can't be read: No such file"):
        list(failures.rows(str(path)))
    if name == "missing":
        return
    with pytest.raises(UsageError, match="there is no directory"):
        run([], Order(failures=str(path)), Report(""), directory="")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_ends_neither_the_run_nor_its_report(remote, server, caplog):
    server.put("/a", b"a")
    wanted = [*[MISSING] * 200, remote.file("/a", b"a"), MISSING]
    report = run(wanted, Order(failures="/dev/full"), Report(""), directory="")
    assert (report.fetched, report.failed) == (1, 201)
    assert [record.getMessage() for record in caplog.records] == [
        "the failures can't be written to /dev/full: No space left on device"
    ]


def test_they_are_not_read_from_a_pipe():
    reading, writing = os.pipe()
    os.close(writing)
    with pytest.raises(UsageError, match="is a pipe, but failures are read more than once"):
        list(failures.rows(f"/dev/fd/{reading}"))
    os.close(reading)


def test_a_pipe_gets_the_failures_and_stays(tmp_path):
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(Path(path).read_text()))
    reader.start()
    run([MISSING], Order(failures=path), Report(""), directory="")
    reader.join(60)
    assert json.loads(read[0])["row"] == MISSING.row
    run([], Order(failures=path), Report(""), directory="")
    assert os.path.exists(path)


def test_a_line_without_end_does_not_fill_memory(tmp_path):
    path = tmp_path / "failed"
    with open(path, "wb") as stream:
        stream.truncate(10**9)
    with pytest.raises(UsageError, match="line 1"):
        list(failures.rows(str(path)))
    assert Path(path).stat().st_size == 10**9
