"""A real Dask cluster on this machine: a scheduler and two workers, processes of their own, some of them killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import transfer_faults as faults
from transfer_tools import listing, noise
from waiting import until

from hca_core.errors import NetworkError
from hca_core.transfer import Address, Settings, Transfer, clusters
from hca_core.transfer.spread import executor_of, fetch_with

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transfer_server import Server
    from transfer_tools import Remote

distributed = pytest.importorskip("distributed")
QUICK = Settings(jobs=4, retries=2, min_delay=0.001)
SECONDS = 60.0
DASK = "dask://"

# What the command line does: the executor is named, the package is loaded by nobody else.
PROGRAM = """
import sys
from hca_core.errors import HCAError
from hca_core.transfer import Address, Settings, Transfer
from hca_core.transfer.spread import executor_of, fetch_with
address, url, folder, number = sys.argv[1:]
wanted = [Transfer(f"{n}", f"{folder}/{n}", Address(f"{url}/{n}")) for n in range(int(number))]
try:
    with executor_of(address) as executor:
        for result in fetch_with(executor, wanted, Settings(jobs=2, retries=0)):
            print(result.transfer.name, result.status, flush=True)
except HCAError as error:
    print(f"{error} ({error.hint})", flush=True)
    sys.exit(error.exit_status)
