"""Transfers handed to executors: threads, processes that are killed, executors that lose what they were given."""

from __future__ import annotations

import heapq
import logging
import multiprocessing
import os
import queue
import shutil
import signal
import sys
import threading
import tracemalloc
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import transfer_faults as faults
from transfer_tools import Remote, listing, noise, sha256
from waiting import until

from hca_core.errors import HCAError, IntegrityError, NetworkError, ServiceNotFoundError, UsageError
from hca_core.testing import LoopbackService
from hca_core.transfer import Address, Settings, Transfer, batches, spread
from hca_core.transfer.spread import executor_of, fetch_with

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from transfer_server import Server

    from hca_core.transfer import Result

QUICK = Settings(jobs=4, retries=2, min_delay=0.001)


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    """Two processes that share nothing with this one."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def many(server: Server, remote: Remote, number: int, size: int = 300) -> tuple[list[Transfer], dict[str, bytes]]:
    """Put files on the server; return their transfers, and what they are by path."""
    contents = {f"/{n % 7}/file-{n}": noise(size + n, n) for n in range(number)}
    for path, content in contents.items():
        server.put(path, content)
    # Without the session of the test, which stays in this process.
    return [remote.file(path, data, source=Address(server.url + path)) for path, data in contents.items()], contents


def check(folder: Path, contents: dict[str, bytes]) -> None:
    """Check that these files, and no others, are in a folder, hidden ones too."""
    assert listing(folder) == {path.removeprefix("/"): data for path, data in contents.items()}


class Own(Executor):
    """An executor that answers as a test wants it: `answer(call)` gives a value, or raises."""

    def __init__(self, answer: Callable[[Callable[[], Any]], Any]) -> None:
        self.answer = answer
        self.payloads: list[bytes] = []
        self.unique: list[str] = []

    def submit(self, fn: Any, /, *arguments: Any, **keywords: Any) -> Future[Any]:
        self.payloads.append(arguments[0])
        self.unique.append(arguments[1])
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(self.answer(lambda: fn(*arguments, **keywords)))
        except BaseException as error:
            future.set_exception(error)
        return future


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_everything_arrives_and_every_transfer_has_its_result(
    kind: str, server: Server, remote: Remote, request: pytest.FixtureRequest
) -> None:
    transfers, contents = many(server, remote, 150)
    arrived: list[int] = []
    results = list(fetch_with(request.getfixturevalue(kind), transfers, QUICK, on_bytes=arrived.append))
    check(remote.folder, contents)
    assert {result.status for result in results} == {"fetched"}
    # Its own transfer, not a copy that came back from the worker.
    assert sorted(map(id, (result.transfer for result in results))) == sorted(map(id, transfers))
    assert sum(arrived) == sum(result.fetched for result in results) == sum(map(len, contents.values()))
    assert 2 < len(arrived) < 20
    before = len(server.requests)
    again = list(fetch_with(request.getfixturevalue(kind), iter(transfers), QUICK, on_bytes=arrived.append))
    assert {result.status for result in again} == {"present"}
    assert len(server.requests) == before


def test_nothing_to_do_is_done_without_the_executor() -> None:
    assert list(fetch_with(Own(lambda call: 1 / 0), [])) == []


def test_workers_have_other_current_directories_and_make_the_links(
    server: Server, processes: ProcessPoolExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(processes.map(os.chdir, ["/"] * 4))
    monkeypatch.chdir(tmp_path)
    data = noise(5000, "linked")
    server.put("/data", data)
    wanted = Transfer("data", "store/data", Address(f"{server.url}/data"), 5000, sha256(data), link="names/data")
    (result,) = fetch_with(processes, [wanted], QUICK)
    assert (result.transfer is wanted, result.status, result.linked) == (True, "fetched", "hard")
    assert Path("names/data").read_bytes() == data
    assert os.path.samefile("names/data", "store/data")


@dataclass(frozen=True)
class Place(Address):
    """A source that says what it is."""

    origin: str = "near"


def test_workers_tell_where_the_bytes_came_from(server: Server, threads: Executor, tmp_path: Path) -> None:
    server.put("/data", b"data")
    wanted = Transfer("data", str(tmp_path / "data"), Place(f"{server.url}/data"), 4, sha256(b"data"))
    assert [result.origin for result in fetch_with(threads, [wanted], QUICK)] == ["near"]


def test_failures_come_back_as_the_errors_that_they_are(
    server: Server, remote: Remote, processes: ProcessPoolExecutor
) -> None:
    right = noise(1000, "right")
    server.put("/right", right)
    server.put("/wrong", right)
    names = {"/right": right, "/lost": right, "/wrong": noise(1000, "wrong")}
    wanted = [remote.file(path, data, source=Address(server.url + path)) for path, data in names.items()]
    results = {result.transfer.name: result for result in fetch_with(processes, wanted, QUICK)}
    assert results["/right"].status == "fetched"
    lost, wrong = results["/lost"].error, results["/wrong"].error
    assert isinstance(lost, ServiceNotFoundError)
    assert (lost.code, lost.exit_status, lost.response) == (404, 4, None)
    assert "HTTP 404, GET /lost" in str(lost)
    assert isinstance(wrong, IntegrityError)
    assert wrong.exit_status == 6


def test_content_that_is_wanted_often_is_fetched_once(server: Server, remote: Remote, threads: Executor) -> None:
    """Also where those who want it are in different batches, which different workers have at once."""
    transfers, contents = many(server, remote, 40)
    gate = faults.Gate()
    shared = noise(999, "shared")
    server.put("/shared", shared, gate)
    one = remote.file("/shared", shared, source=Address(f"{server.url}/shared"))
    names = [one._replace(name=f"n{n}", link=f"{remote.folder}/n{n}") for n in range(40)]
    mixed = [transfer for pair in zip(names, transfers, strict=True) for transfer in pair]
    results: list[Result] = []
    for result in fetch_with(threads, mixed, QUICK):
        results.append(result)
        if len(results) > 20:
            gate.open()  # others are done while the first one is still on its way
    assert len(server.ranges("/shared")) == 1
    assert [result.status for result in results].count("fetched") == 41
    check(remote.folder, {**contents, "/shared": shared, **{f"/n{n}": shared for n in range(40)}})


def test_what_waits_for_others_is_bounded() -> None:
    one = Transfer("a", "a", Address("http://localhost/"))
    cut = batches.Batches(iter([one] * (batches.MOST_HELD + 100)))
    first = cut.next()
    assert first
    assert len(first.transfers) == 16
    more = cut.next()
    assert more
    assert {transfer.name for transfer in more.transfers} == {"a"}


def test_batches_grow_and_have_limits() -> None:
    small = (Transfer(str(n), str(n), Address("http://localhost/"), 10) for n in range(20_000))
    cut = batches.Batches(small)
    sizes = []
    while batch := cut.next():
        sizes.append(len(batch.transfers))
    assert sizes[:4] == [16] * 4
    assert sizes == [*sorted(sizes[:-1]), sizes[-1]]
    assert max(sizes) == 256
    assert sum(sizes) == 20_000

    gibibyte = 1024**3
    large = [Transfer(str(n), str(n), Address("http://localhost/"), gibibyte // 10) for n in range(7)]
    large.insert(2, large[0]._replace(name="huge", target="huge", size=2 * gibibyte))
    cut = batches.Batches(large)
    found = []
    while batch := cut.next():
        found.append([transfer.name for transfer in batch.transfers])
    assert found == [["0", "1"], ["huge"], ["2", "3"], ["4", "5"], ["6"]]


def present(call: Callable[[], Any]) -> spread.Outcome:
    raise NotImplementedError


def test_a_million_is_pulled_as_it_is_needed_in_constant_memory() -> None:
    """Here 6,000, handed to an executor that says that all is there."""
    import pickle

    pulled = done = most = 0

    def transfers() -> Iterator[Transfer]:
        nonlocal pulled
        for n in range(6_000):
            pulled += 1
            yield Transfer(f"file-{n}", f"/data/{n}", Address(f"http://localhost/{n}"), 10, "ab" * 32)

    class Instant(Own):
        def submit(self, fn: Any, /, *arguments: Any, **keywords: Any) -> Future[Any]:
            number = len(pickle.loads(arguments[0])[0])
            told = [spread.Told(n, "present", 0, "", None) for n in range(number)]
            future: Future[Any] = Future()
            future.set_result(spread.Outcome(told, None, "here", 0.0))
            return future

    tracemalloc.start()
    for _ in fetch_with(Instant(present), transfers()):
        done += 1
        most = max(most, pulled - done)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert done == 6_000
    assert most <= 16 * 256
    assert peak < 8_000_000


class Simulated(Executor):
    """Workers that need a second for each batch, by a clock of their own; it goes on when somebody waits for one."""

    def __init__(self, workers: int) -> None:
        self.now = 0.0
        self.highest = 0
        self._free = [0.0] * workers  # when each of them is
        self._out: list[tuple[float, int, Future[Any]]] = []

    def submit(self, fn: Any, /, *arguments: Any, **keywords: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        ends = max(self.now, heapq.heappop(self._free)) + 1.0
        heapq.heappush(self._free, ends)
        heapq.heappush(self._out, (ends, id(future), future))
        self.highest = max(self.highest, len(self._out))
        return future

    def go_on(self) -> None:
        """Let the next batch be done."""
        self.now, _, future = heapq.heappop(self._out)
        future.set_result(spread.Outcome([], None, "here", 1.0))


@pytest.mark.parametrize(("workers", "least", "most"), [(1, 16, 17), (40, 41, 176)])
def test_as_much_is_out_as_keeps_all_workers_busy(
    workers: int, least: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Simulated(workers)

    class Done(queue.SimpleQueue[Future[Any]]):
        def get(self, block: bool = True, timeout: float | None = None) -> Future[Any]:
            pool.go_on()
            return super().get(block, timeout)

    monkeypatch.setattr(spread, "queue", SimpleNamespace(SimpleQueue=Done, Empty=queue.Empty))
    monkeypatch.setattr(spread, "time", SimpleNamespace(time=lambda: pool.now, monotonic=lambda: pool.now))
    # Each is a batch of its own.
    sizes = [batches.MOST_BYTES] * (20 if workers == 1 else 400)
    list(
        fetch_with(pool, (Transfer(str(n), str(n), Address("http://localhost/"), size) for n, size in enumerate(sizes)))
    )
    assert least <= pool.highest <= most
    assert pool.now <= len(sizes) / workers + 10  # nobody waited for work


def test_a_killed_process_ends_the_run_with_one_sentence_and_what_is_done_is_kept(
    server: Server, remote: Remote
) -> None:
    transfers, contents = many(server, remote, 100)
    done: list[Result] = []
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:

        def kill() -> None:
            os.kill(next(iter(pool._processes)), signal.SIGKILL)

        path = transfers[70].name
        server.put(path, contents[path], faults.then(kill))
        with pytest.raises(HCAError, match="a worker process died") as broken:
            done.extend(fetch_with(pool, transfers, QUICK))
        assert "\n" not in str(broken.value)
        assert "run it again" in str(broken.value.hint)
        with pytest.raises(HCAError, match="a worker process died"):  # a pool that is broken already
            list(fetch_with(pool, transfers, QUICK))
    assert all(result.status == "fetched" for result in done)
    assert done
    with ThreadPoolExecutor(2) as other:
        again = list(fetch_with(other, transfers, QUICK))
    assert sum(result.status == "present" for result in again) >= len(done)
    check(remote.folder, contents)


def test_a_batch_whose_worker_is_lost_is_given_to_another(
    server: Server, remote: Remote, caplog: pytest.LogCaptureFixture
) -> None:
    transfers, contents = many(server, remote, 40)
    losses = iter([True, True, True, False, True, False])

    def flaky(call: Callable[[], Any]) -> Any:
        if next(losses, False):
            raise LookupError("the node is gone")
        return call()

    executor = Own(flaky)
    results = list(fetch_with(executor, transfers, QUICK))
    assert [result.status for result in results] == ["fetched"] * 40
    check(remote.folder, contents)
    assert sum("a worker was lost (LookupError: the node is gone)" in line for line in caplog.messages) == 4
    assert len(set(executor.unique)) == len(executor.unique) == 7


def test_files_whose_workers_are_lost_again_and_again_fail_and_the_others_go_on(server: Server, remote: Remote) -> None:
    transfers, contents = many(server, remote, 40)
    poison = transfers[20].name

    def dying(call: Callable[[], Any]) -> Any:
        if poison.encode() in executor.payloads[-1]:
            raise LookupError("no more")
        return call()

    executor = Own(dying)
    results = list(fetch_with(executor, transfers, QUICK))
    assert len(results) == 40
    failed = [result for result in results if result.status == "failed"]
    assert [result.transfer for result in failed] == transfers[16:32]
    assert all(isinstance(result.error, NetworkError) for result in failed)
    assert "lost 4 times (LookupError: no more)" in str(failed[0].error)
    assert len(executor.payloads) == 3 - 1 + 4
    check(remote.folder, {path: data for path, data in contents.items() if (remote.folder / path[1:]).exists()})
    assert len(listing(remote.folder)) == 24


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (ModuleNotFoundError("No module named 'hca_core'"), "a worker lacks a package"),
        (RuntimeError("cannot schedule new futures after shutdown"), "lost 4 times"),
    ],
)
def test_a_worker_that_can_do_nothing(problem: Exception, told: str, server: Server, remote: Remote) -> None:
    transfers, _ = many(server, remote, 1)

    def never(call: Callable[[], Any]) -> Any:
        raise problem

    try:
        (result,) = fetch_with(Own(never), transfers, QUICK)
        error = result.error
    except HCAError as raised:
        error = raised
    assert told in str(error)


def test_an_executor_that_is_shut_down_takes_no_work(server: Server, remote: Remote) -> None:
    transfers, _ = many(server, remote, 3)
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(HCAError, match="the executor takes no more work"):
        list(fetch_with(pool, transfers, QUICK))
    assert server.requests == []


def test_an_executor_that_drops_its_work_ends_the_run(server: Server, remote: Remote, threads: Executor) -> None:
    transfers, _ = many(server, remote, 200)
    gate = faults.Gate()
    server.put(transfers[0].name, noise(300, 0), gate)
    server.put(transfers[16].name, noise(316, 16), gate)
    results = fetch_with(threads, transfers, QUICK)
    timer = threading.Thread(
        target=lambda: (
            server.wait_for(1, transfers[0].name),
            server.wait_for(1, transfers[16].name),
            threads.shutdown(wait=False, cancel_futures=True),
            gate.open(),
        )
    )
    timer.start()
    done = []
    # Which of the two depends on whether it is asked for results or given more work first.
    with pytest.raises(HCAError, match=r"the executor (dropped its work|takes no more work)"):
        done.extend(results)
    timer.join()
    assert len(server.requests) == 32


def test_a_worker_without_the_plugin_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = ModuleType("hca_of_somebody")
    exec("class Source:\n    pass", plugin.__dict__)
    monkeypatch.setitem(sys.modules, "hca_of_somebody", plugin)

    def elsewhere(call: Callable[[], Any]) -> Any:
        monkeypatch.delitem(sys.modules, "hca_of_somebody")
        return call()

    wanted = [Transfer("a", "a", plugin.Source())]
    with pytest.raises(HCAError, match=r"can't read what to fetch .*No module named 'hca_of_somebody'") as refused:
        list(fetch_with(Own(elsewhere), wanted))
    assert "install the same packages" in str(refused.value.hint)


def test_a_source_that_can_not_be_pickled_is_refused_before_anything_is_sent(threads: Executor) -> None:
    wanted = [Transfer("locked", "a", threading.Lock())]  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="locked can't be given to another process"):
        list(fetch_with(threads, wanted))


def test_a_disk_that_refuses_ends_the_run_and_what_came_before_is_told(
    server: Server, remote: Remote, processes: ProcessPoolExecutor
) -> None:
    transfers, _ = many(server, remote, 400)
    transfers[3] = transfers[3]._replace(target="/proc/hca/3")  # nobody can make a folder there
    with pytest.raises(OSError, match="/proc/hca") as refused:
        list(fetch_with(processes, transfers, QUICK))
    assert not isinstance(refused.value, HCAError)
    assert len(server.requests) < 400


def test_an_error_nobody_thought_of_is_told_as_one(threads: Executor, tmp_path: Path) -> None:
    with pytest.raises(HCAError, match="a worker failed: AttributeError"):
        list(fetch_with(threads, [Transfer("a", str(tmp_path / "a"), "no source", 1)]))  # type: ignore[arg-type]


def test_stopped_leaves_what_has_not_begun(server: Server, remote: Remote) -> None:
    transfers, contents = many(server, remote, 200)
    gate = faults.Gate()
    for number in (0, 16):
        server.put(transfers[number].name, contents[transfers[number].name], gate)
    stopped = threading.Event()
    out: list[Future[Any]] = []
    results: list[Result] = []

    class Telling(ThreadPoolExecutor):
        def submit(self, fn: Any, /, *arguments: Any, **keywords: Any) -> Future[Any]:
            out.append(super().submit(fn, *arguments, **keywords))
            return out[-1]

    def stop() -> None:
        try:
            server.wait_for(32)
            stopped.set()
            # All of them: a worker that has finished would begin with the next one that is not cancelled yet.
            until(lambda: sum(one.cancelled() for one in out) == len(out) - 2)
        finally:
            gate.open()

    stopper = threading.Thread(target=stop)
    stopper.start()
    with Telling(2) as threads, pytest.raises(KeyboardInterrupt):
        results.extend(fetch_with(threads, transfers, QUICK, stopped=stopped))
    stopper.join()
    assert len(server.requests) == 32
    assert len(listing(remote.folder)) == 32


def test_closing_cancels_what_has_not_begun(server: Server, remote: Remote, threads: ThreadPoolExecutor) -> None:
    transfers, contents = many(server, remote, 400)
    gate = faults.Gate()
    for one in transfers[16:]:  # all but the first batch
        server.put(one.name, contents[one.name], always=gate)
    with closing(fetch_with(threads, transfers, QUICK)) as results:
        next(results)
    gate.open()
    threads.shutdown(wait=True)
    assert len(server.requests) <= 16 + 2 * 16


def test_the_time_limit_is_one_for_all_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[float] = []
    now = 1000.0

    def fetch(transfers: Any, settings: Settings) -> Iterator[Result]:
        nonlocal now
        assert settings.time_limit is not None
        limits.append(settings.time_limit)
        now += 0.1
        return iter(())

    monkeypatch.setattr(spread, "fetch", fetch)
    monkeypatch.setattr(spread, "time", SimpleNamespace(time=lambda: now, monotonic=lambda: now))
    transfers = (Transfer(str(n), str(n), Address("http://localhost/")) for n in range(16 * 5))
    with ThreadPoolExecutor(1) as pool:
        list(fetch_with(pool, transfers, Settings(time_limit=0.3)))
    assert limits == pytest.approx([0.3, 0.2, 0.1, 0.0, 0.0])


def test_a_worker_that_writes_to_another_disk_is_noticed_once(
    server: Server, remote: Remote, caplog: pytest.LogCaptureFixture
) -> None:
    transfers, _ = many(server, remote, 60)

    def elsewhere(call: Callable[[], Any]) -> Any:
        outcome = call()
        shutil.rmtree(remote.folder)
        return outcome

    with caplog.at_level(logging.WARNING, "hca"):
        list(fetch_with(Own(elsewhere), transfers, QUICK))
    assert sum("is the folder shared?" in line for line in caplog.messages) == 1


@pytest.mark.parametrize(
    "text",
    [
        *("dask", "dask://", "dask://:8786", "dask://host:port", "dask://host:99999", "tcp://host:1", "ray://host:1"),
        *("", "dask://host:1/path", "dask://user@host:1", "dask://host:1?x=1", "host:8786", "dask://[::1"),
    ],
)
def test_an_executor_is_named_by_its_address(text: str) -> None:
    with pytest.raises(UsageError, match="must be dask://HOST:PORT") as refused, executor_of(text):
        pass
    assert "\n" not in str(refused.value)


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match="'distributed'") as refused, executor_of("dask://localhost:1"):
        pass
    assert refused.value.hint == "pip install 'hca-core[dask]'"


def test_threads_do_not_outlive_their_run(threads: Executor) -> None:
    with LoopbackService() as service:
        service.on("GET", "/a").reply(body=b"a")
        list(fetch_with(threads, [Transfer("a", "a", Address(f"{service.url}/a"), 1, sha256(b"a"))], QUICK))
    assert Path("a").read_bytes() == b"a"
