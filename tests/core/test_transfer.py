"""The transfer engine against a real server with scripted faults, and with real processes that are killed."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pytest

from hca_core import content, http, parts, transfer
from hca_core.content import Quota
from hca_core.errors import IntegrityError, NetworkError, ServiceError
from hca_core.testing import LoopbackService, Reply, reply
from hca_core.transfer import Transfer

MEBIBYTE = 1024 * 1024
DATA = random.Random(1).randbytes(3 * MEBIBYTE + 17)
HALF = 3 * MEBIBYTE // 2

# A process of its own that fetches files: [[name, size, sha256], ...] from `url` + name into `folder`.
WORKER = """
import json, sys
from hca_core import http, transfer
url, folder, wanted = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
session = http.Session()
def opener(name):
    def open_at(offset):
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        return session.request("GET", f"{url}/{name}", headers=headers, stream=True, tries=1)
    return open_at
transfers = [transfer.Transfer(name, f"{folder}/{name}", opener(name), size, sha) for name, size, sha in wanted]
try:
    for result in transfer.fetch(transfers, jobs=4, min_delay=0.01):
        print(json.dumps([result.transfer.name, result.status, str(result.error or "")]), flush=True)
except KeyboardInterrupt:
    sys.exit(130)
except OSError as error:
    print(error, file=sys.stderr)
    sys.exit(1)
"""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def remote(service, tmp_path):
    """A function that returns the transfer of the content at `/<name>` to `<tmp_path>/<name>`."""
    session = http.Session(http.Policy(connect_timeout=5, read_timeout=5))

    def make(data: bytes = DATA, name: str = "file", *, size: int | None = -1, sha: str | None = "") -> Transfer:
        def open_at(offset: int):
            headers = {"Range": f"bytes={offset}-"} if offset else {}
            return session.request("GET", f"{service.url}/{name}", headers=headers, stream=True, tries=1)

        promised = len(data) if size == -1 else size
        return Transfer(name, str(tmp_path / name), open_at, promised, sha256(data) if sha == "" else sha)

    yield make
    session.close()


def fetch(*transfers: Transfer, **settings) -> list[transfer.Result]:
    return list(transfer.fetch(transfers, **{"jobs": 4, "min_delay": 0.001, **settings}))


def fetch_whole(wanted: Transfer, data: bytes = DATA, **settings) -> transfer.Result:
    """Fetch one file and check that it is right and that nothing else is left beside it."""
    (result,) = fetch(wanted, **settings)
    assert (result.status, result.error) == ("fetched", None)
    assert Path(wanted.target).read_bytes() == data
    assert os.listdir(os.path.dirname(wanted.target)) == [os.path.basename(wanted.target)]
    return result


def fetch_failing(wanted: Transfer, kind: type[Exception], **settings) -> str:
    """Fetch one file that must fail with an error of a `kind`; return what it says."""
    (result,) = fetch(wanted, **settings)
    assert result.status == "failed"
    assert isinstance(result.error, kind), repr(result.error)
    assert not os.path.exists(wanted.target)
    return str(result.error)


def ranges(service: LoopbackService) -> list[str | None]:
    return [request.headers["Range"] for request in service.requests]


def part_of(wanted: Transfer, data: bytes, owner: str) -> Path:
    """Leave a part as a process called `owner` (as `parts.owner` says it) would."""
    path = Path(parts._prefix(wanted.target) + f"{owner}-1-1{parts.SUFFIX}")
    path.write_bytes(data)
    return path


def dead_owner() -> str:
    """Return the owner's name of a process of this machine that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return parts.owner(ended.pid)