"""


class Cluster:
    """A scheduler and two workers with one thread each; their logs are files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "scheduler.json"
        ports = ["--host", "127.0.0.1", "--no-dashboard"]
        self.scheduler = self._start("scheduler", *ports, "--port", "0", "--scheduler-file", str(self._file))
        self.workers = [self.worker() for _ in range(2)]
        self._wait_for(self._file.exists)
        self.address = DASK + json.loads(self._file.read_text())["address"].removeprefix("tcp://")
        self._wait_for(lambda: all("Registered to" in self._log(worker) for worker in self.workers))

    def worker(self) -> subprocess.Popen[bytes]:
        """Start a worker; it may wait for the scheduler."""
        options = ["--host", "127.0.0.1", "--no-dashboard", "--no-nanny", "--nthreads", "1", "--memory-limit", "0"]
        return self._start("worker", *options, "--scheduler-file", str(self._file))

    def _start(self, kind: str, *options: str) -> subprocess.Popen[bytes]:
        place = self._folder / f"{kind}-{len(os.listdir(self._folder))}"
        place.mkdir()
        with open(place / "log", "wb") as log:
            words = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *options]
            # Not a terminal, not our home, and a current directory that is nobody else's.
            process = subprocess.Popen(words, cwd=place, stdout=log, stderr=log, env={**os.environ, "HOME": str(place)})
        process.place = place  # type: ignore[attr-defined]
        return process

    def _log(self, process: Any) -> str:
        return str((process.place / "log").read_text())

    def _wait_for(self, condition: Any) -> None:
        try:
            until(condition)
        except AssertionError:
            raise AssertionError("".join(map(self._log, (self.scheduler, *self.workers)))) from None

    def close(self) -> None:
        """End all processes."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.close()


def many(server: Server, remote: Remote, number: int) -> tuple[list[Transfer], dict[str, bytes]]:
    contents = {f"/{n}": noise(200 + n, n) for n in range(number)}
    for path, content in contents.items():
        server.put(path, content)
    return [remote.file(path, data, source=Address(server.url + path)) for path, data in contents.items()], contents


def test_a_cluster_fetches_and_a_second_run_finds_everything(cluster: Cluster, server: Server, remote: Remote) -> None:
    transfers, contents = many(server, remote, 100)
    with executor_of(cluster.address) as executor:
        first = list(fetch_with(executor, transfers, QUICK))
        # The same plan once more is work for it, not a result that it remembers.
        (remote.folder / "7").unlink()
        again = list(fetch_with(executor, transfers, QUICK))
    assert {result.status for result in first} == {"fetched"}
    assert sorted(result.transfer.name for result in again if result.status == "fetched") == ["/7"]
    assert listing(remote.folder) == {path[1:]: data for path, data in contents.items()}
    assert len({request.connection for request in server.requests}) > 1


def test_the_executor_of_a_client_that_somebody_has_will_do(cluster: Cluster, server: Server, remote: Remote) -> None:
    transfers, _ = many(server, remote, 20)
    with distributed.Client(cluster.address.replace("dask", "tcp"), set_as_default=False) as client:
        for _ in range(2):  # it takes functions for pure, unless it is told otherwise
            results = list(fetch_with(client.get_executor(), transfers, QUICK))
            assert {result.status for result in results} == {"fetched"}
            for path in remote.folder.iterdir():
                path.unlink()


def test_a_worker_that_is_killed_in_the_middle_costs_nothing(
    cluster: Cluster, server: Server, remote: Remote, caplog: pytest.LogCaptureFixture
) -> None:
    transfers, contents = many(server, remote, 300)
    gates = [faults.Gate(), faults.Gate()]
    # Each worker has one of the first two batches, and hangs in the middle of it.
    for number, gate in zip((8, 24), gates, strict=True):
        server.put(f"/{number}", contents[f"/{number}"], gate)
    victim = cluster.workers[0]

    def kill() -> None:
        server.wait_for(1, "/8")
        server.wait_for(1, "/24")
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
        for gate in gates:
            gate.open()

    killer = threading.Thread(target=kill)
    killer.start()
    with executor_of(cluster.address) as executor:
        results = list(fetch_with(executor, transfers, QUICK))
    killer.join()
    cluster.workers[0] = cluster.worker()
    assert victim.returncode == -signal.SIGKILL
    assert len(results) == 300
    assert [result.error for result in results if result.error] == []
    assert len({result.transfer.name for result in results}) == 300
    assert {path: data for path, data in listing(remote.folder).items() if not path.endswith(".part")} == {
        path[1:]: data for path, data in contents.items()
    }
    assert caplog.messages == []


def test_a_scheduler_that_is_not_there_is_told_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    began = time.monotonic()
    address = f"127.0.0.1:{port}"
    with (
        pytest.raises(NetworkError, match=f"no Dask scheduler answers at {address}") as away,
        executor_of(DASK + address),
    ):
        pass
    assert time.monotonic() - began < 25
    assert "\n" not in str(away.value)


def test_what_is_no_scheduler_is_given_up_soon(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.setattr(clusters, "_CONNECT_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (silent.getsockname()[1], server.port):
            address = f"{DASK}127.0.0.1:{port}"
            with pytest.raises(NetworkError, match="no Dask scheduler answers") as away, executor_of(address):
                pass
            assert "\n" not in str(away.value)


def test_a_result_that_can_not_be_brought_here_is_not_waited_for(
    cluster: Cluster, server: Server, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the scheduler died just then, of which Dask's own executor never tells."""

    async def gone(*_: object) -> None:
        raise OSError("the scheduler is gone")

    monkeypatch.setattr(distributed.Client, "_gather_remote", gone)
    transfers, _ = many(server, remote, 20)
    with executor_of(cluster.address) as executor, pytest.raises(NetworkError, match="the executor dropped its work"):
        list(fetch_with(executor, transfers, QUICK))


def test_a_program_hears_one_sentence_when_the_scheduler_dies(
    cluster: Cluster, server: Server, remote: Remote, tmp_path: Path
) -> None:
    """The last one, as it takes the cluster down. stderr stays empty: nothing of Dask's logs."""
    _, contents = many(server, remote, 40)
    gate = faults.Gate()
    server.put("/39", contents["/39"], gate)
    words = [sys.executable, "-c", PROGRAM, cluster.address, server.url, str(remote.folder), "40"]
    with open(tmp_path / "stderr", "wb") as errors:
        program = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, text=True)
        server.wait_for(1, "/39")
        cluster.scheduler.kill()
        told, _ = program.communicate(timeout=SECONDS)
    cluster.close()
    gate.open()
    *results, last = told.splitlines()
    assert all(line.endswith(" fetched") for line in results)
    assert last.startswith("the executor dropped its work")
    assert "run it again" in last
    assert program.returncode == 5
    assert (tmp_path / "stderr").read_text() == ""
