"""Uploads in processes of their own: killed, interrupted, twice at once, and how much memory they take."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from waiting import until

from hca_core import checksums
from hca_core.errors import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[..., subprocess.Popen[str]]

MEBIBYTE = 1024 * 1024
MEMORY = """
import sys
from hca_core import checksums
from hca_dss import sending

checksums.PART_SIZE = 5 * 1024 * 1024
sending.MEMORY = 15 * 1024 * 1024
from hca.dss import DSSClient

client = DSSClient()
client.upload(sys.argv[1], "aws", sys.argv[2])
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) // 1024)
"""


def sparse(path: Path, size: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        stream.truncate(size)
    return path


class Held:
    """Holds the requests that fit until they are let go, and tells when one has come."""

    def __init__(self, fits: Callable[[Any], bool]) -> None:
        self._fits = fits
        self.came = threading.Event()
        self.go = threading.Event()

    def __call__(self, request: Any) -> None:
        if self._fits(request):
            self.came.set()
            self.go.wait(60)


@pytest.fixture
def held(bucket: Any) -> Iterator[Callable[[Callable[[Any], bool]], Held]]:
    """A function that makes the bucket hold the requests that fit."""
    made: list[Held] = []

    def hold(fits: Callable[[Any], bool]) -> Held:
        made.append(Held(fits))
        bucket.fault = made[-1]
        return made[-1]

    yield hold
    for one in made:
        one.go.set()


@pytest.fixture
def words(bucket: Any) -> list[str]:
    return ["dss", "upload", "--src-dir", "data", "--replica", "aws", "--staging-bucket", bucket.name]


def test_a_client_that_is_killed_in_the_middle_of_a_large_file(
    registry: Any, bucket: Any, held: Any, words: list[str], start_hca: Start
) -> None:
    large = sparse(Path("data/large.bam"), 2 * checksums.PART_SIZE + 1)
    Path("data/small.json").write_text("{}")
    stopped = held(lambda request: request.query.get("partNumber") == "3")
    killed = start_hca(*words)
    assert stopped.came.wait(60)
    # Not when the service has taken the small one: `hca` may not have heard its answer by then.
    until(lambda: len(_parts(bucket)) == 2 and _registered() == 1)
    killed.kill()
    killed.communicate(timeout=60)
    stopped.go.set()
    bucket.fault = lambda request: None
    before = dict(registry.files)
    bucket.asked.clear()

    finished = start_hca(*words)
    out, err = finished.communicate(timeout=60)
    assert finished.returncode == 0, err
    assert "1 files are there already" in err
    sent = [request.query["partNumber"] for request in bucket.asked if "partNumber" in request.query]
    assert sent in (["3"], []), "what was there is not sent again"
    told = json.loads(out)
    assert list(registry.bundles) == [(told["bundle_uuid"], told["version"])]
    assert set(before) < set(registry.files)
    assert len(registry.files) == len(bucket.keys()) == 2
    assert bucket.unfinished() == []
    (key,) = (file["key"] for file in registry.files.values() if file["key"].endswith(large.name))
    assert bucket.tags(key)["hca-dss-s3_etag"] == checksums.of_file(large).s3_etag


def _registered() -> int:
    """Return how many files the journal of the upload says to be registered."""
    journals = (Path.home() / ".local/state/hca/uploads").glob("*.jsonl")
    return sum(path.read_text().count('"registered": true') for path in journals)


def _parts(bucket: Any) -> list[Any]:
    found = []
    for one in bucket.s3.list_multipart_uploads(Bucket=bucket.name).get("Uploads", []):
        found += bucket.s3.list_parts(Bucket=bucket.name, Key=one["Key"], UploadId=one["UploadId"]).get("Parts", [])
    return found


def test_interrupted_and_twice_at_once(
    registry: Any, bucket: Any, held: Any, words: list[str], start_hca: Start, hca: Any
) -> None:
    Path("data").mkdir()
    for name in ("a", "b"):
        Path("data", name).write_text(name)
    stopped = held(lambda request: request.method == "PUT" and request.key.endswith("/b"))
    first = start_hca(*words)
    assert stopped.came.wait(60)
    until(lambda: len(registry.files) == 1)

    second = hca(*words)
    assert (second.exit_status, second.stdout) == (ExitStatus.ERROR, "")
    assert second.stderr.startswith("hca: another run is uploading this directory\nnext: ")

    first.send_signal(signal.SIGINT)
    out, err = first.communicate(timeout=30)  # the one that is held ends later
    assert (first.returncode, out) == (ExitStatus.INTERRUPTED, "")
    assert "Traceback" not in err
    stopped.go.set()
    bucket.fault = lambda request: None
    assert hca(*words).exit_status == 0
    assert len(registry.files) == len(bucket.keys()) == 2
    assert len(registry.bundles) == 1


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="tells the memory of a process")
def test_memory_does_not_grow_with_the_files(registry: Any, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checksums, "PART_SIZE", 5 * MEBIBYTE)  # as in MEMORY, for the checks of the service
    Path("tiny").mkdir()
    Path("tiny/file").write_text("x")
    sparse(Path("data/large"), 100 * MEBIBYTE)
    for number in range(30):
        sparse(Path(f"data/{number}"), 4 * MEBIBYTE + number)

    def peak(folder: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, folder, bucket.name], capture_output=True, text=True, timeout=60, check=True
        )
        return int(done.stdout)

    tiny = peak("tiny")
    assert 15 <= peak("data") - tiny < 15 + 25, "MiB; 220 are sent, by 16 threads"
    assert len(registry.files) == 32