def eventually(condition, seconds: float = 15.0) -> None:
    """Wait for something that another process does to the disk; there is no event to wait for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


# What is there already


def test_a_file_that_is_there_and_right_costs_no_request(service, remote):
    wanted = remote()
    Path(wanted.target).write_bytes(DATA)
    (result,) = fetch(wanted)
    assert (result.status, result.fetched, service.requests) == ("present", 0, [])


@pytest.mark.parametrize("there", [b"", DATA[:-1], DATA + b"x", bytes(len(DATA))], ids=["empty", "-1", "+1", "zeros"])
def test_a_file_that_is_there_but_wrong_is_fetched_again(service, remote, there):
    wanted = remote()
    Path(wanted.target).write_bytes(there)
    service.on("GET", "/file").reply(body=DATA)
    assert fetch_whole(wanted).fetched == len(DATA)


def test_an_empty_file_costs_no_request(service, remote):
    fetch_whole(remote(b""), b"")
    assert service.requests == []


def test_folders_are_made(service, remote):
    service.on("GET", "/a/b/c").reply(body=DATA)
    fetch_whole(remote(name="a/b/c"))


# Resuming


def test_a_truncated_body_is_resumed_where_it_ended(service, remote):
    service.on("GET", "/file").truncate(HALF, body=DATA, ranges=True).reply(body=DATA, ranges=True)
    result = fetch_whole(remote())
    assert ranges(service) == [None, f"bytes={HALF}-"]
    assert result.fetched == len(DATA)


def test_a_body_that_is_cut_again_and_again_arrives(service, remote):
    service.on("GET", "/file").truncate(300_000, times=100, body=DATA, ranges=True)
    fetch_whole(remote(), retries=1)
    assert len(service.requests) == -(-len(DATA) // 300_000)


def test_a_dropped_connection_is_made_again(service, remote):
    service.on("GET", "/file").drop(times=3).reply(body=DATA)
    fetch_whole(remote())
    assert len(service.requests) == 4


def test_a_server_that_ignores_ranges_is_understood(service, remote):
    service.on("GET", "/file").truncate(HALF, body=DATA).reply(body=DATA)
    fetch_whole(remote())
    assert ranges(service) == [None, f"bytes={HALF}-"]


@pytest.mark.parametrize(
    "told",
    [f"bytes {HALF + 1}-{len(DATA) - 1}/{len(DATA)}", "", "bytes */*", "nonsense", "bytes x-y/z"],
    ids=["beyond", "missing", "stars", "text", "letters"],
)
def test_a_wrong_content_range_is_not_believed(service, remote, told):
    wrong = reply(status=206, body=DATA[HALF:], headers={"Content-Range": told} if told else {})
    script = service.on("GET", "/file").truncate(HALF, body=DATA, ranges=True)
    script.reply(wrong).reply(body=DATA, ranges=True)
    fetch_whole(remote())
    assert ranges(service) == [None, f"bytes={HALF}-", f"bytes={HALF}-"]


def test_a_range_that_begins_earlier_is_cut(service, remote):
    early = f"bytes 1000-{len(DATA) - 1}/{len(DATA)}"
    script = service.on("GET", "/file").truncate(HALF, body=DATA, ranges=True)
    script.reply(status=206, body=DATA[1000:], headers={"Content-Range": early})
    fetch_whole(remote())


def test_a_service_that_is_down_for_a_while_is_waited_for(service, remote):
    service.on("GET", "/file").fail(503, times=3).fail(500).fail(429).reply(body=DATA)
    fetch_whole(remote())
    assert len(service.requests) == 6


def test_the_wait_that_a_service_asks_for_is_kept(service, remote):
    service.on("GET", "/file").fail(503, retry_after=0.3).reply(body=DATA)
    fetch_whole(remote())
    first, second = service.requests
    assert second.time - first.time >= 0.3


def test_an_expired_address_is_asked_for_anew(service, remote):
    service.on("GET", "/file").truncate(HALF, body=DATA, ranges=True).fail(403).reply(body=DATA, ranges=True)
    fetch_whole(remote())
    assert ranges(service) == [None, f"bytes={HALF}-", f"bytes={HALF}-"]


def test_a_refusal_is_not_asked_for_again_and_again(service, remote):
    service.on("GET", "/file").fail(403)
    fetch_failing(remote(), ServiceError)
    assert len(service.requests) == 2


def test_a_file_that_does_not_exist_is_asked_for_once(service, remote):
    service.on("GET", "/file").fail(404)
    fetch_failing(remote(), ServiceError)
    assert len(service.requests) == 1


# Wrong content


@pytest.mark.parametrize(
    ("sent", "what"),
    [
        (DATA + b"more", f"expected {len(DATA)} bytes"),
        (DATA[:HALF], f"expected {len(DATA)} bytes"),
        (DATA[:-1] + b"\0", "expected sha256"),
    ],
    ids=["longer", "shorter", "corrupted"],
)
def test_wrong_content_is_fetched_once_more_and_then_refused(service, remote, tmp_path, sent, what):
    service.on("GET", "/file").reply(body=sent, ranges=True)
    said = fetch_failing(remote(), IntegrityError)
    assert what in said
    assert ranges(service) == [None, None]
    assert os.listdir(tmp_path) == []


def test_content_that_was_corrupted_on_its_way_once_arrives(service, remote):
    service.on("GET", "/file").reply(body=DATA[:-1] + b"\0").reply(body=DATA)
    fetch_whole(remote())


def test_more_content_than_promised_is_not_read_to_its_end(service, remote):
    """A chunked answer does not tell its length, and might never end."""
    wanted = remote(b"x" * 1000)
    service.on("GET", "/file").reply(body=DATA)
    fetch_failing(wanted, IntegrityError)


def test_a_range_behind_the_end_says_that_the_file_is_shorter(service, remote, tmp_path):
    wanted = remote()
    part_of(wanted, DATA[:HALF], dead_owner())
    service.on("GET", "/file").reply(body=DATA[:HALF], ranges=True)
    said = fetch_failing(wanted, IntegrityError)
    assert f"expected {len(DATA)} bytes" in said
    assert os.listdir(tmp_path) == []


def test_a_complete_part_of_unknown_size_is_taken_as_it_is(service, remote):
    wanted = remote(size=None)
    part_of(wanted, DATA, dead_owner())
    service.on("GET", "/file").reply(body=DATA, ranges=True)
    fetch_whole(wanted)


def test_without_a_checksum_nothing_of_an_earlier_run_is_trusted(service, remote):
    wanted = remote(sha=None)
    part_of(wanted, b"\0" * HALF, dead_owner())
    service.on("GET", "/file").reply(body=DATA, ranges=True)
    fetch_whole(wanted)
    assert ranges(service) == [None]


def test_a_failure_of_one_file_is_no_failure_of_others(service, remote):
    service.on("GET", "/bad").fail(404)
    for number in range(20):
        service.on("GET", f"/{number}").reply(body=DATA[:number])
    wanted = [remote(name="bad"), *(remote(DATA[:number], str(number)) for number in range(20))]
    outcome = {result.transfer.name: result.status for result in fetch(*wanted)}
    assert outcome == {"bad": "failed", **{str(number): "fetched" for number in range(20)}}


# Patience (DC-142, DC-143, DC-144)


class Waits:
    """Stands for the event that a quota waits on, and records for how long it would."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.seconds.append(seconds)
        return False


