"""Runs as people order them: fetched, counted, dealt out, handed to executors, and broken off without a trace."""

from __future__ import annotations

import itertools
import json
import os
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from hca_core import progress
from hca_core.errors import NotFoundError, UsageError
from hca_core.transfer import Address, Settings, Transfer
from hca_core.transfer.report import Missing, Report
from hca_core.transfer.run import Order, Total, run


class Counting(progress.Bar):
    """A bar that remembers what it was told."""

    def __init__(self) -> None:
        self.bytes = self.there = self.files = 0
        self.expected: tuple[int, int] | None = None

    def __call__(self, number: int) -> None:
        self.bytes += number

    def expect(self, files: int, size: int) -> None:
        self.expected = files, size

    def done(self, size: int | None, received: int, *, failed: bool = False) -> None:
        self.files += 1
        if not failed:
            self.there += (size or 0) - received


@pytest.fixture
def wanted(remote, server):
    """Eight files on the server, of 0 to 7 bytes."""
    made = []
    for number in range(8):
        data = b"x" * number
        server.put(f"/{number}", data)
        made.append(remote.file(f"/{number}", data))
    return made


def test_what_is_wanted_is_fetched_and_counted(wanted, tmp_path):
    missing = Missing("gone", NotFoundError("no such file"))
    report = run(iter([*wanted, missing]), Order(), Report("d"), directory=str(tmp_path))
    assert (report.fetched, report.size, report.failed) == (8, 28, 1)
    assert sorted(os.listdir(tmp_path / "got")) == [str(number) for number in range(8)]
    again = run(wanted, Order(), Report("d"), directory=str(tmp_path))
    assert (again.fetched, again.present, again.size) == (0, 8, 28)


def test_what_is_missing_is_told_though_nothing_is_fetched(tmp_path):
    missing = [Missing(str(number), NotFoundError("no")) for number in range(3)]
    assert run(missing, Order(), Report(""), directory="").failed == 3


@pytest.mark.parametrize("first", [0, 3])
def test_the_bar_moves_by_the_size_of_each_file_however_it_came(wanted, tmp_path, first):
    run(wanted[:first], Order(), Report(""), directory=str(tmp_path))
    bar = Counting()
    doubled = [*wanted, *(one._replace(link=str(tmp_path / "link" / one.name[1:])) for one in wanted)]
    total = Total(16, 56)
    run(doubled, Order(bar=bar, total=total), Report(""), directory=str(tmp_path))
    assert bar.expected == (16, 56)
    assert (bar.files, bar.bytes + bar.there) == (16, 56)
    assert bar.bytes == sum(range(first, 8))


def test_a_failed_file_does_not_move_the_bar(remote, tmp_path):
    bar = Counting()
    run([remote.file("/none", b"abc")], Order(bar=bar), Report(""), directory=str(tmp_path))
    assert (bar.files, bar.there) == (1, 0)


def test_shards_are_disjoint_and_complete_wherever_they_put_their_files(remote, server, tmp_path):
    contents = {f"/{number}": f"content {number}".encode() for number in range(40)}
    for path, data in contents.items():
        server.put(path, data)
    fetched = []
    for index in (1, 2, 3):
        remote.folder = tmp_path / str(index)
        bar = Counting()
        order = Order(shard=f"{index}/3", total=Total(40, 1000), bar=bar)
        mine = [remote.file(path, data) for path, data in contents.items()]
        report = run(mine, order, Report(""), directory=str(remote.folder))
        assert bar.expected is None  # nobody knows how much of it is whose
        fetched += os.listdir(remote.folder)
        assert 0 < report.fetched < 40
    assert sorted(fetched) == sorted(path[1:] for path in contents)


def test_what_is_missing_belongs_to_one_shard_too():
    missing = [Missing(str(number), NotFoundError("no")) for number in range(20)]
    failed = [run(missing, Order(shard=f"{index}/2"), Report(""), directory="").failed for index in (1, 2)]
    assert sum(failed) == 20
    assert 0 < failed[0] < 20


def test_a_dry_run_and_other_tools_get_their_shard_only(wanted):
    told = []
    dry = [
        run(wanted, Order(shard=f"{one}/2", dry_run=True), Report(""), directory="").planned["files"] for one in (1, 2)
    ]
    for index in (1, 2):
        run(iter(wanted), Order(shard=f"{index}/2", emit="urls", write=told.append), Report(""), directory="")
    assert sum(dry) == 8
    assert sorted(told) == sorted(f"{one.source.url}\n" for one in wanted)


