"""Processes that are killed at random moments, or all work in one folder: the end is that of an undisturbed run.

HCA_FAULT_SEED repeats the moments of a run (the machine's own noise it can't repeat), HCA_FAULT_KILLS their number.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import time

import pytest
import transfer_faults as faults
import transfer_tools as tools
from transfer_server import Server
from waiting import until

SEED = os.environ.get("HCA_FAULT_SEED") or os.urandom(4).hex()
KILLS = int(os.environ.get("HCA_FAULT_KILLS") or 200)
SMALL = {f"/folder-{number % 3}/{number}": tools.noise(900 * number + 1, number) for number in range(12)}
LARGE = {f"/large/{number}": tools.noise(1_100_000 + 100_000 * number, number) for number in range(2)}
CONTENTS = {"/large/0": LARGE["/large/0"], **SMALL, **LARGE}


@pytest.fixture(scope="module")
def slow():
    """A server that takes a moment for each file, so that there are moments to be killed in."""
    with Server(usual=faults.drip(5, 0.003)) as server:
        for path, data in CONTENTS.items():
            server.put(path, data)
        yield server


@pytest.fixture(scope="module")
def nursery(slow, tmp_path_factory):
    """Starts processes that fetch from that server."""
    with tools.Nursery(slow.url, tmp_path_factory.mktemp("nursery") / "errors") as made:
        yield made


@pytest.fixture(scope="module")
def undisturbed(nursery, tmp_path_factory):
    """What an undisturbed run leaves, and how many seconds it takes."""
    times = []
    for number in range(3):  # the first one is slower than those that follow
        folder = tmp_path_factory.mktemp(f"undisturbed-{number}")
        begun = time.monotonic()
        assert nursery.wait(nursery.start(folder, CONTENTS, links=True)) == 0, nursery.said()
        times.append(time.monotonic() - begun)
    left = tools.listing(folder)
    assert left == {name[1:]: data for name, data in CONTENTS.items()} | {
        f"links{name}": data for name, data in CONTENTS.items()
    }
    return left, min(times)


def what_is_there_is_right(folder):
    """Check that whatever has its final name is complete, at any moment."""
    for name, data in tools.listing(folder).items():
        if not os.path.basename(name).startswith("."):
            assert data == CONTENTS["/" + name.removeprefix("links/")], f"{name} is there, but wrong"


def differing(one, other):
    """Return the names of files that are not the same in two listings: of the bytes pytest would explain megabytes."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def run_with(signals, count, nursery, undisturbed, tmp_path):
    """Send signals to runs at random moments until so many have hit; return how runs in which they hit ended."""
    left, took = undisturbed
    rng = random.Random(f"{SEED} {signals}")
    print(f"HCA_FAULT_SEED={SEED}")
    ends = []
    for number in itertools.count():
        if len(ends) >= count:
            break
        folder = tmp_path / str(number)
        while True:
            process = nursery.start(folder, CONTENTS, links=True)
            time.sleep(rng.uniform(0, took))
            os.kill(process, signals)  # one that has ended is still there, as nobody waited for it
            sent = time.monotonic()
            status = nursery.wait(process)
            if status == 0:
                break
            assert time.monotonic() - sent < 20, "it took long to end"
            ends.append(status)
            what_is_there_is_right(folder)
        assert differing(tools.listing(folder), left) == []
    assert nursery.said() == ""
    return ends


@pytest.mark.timeout(300)
def test_kills_at_random_moments(nursery, undisturbed, tmp_path, record):
    ends = run_with(signal.SIGKILL, KILLS, nursery, undisturbed, tmp_path)
    assert set(ends) == {-signal.SIGKILL}
    record("SIGKILL at a random moment", len(ends), "end state of an undisturbed run")


def test_interrupts_at_random_moments(nursery, undisturbed, tmp_path, record):
    ends = run_with(signal.SIGINT, 20, nursery, undisturbed, tmp_path)
    assert set(ends) == {130}
    record("SIGINT at a random moment", len(ends), "end state of an undisturbed run")


def test_terminations_at_random_moments(nursery, undisturbed, tmp_path, record):
    ends = run_with(signal.SIGTERM, 20, nursery, undisturbed, tmp_path)
    assert set(ends) == {-signal.SIGTERM}
    record("SIGTERM at a random moment", len(ends), "end state of an undisturbed run")


def test_what_a_killed_run_had_is_not_fetched_again(server, tmp_path):
    """Killed when the large files are half there: the next run asks for the rest of them only."""
    got, half = tmp_path / "got", 600_000
    for path, data in LARGE.items():
        server.put(path, data, faults.stall(half))
    with tools.Nursery(server.url, tmp_path / "errors") as nursery:
        began = nursery.start(got, LARGE, read_timeout=600)
        until(lambda: [len(data) for data in tools.listing(got).values()] == [half] * len(LARGE))
        os.kill(began, signal.SIGKILL)
        assert nursery.wait(began) == -signal.SIGKILL
        server.requests.clear()
        assert nursery.wait(nursery.start(got, LARGE)) == 0, nursery.said()
    assert [server.ranges(path) for path in LARGE] == [[f"bytes={half}-"]] * len(LARGE)
    assert tools.listing(got) == {path[1:]: data for path, data in LARGE.items()}


def test_sixteen_processes_in_one_folder(slow, nursery, undisturbed, tmp_path, record):
    left, _ = undisturbed
    slow.requests.clear()
    running = [nursery.start(tmp_path / "got", CONTENTS, links=True) for _ in range(16)]
    assert [nursery.wait(process) for process in running] == [0] * 16, nursery.said()
    assert differing(tools.listing(tmp_path / "got"), left) == []
    # A large file is asked for once more by who finds its part removed, as another process was done first.
    assert len(slow.requests) <= 16 * (len(CONTENTS) + len(LARGE))
    record("16 processes in one directory", 16, "end state of an undisturbed run")


def test_sixteen_processes_of_which_half_are_killed(nursery, undisturbed, tmp_path, record):
    left, took = undisturbed
    rng = random.Random(f"{SEED} half")
    print(f"HCA_FAULT_SEED={SEED}")
    running = [nursery.start(tmp_path / "got", CONTENTS, links=True) for _ in range(16)]
    killed = rng.sample(running, 8)
    for process in killed:
        time.sleep(rng.uniform(0, took / 8))
        os.kill(process, signal.SIGKILL)
    ends = [nursery.wait(process) for process in running]
    assert set(ends) <= {0, -signal.SIGKILL}, nursery.said()
    what_is_there_is_right(tmp_path / "got")
    assert nursery.wait(nursery.start(tmp_path / "got", CONTENTS, links=True)) == 0
    # A process that began a part just when another one had put the whole file into place, and died then, leaves it: a
    # file that is there costs no look at what lies beside it.
    late = {name for name in tools.left_over(tmp_path / "got") if any(f"-{one}-" in name for one in killed)}
    assert set(differing(tools.listing(tmp_path / "got"), left)) == late
    assert len(late) <= len(killed)
    record("16 processes in one directory, 8 of them killed", 16, "end state of an undisturbed run")