def test_the_wait_doubles_with_failures_and_halves_with_good_blocks():
    waits = Waits()
    quota = Quota(10, 0.25, waits)
    error = NetworkError("down")
    for _ in range(4):
        quota.failed(error)
    assert waits.seconds == [0.25, 0.5, 1, 2]
    for _ in range(2):
        quota.good_block()
    quota.failed(error)
    assert waits.seconds[-1] == 1
    for _ in range(20):
        quota.good_block()
    quota.failed(error)
    assert waits.seconds[-1] == 0.25


def test_good_blocks_fill_the_quota_up_to_where_it_began():
    quota = Quota(2, 0, Waits())
    error = NetworkError("down")
    for _ in range(50):
        quota.failed(error)
        quota.good_block()
        quota.good_block()
    quota.failed(error)
    quota.failed(error)
    with pytest.raises(NetworkError):
        quota.failed(error)


def test_no_retries_means_none(service, remote):
    service.on("GET", "/file").drop().reply(body=DATA)
    fetch_failing(remote(), NetworkError, retries=0)
    assert len(service.requests) == 1


@pytest.mark.parametrize(("drops", "survives"), [(10, True), (11, False)])
def test_ten_retries_survive_ten_failures(service, remote, drops, survives):
    service.on("GET", "/file").drop(times=drops).reply(body=DATA)
    if survives:
        fetch_whole(remote(), retries=10, min_delay=0.0001)
    else:
        fetch_failing(remote(), NetworkError, retries=10, min_delay=0.0001)
    assert len(service.requests) == 11