@pytest.mark.parametrize("shard", ["0/2", "3/2", "a/b", "env"])
def test_an_unknown_shard_is_told_before_anything_is_sent(wanted, server, shard, monkeypatch):
    for name in list(os.environ):
        if name.startswith(("SLURM_", "AWS_BATCH")):
            monkeypatch.delenv(name)
    with pytest.raises(UsageError):
        run(wanted, Order(shard=shard), Report(""), directory="")
    assert server.requests == []


def test_a_dry_run_emits_nothing(wanted):
    with pytest.raises(UsageError, match="exclude each other"):
        run(wanted, Order(dry_run=True, emit="urls", write=print), Report(""), directory="")


def test_an_executor_does_the_work(wanted, tmp_path):
    # What is handed out is pickled, and these tests have no service that another process could make a client of.
    anybodys = [one._replace(source=Address(one.source.url)) for one in wanted]
    with ThreadPoolExecutor(2) as executor:
        report = run(anybodys, Order(executor=executor, settings=Settings(jobs=2)), Report(""), directory=str(tmp_path))
    assert (report.fetched, report.size) == (8, 28)
    assert len(os.listdir(tmp_path / "got")) == 8


def test_an_unknown_executor_is_told_before_anything_is_sent(wanted, server):
    with pytest.raises(UsageError):
        run(wanted, Order(executor="slurm://x"), Report(""), directory="")
    assert server.requests == []


def test_content_counts_though_its_link_can_not_be_made(wanted, tmp_path):
    place = tmp_path / "place"
    place.write_text("somebody's work")
    linked = [one._replace(link=str(place)) for one in wanted[3:4]]
    for counts in ((1, 0), (0, 1)):
        report = run(linked, Order(), Report(""), directory=str(tmp_path))
        assert (report.fetched, report.present) == counts
        assert [failure.name for failure in report.failures] == [str(place)]
    assert place.read_text() == "somebody's work"


def test_who_interrupts_gets_no_lists(wanted, tmp_path):
    def broken():
        yield from wanted[:2]
        raise KeyboardInterrupt

    path = tmp_path / "failed"
    with pytest.raises(KeyboardInterrupt):
        run(broken(), Order(failures=str(path)), Report(""), directory=str(tmp_path))
    assert not path.exists()


def test_memory_does_not_grow_with_what_is_there(tmp_path):
    """100,000 rows of eight files that are there, as a manifest may have them."""
    import hashlib

    at = Address("http://127.0.0.1:9/")
    there = []
    for number in range(8):
        path = tmp_path / str(number)
        path.write_bytes(b"x" * number)
        there.append((str(path), number, hashlib.sha256(b"x" * number).hexdigest()))
    rows = (
        Transfer("name", target, at, size, digest)
        for target, size, digest in itertools.islice(itertools.cycle(there), 20_000)
    )
    run([Transfer("name", *there[0][:1], at, *there[0][1:])], Order(), Report(""), directory=str(tmp_path))
    tracemalloc.start()
    report = run(rows, Order(), Report(""), directory=str(tmp_path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (report.present, report.size) == (8, 28)
    assert peak < 2_000_000


def test_a_report_that_was_ordered_can_be_read_as_json(wanted, tmp_path):
    document = run(wanted, Order(), Report("d"), directory=str(tmp_path)).document()
    assert json.loads(json.dumps(document)) == document
    assert Order().fetches
    assert not Order(dry_run=True).fetches
    assert not Order(emit="curl").fetches


@pytest.mark.parametrize("below", ["", "deep/er"])
@pytest.mark.parametrize("more", [{}, {"dry_run": True}])
def test_a_file_is_no_directory(remote, server, tmp_path, below, more):
    path = tmp_path / "file"
    path.write_text("x")
    with pytest.raises(UsageError, match=rf"^nothing can be put into .*: {path} is no directory"):
        run([remote.file("/a", b"a")], Order(**more), Report(""), directory=str(path / below))
    assert server.requests == []


@pytest.mark.parametrize("instead", [{"dry_run": True}, {"emit": "urls", "write": print}])
@pytest.mark.parametrize("name", ["events", "failures", "executor"])
def test_what_only_a_run_that_fetches_has(tmp_path, instead, name):
    with pytest.raises(UsageError, match=f"^{name} are for a run that fetches" if name != "executor" else "executor"):
        run([], Order(**instead, **{name: "x"}), Report(""), directory=str(tmp_path))