def test_waits_are_kept_on_the_wire(service, remote):
    service.on("GET", "/file").drop(times=3).reply(body=DATA)
    fetch_whole(remote(), min_delay=0.05)
    times = [request.time for request in service.requests]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert all(gap >= least for gap, least in zip(gaps, (0.05, 0.1, 0.2), strict=True))


# Parts of other runs


def test_the_part_of_a_dead_process_is_taken_up_in_place(service, remote):
    wanted = remote()
    left = part_of(wanted, DATA[:HALF], dead_owner())
    inode = left.stat().st_ino
    service.on("GET", "/file").reply(body=DATA, ranges=True)
    assert fetch_whole(wanted).fetched == len(DATA) - HALF
    assert ranges(service) == [f"bytes={HALF}-"]
    assert os.stat(wanted.target).st_ino == inode  # not copied: a disk that is nearly full holds it once only


def test_the_longest_of_several_parts_is_taken_up(service, remote):
    wanted, owner = remote(), dead_owner()
    for number, length in enumerate([10, HALF, 1000]):
        part_of(wanted, DATA[:length], f"{owner}-{number}")
    service.on("GET", "/file").reply(body=DATA, ranges=True)
    fetch_whole(wanted)
    assert ranges(service) == [f"bytes={HALF}-"]


def test_a_complete_part_costs_no_request(service, remote):
    wanted = remote()
    part_of(wanted, DATA, dead_owner())
    assert fetch_whole(wanted).fetched == 0
    assert service.requests == []


@pytest.mark.parametrize("left", [b"\0" * HALF, DATA + b"longer"], ids=["corrupted", "longer"])
def test_a_wrong_part_heals(service, remote, left):
    wanted = remote()
    part_of(wanted, left, dead_owner())
    service.on("GET", "/file").reply(body=DATA, ranges=True)
    fetch_whole(wanted)
    assert ranges(service)[-1] is None


def test_a_wrong_part_of_another_machine_heals_too(service, remote):
    wanted = remote()
    part_of(wanted, b"\0" * HALF, "elsewhere-1")
    service.on("GET", "/file").reply(body=DATA, ranges=True)
    fetch_whole(wanted)
    assert ranges(service) == [f"bytes={HALF}-", None]


def test_the_part_of_a_living_process_is_copied_and_left_alone(service, remote, tmp_path):
    """Its bytes may be used; when the file can't be had here, the other process must still find its part."""
    wanted = remote()
    left = part_of(wanted, DATA[:HALF], parts.owner(os.getppid()))
    service.on("GET", "/file").reply(body=DATA[:-1] + b"\0", ranges=True)
    fetch_failing(wanted, IntegrityError)
    assert ranges(service) == [f"bytes={HALF}-", None]
    assert os.listdir(tmp_path) == [left.name]
    assert left.read_bytes() == DATA[:HALF]


def test_what_arrived_before_a_failure_is_kept_for_the_next_run(service, remote, tmp_path):
    wanted = remote()
    service.on("GET", "/file").truncate(HALF, body=DATA, ranges=True).drop().reply(body=DATA, ranges=True)
    fetch_failing(wanted, NetworkError, retries=1)
    assert len(os.listdir(tmp_path)) == 1
    fetch_whole(wanted)
    assert ranges(service) == [None, f"bytes={HALF}-", f"bytes={HALF}-"]


def test_a_failure_without_content_leaves_nothing(service, remote, tmp_path):
    service.on("GET", "/file").drop()
    fetch_failing(remote(), NetworkError, retries=0)
    assert os.listdir(tmp_path) == []


# Several processes, and their ends


def worker(service, folder, wanted: dict[str, bytes]) -> subprocess.Popen:
    listed = [[name, len(data), sha256(data)] for name, data in wanted.items()]
    command = [sys.executable, "-c", WORKER, service.url, str(folder), json.dumps(listed)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_processes_in_one_directory_do_not_harm_each_other(service, tmp_path):
    wanted = {f"f{number}": DATA[: 1000 * number] for number in range(1, 25)} | {"big": DATA}
    both = threading.Barrier(2, timeout=20)

    def together(request):
        if len(service.asked("GET", "/big")) <= 2:
            both.wait()  # no answer before both processes ask for it
        return reply(body=DATA, ranges=True)

    for name, data in wanted.items():
        service.on("GET", f"/{name}").reply(together if name == "big" else reply(body=data, ranges=True))
    ordered = {"big": DATA, **wanted}
    running = [worker(service, tmp_path, ordered) for _ in range(2)]
    ended = [(process, *process.communicate(timeout=60)) for process in running]
    for process, out, err in ended:
        assert (process.returncode, err) == (0, "")
        outcome = [json.loads(line) for line in out.splitlines()]
        assert {name for name, status, _ in outcome if status in ("fetched", "present")} == set(wanted)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == wanted


def test_a_file_that_another_process_finished_meanwhile_is_kept(service, remote):
    wanted = remote()
    inode = 0

    def finished_elsewhere(request):
        nonlocal inode
        Path(wanted.target).write_bytes(DATA)
        inode = os.stat(wanted.target).st_ino
        return reply(body=DATA)

    service.on("GET", "/file").reply(finished_elsewhere)
    fetch_whole(wanted)
    assert os.stat(wanted.target).st_ino == inode


@pytest.mark.parametrize("finished", [True, False])
def test_a_part_that_somebody_removed(service, remote, monkeypatch, finished):
    """Another process tidied up after it finished the file; if it did not, that is an error of the disk."""
    wanted = remote()

    def replace(part: str, target: str) -> None:
        os.unlink(part)
        if finished:
            Path(target).write_bytes(DATA)
        raise FileNotFoundError(2, "No such file or directory", part)

    monkeypatch.setattr(os, "replace", replace)
    service.on("GET", "/file").reply(body=DATA)
    if finished:
        fetch_whole(wanted)
    else:
        with pytest.raises(FileNotFoundError):
            fetch(wanted)


def stalled(data: bytes, sent: int) -> Reply:
    """Return an answer that promises `data`, sends so many bytes of it, and then nothing, with the connection open."""
    return reply(body=data[:sent], headers={"Content-Length": str(len(data))})


def test_a_killed_process_leaves_parts_that_the_next_one_takes_up(service, remote, tmp_path):
    service.on("GET", "/file").reply(stalled(DATA, 2 * MEBIBYTE)).reply(body=DATA, ranges=True)
    process = worker(service, tmp_path, {"file": DATA})
    eventually(lambda: [path.stat().st_size for path in tmp_path.iterdir()] == [2 * MEBIBYTE])
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    fetch_whole(remote())
    assert ranges(service) == [None, f"bytes={2 * MEBIBYTE}-"]


def test_an_interrupt_ends_a_process_that_waits_for_a_silent_server(service, remote, tmp_path):
    service.on("GET", "/file").reply(stalled(DATA, 2 * MEBIBYTE)).reply(body=DATA, ranges=True)
    process = worker(service, tmp_path, {"file": DATA})
    eventually(lambda: [path.stat().st_size for path in tmp_path.iterdir()] == [2 * MEBIBYTE])
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert time.monotonic() - begun < 3
    assert (process.returncode, err) == (130, "")
    fetch_whole(remote())
    assert ranges(service) == [None, f"bytes={2 * MEBIBYTE}-"]


def test_a_generator_that_is_closed_stops_everything(service, remote, tmp_path):
    released = threading.Event()

    def late(request):
        released.wait(10)
        return reply(body=DATA)

    service.on("GET", "/first").reply(body=DATA)
    service.on("GET", "/*").reply(late)
    results = transfer.fetch([remote(name=name) for name in ("first", *map(str, range(50)))], jobs=2)
    assert next(results).transfer.name == "first"
    service.wait_for(2)
    threading.Timer(0.1, released.set).start()
    results.close()
    asked = len(service.requests)
    assert asked <= 4
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("transfer-")]
    assert len(service.requests) == asked
    assert {name for name in os.listdir(tmp_path) if not name.startswith(".")} <= {"first", "0", "1"}


def test_an_error_of_the_source_of_transfers_is_passed_on(service, remote):
    def transfers():
        yield remote()
        raise ZeroDivisionError

    service.on("GET", "/file").reply(body=DATA)
    with pytest.raises(ZeroDivisionError):
        list(transfer.fetch(transfers()))


# Memory


class Canned:
    """An answer that was never on a wire: the engine's own memory is measured, not the HTTP library's."""

    status_code = 200
    url = "http://127.0.0.1/"

    def __init__(self, data: bytes) -> None:
        self.headers = {"Content-Length": str(len(data))}
        self.raw = SimpleNamespace(read=lambda size, decode_content: stream.read(size))
        stream = io.BytesIO(data)

    def close(self) -> None:
        pass


def test_memory_is_the_same_for_few_and_for_many_files(tmp_path):
    def peak(count: int) -> int:
        def transfers():
            for number in range(count):
                data = number.to_bytes(4, "big") * 100
                # All to a few targets: thousands of small files would only measure the disk.
                target = str(tmp_path / str(number % 7))
                yield Transfer(str(number), target, lambda offset, data=data: Canned(data), len(data), sha256(data))

        tracemalloc.start()
        assert sum(result.status == "fetched" for result in transfer.fetch(transfers(), jobs=1)) == count
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(50)
    assert peak(5000) < peak(500) + 100_000


def test_memory_does_not_grow_with_the_file(service, remote):
    data = bytes(64 * MEBIBYTE)
    service.on("GET", "/file").reply(body=data)
    wanted = remote(data)
    tracemalloc.start()
    (result,) = fetch(wanted)
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.status == "fetched"
    assert highest < 8 * MEBIBYTE


# Content that is handed on


def test_checked_blocks_resume_and_tell_wrong_content(service, remote):
    wanted = remote()
    script = service.on("GET", "/file").truncate(HALF, body=DATA, ranges=True).reply(body=DATA, ranges=True)
    promise = content.Promise(len(DATA), sha256(DATA))
    assert b"".join(content.checked_blocks(wanted.open_at(0), wanted.open_at, promise)) == DATA
    script.reply(body=DATA[:-1] + b"\0", ranges=True)
    with pytest.raises(IntegrityError):
        list(content.checked_blocks(wanted.open_at(0), wanted.open_at, promise))


def test_progress_counts_what_arrives(service, remote):
    service.on("GET", "/file").truncate(HALF, body=DATA, ranges=True).reply(body=DATA, ranges=True)
    counted: list[int] = []
    fetch_whole(remote(), on_bytes=counted.append)
    assert sum(counted) == len(DATA)


@pytest.mark.parametrize("size", [10_000, 9 * 1024 * 1024])  # hashed in place, and by a thread of its own
def test_another_digest_is_checked_and_told_by_its_name(remote, service, tmp_path, size):
    data = os.urandom(size)
    service.on("GET", "/file").reply(body=data)
    wanted = remote(data)
    md5 = hashlib.md5(data).hexdigest()
    fetch_whole(dataclasses.replace(wanted, digest=md5, algorithm="md5"), data)
    (again,) = fetch(dataclasses.replace(wanted, digest=md5, algorithm="md5"))
    assert again.status == "present"
    os.unlink(wanted.target)
    other = dataclasses.replace(wanted, digest="0" * 32, algorithm="md5")
    assert f"expected md5 {'0' * 32}, received {md5}" in fetch_failing(other, IntegrityError)


@pytest.mark.parametrize("name", ["n" * 255, "\N{GREEK SMALL LETTER ALPHA}" * 127])
def test_a_name_that_is_as_long_as_names_may_be(remote, service, name):
    wanted = remote(name=name)
    (part := part_of(wanted, DATA[:HALF], dead_owner())).stat()
    other = remote(name=f"{name[:-1]}x")
    assert parts.Listing().of(other.target) == []
    assert parts.Listing().of(wanted.target) == [str(part)]
    service.on("GET", f"/{quote(name)}").reply(body=DATA, ranges=True)
    assert fetch_whole(wanted).fetched == len(DATA) - HALF


def test_a_folder_with_many_files_is_listed_once(tmp_path, monkeypatch):
    """Or the time for each file would grow with the number of files."""
    for number in range(200):
        (tmp_path / f"there-{number}").touch()
    (tmp_path / ".mine.owner-1-2-3.part").write_bytes(b"part")
    listed = []
    whole = os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder: listed.append(folder) or whole(folder))
    listing = parts.Listing()
    for number in range(50):
        assert listing.of(str(tmp_path / f"file-{number}")) == []
    assert listing.of(str(tmp_path / "mine")) == [str(tmp_path / ".mine.owner-1-2-3.part")]
    assert listed == [str(tmp_path)]
