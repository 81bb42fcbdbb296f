"""The options that all downloads have: looking first, other tools, events, failures, limits, the line at the end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from hca_core.transfer import machinery
from hca_dss.client import DSSClient

A, B, C = b"content of a\n", b"content of b\n", b"content of c\n"
COLUMNS = ("bundle_uuid", "bundle_version", "file_name", "file_uuid", "file_version", "file_sha256", "file_size")
SECTIONS = ["Options:", "Speed and patience:", "Instead of fetching:", "What is told:", "More than one machine:"]


@pytest.fixture
def bundle(shelf):
    return shelf.bundle(
        shelf.file("cell.json", A, indexed=True),
        shelf.file("reads.fastq", B),
        shelf.file("again", B),
        shelf.file("c", C),
    )


@pytest.fixture
def manifest(bundle) -> tuple[str, ...]:
    """The words that download a manifest of the bundle's files."""
    lines = ["\t".join(COLUMNS), *("\t".join(row[column] for column in COLUMNS) for row in bundle.rows())]
    Path("files.tsv").write_text("\n".join(lines) + "\n")
    return ("dss", "download-manifest", "--replica", "aws", "--manifest", "files.tsv")


def words(bundle, *more: str) -> tuple[str, ...]:
    return ("dss", "download", "--replica", "aws", "--bundle-uuid", bundle.uuid, *more)


def contents_asked_for(shelf) -> int:
    return sum(one.path.startswith(("/v1/files/", "/blobs/")) for one in shelf.service.requests)


@pytest.mark.parametrize("verb", ["download", "download-manifest", "download-collection"])
def test_the_help_page_has_its_options_in_groups(hca, dss, verb):
    lines = hca("dss", verb, "--help").stdout.splitlines()
    assert [line for line in lines if line.endswith(":") and not line.startswith(" ")] == SECTIONS
    assert all(len(line) <= 100 for line in lines)


# Looking first


@pytest.mark.parametrize("layout", ["none", "bundle"])
def test_a_dry_run_of_a_manifest_writes_nothing_and_asks_for_no_file(manifest, shelf, hca, layout):
    outcome = hca(*manifest, "--dry-run", "--layout", layout, "--download-dir", "d")
    document = outcome.json()
    assert outcome.exit_status == 0
    assert (document["dry_run"], document["files"], document["present"]) == (True, 3, 0)
    assert (document["bytes"], document["to_fetch"], document["requests"]) == (3 * len(A), 3, 6)
    assert os.listdir() == ["files.tsv"]
    assert contents_asked_for(shelf) == 0


def test_a_dry_run_tells_what_is_there(bundle, hca, shelf, tree):
    hca(*words(bundle, "--no-data", "--download-dir", "d"))
    before = tree("d")
    document = hca(*words(bundle, "--dry-run", "--download-dir", "d")).json()
    assert (document["files"], document["present"], document["present_bytes"]) == (3, 1, len(A))
    assert (document["unchecked"], document["to_fetch"], document["enough_room"]) == (0, 2, True)
    assert tree("d") == before


def test_what_does_not_fit_is_told_before_a_file_is_asked_for(shelf, hca):
    bundle = shelf.bundle(shelf.file("a", A), shelf.file("huge", B, size=10**16))
    outcome = hca(*words(bundle))
    assert (outcome.exit_status, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith(
        "hca: there is not enough room in .: 10 PB (10,000,000,000,004,096 bytes) needed, "
    )
    assert contents_asked_for(shelf) == 0
    assert hca(*words(bundle, "--dry-run")).json()["enough_room"] is False


# Other tools


def test_what_other_tools_fetch_is_taken_over(manifest, shelf, hca, tree, stored):
    if shutil.which("aria2c") is None:
        pytest.skip("aria2c is not installed")
    outcome = hca(*manifest, "--emit", "aria2", "--download-dir", "d", "--report", "report.json")
    assert (outcome.exit_status, outcome.stderr, os.path.exists("d")) == (0, "", False)
    assert json.loads(Path("report.json").read_text())["emitted"] == 3
    Path("input").write_bytes(outcome.stdout_bytes)
    assert contents_asked_for(shelf) == 0
    subprocess.run(["aria2c", "--no-conf", "-i", "input"], check=True, capture_output=True, timeout=60)
    assert tree("d") == {stored(data): data for data in (A, B, C)}
    asked = contents_asked_for(shelf)
    report = hca(*manifest, "--download-dir", "d").json()
    assert (report["fetched"], report["present"]) == (0, 3)
    assert contents_asked_for(shelf) == asked
    assert hca(*manifest, "--emit", "aria2", "--download-dir", "d").stdout == ""


def test_s5cmd_gets_what_the_service_tells_of_its_cloud(manifest, bundle, shelf, hca, stored):
    for number, file in enumerate(bundle.files):
        place = f"s3://bucket/{number}"
        script = shelf.service.on("GET", f"/v1/files/{file['uuid']}")
        script._answers.clear()
        script.reply(status=302, headers={"Location": place})
    lines = hca(*manifest, "--emit", "s5cmd").stdout.splitlines()
    places = [(0, A), (1, B), (3, C)]  # the third has the content of the second
    assert lines == [f"cp --raw s3://bucket/{number} {os.path.abspath(stored(data))}" for number, data in places]


def test_an_unknown_tool(manifest, hca):
    outcome = hca(*manifest, "--emit", "wget")
    assert (outcome.exit_status, outcome.stdout) == (2, "")
    assert "'wget' is not one of" in outcome.stderr


# What is told


def test_the_report_is_also_a_file(bundle, hca):
    outcome = hca(*words(bundle, "--report", "report.json", "--download-dir", "d"))
    assert json.loads(Path("report.json").read_text()) == outcome.json()


@pytest.mark.parametrize("option", ["report", "events", "failures"])
@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("no/report", "there is no directory no"),
        ("files.tsv/x", "there is no directory files.tsv"),
        (".", "it is a directory"),
        ("files.tsv", "another file is there; name another one, or move it away"),
    ],
)
def test_what_can_not_be_written_is_told_at_once_and_nothing_is_lost(manifest, hca, shelf, option, place, why):
    before = Path("files.tsv").read_bytes()
    outcome = hca(*manifest, f"--{option}", place)
    assert outcome.exit_status == 2
    assert outcome.stderr.startswith(f"hca: the {option} can't be written to {place}: {why}")
    assert (shelf.service.requests, Path("files.tsv").read_bytes()) == ([], before)


def test_a_file_tells_one_thing(bundle, hca, shelf):
    outcome = hca(*words(bundle, "--report", "told", "--events", "./told"))
    assert (outcome.exit_status, outcome.stderr) == (2, "hca: --report, --events and --failures need a file each\n")
    assert shelf.service.requests == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_does_not_lose_the_report(bundle, hca, shelf):
    full = "the report can't be written to /dev/full: No space left on device"
    outcome = hca(*words(bundle, "--report", "/dev/full", "--download-dir", "d"))
    assert (outcome.exit_status, outcome.stderr, outcome.json()["fetched"]) == (1, f"hca: {full}\n", 3)
    shelf.content(bundle.files[0]["sha256"])._answers.clear()
    shelf.content(bundle.files[0]["sha256"]).fail(status=404)
    outcome = hca(*words(bundle, "--report", "/dev/full", "--failures", "/dev/full", "--download-dir", "e"))
    assert (outcome.exit_status, len(outcome.json()["failed"])) == (7, 1)
    assert full in outcome.stderr
    assert "the failures can't be written to /dev/full: No space left on device" in outcome.stderr


def test_events_go_to_a_file_or_to_stderr(bundle, hca):
    hca(*words(bundle, "--events", "events", "--download-dir", "d"))
    lines = [json.loads(line) for line in Path("events").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["start", *["file"] * 4, "end"]
    outcome = hca(*words(bundle, "--events", "-", "--download-dir", "d"), terminal=True)
    told = [json.loads(line)["event"] for line in outcome.stderr.splitlines()]
    assert told == ["start", *["file"] * 4, "end"]  # no bar and no other line between them
    assert outcome.json()["present"] == 3


def test_people_get_a_line_at_the_end_and_pipes_do_not(bundle, hca):
    outcome = hca(*words(bundle, "--download-dir", "d"), terminal=True)
    assert outcome.stderr.splitlines()[-1].startswith("3 files (39 bytes); ")
    outcome = hca(*words(bundle, "--download-dir", "d"), terminal=True)
    assert outcome.stderr.splitlines()[-1].startswith("3 files (39 bytes), 0 fetched, 3 were there; ")
    assert hca(*words(bundle, "--download-dir", "d", "--no-progress"), terminal=True).stderr == ""
    outcome = hca(*words(bundle, "--dry-run"), terminal=True)
    assert outcome.stderr == "3 files, 0 are there, 3 (39 bytes) would be fetched\n"
    assert hca(*words(bundle, "--download-dir", "d")).stderr == ""
    assert hca("--log-level", "WARNING", *words(bundle, "--download-dir", "d"), terminal=True).stderr == ""


# Failures


@pytest.mark.parametrize("layout", ["none", "bundle"])
def test_what_failed_is_listed_and_tried_again(manifest, bundle, shelf, hca, tree, layout):
    entry = bundle.files[1]
    script = shelf.content(entry["sha256"])
    script._answers.clear()
    script.fail(status=404, times=1).reply(body=B, ranges=True)
    fetching = ("--download-dir", "d", "--failures", "failed.jsonl")
    outcome = hca(*manifest, *fetching, "--layout", layout)
    assert outcome.exit_status == 7
    assert len(Path("failed.jsonl").read_text().splitlines()) == len(outcome.json()["failed"])
    asked = contents_asked_for(shelf)
    outcome = hca("dss", "download-manifest", "--retry-failed", "failed.jsonl", *fetching)
    assert (outcome.exit_status, outcome.json()["fetched"]) == (0, 1)
    assert contents_asked_for(shelf) == asked + 2  # a look-up and its content, nothing of what is there
    assert not os.path.exists("failed.jsonl")
    if layout == "bundle":
        assert Path("d", bundle.fqid, "reads.fastq").read_bytes() == B
    assert hca("dss", "verify", "d").exit_status == 0


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "can't be read: No such file"),
        ("files\tof\tmine\n", "line 1: no failure of a download"),
        ('{"name": "x", "row": {"service": "other"}}\n', "line 1: this is no failure of a download from the DSS"),
    ],
)
def test_what_is_no_file_of_failures(hca, dss, content, why):
    if content:
        Path("failed").write_text(content)
    outcome = hca("dss", "download-manifest", "--retry-failed", "failed")
    assert (outcome.exit_status, outcome.stdout) == (2, "")
    assert why in outcome.stderr
    assert dss.requests == []


@pytest.mark.parametrize("more", [["--manifest", "x"], ["--replica", "aws"], ["--layout", "bundle"], ["--no-data"]])
def test_a_retry_needs_no_manifest(hca, dss, more):
    outcome = hca("dss", "download-manifest", "--retry-failed", "failed", *more)
    assert outcome.exit_status == 2
    assert f"--retry-failed and {more[0]} exclude each other" in outcome.stderr


@pytest.mark.parametrize("missing", ["manifest", "replica"])
def test_a_manifest_and_its_replica_are_needed(hca, dss, missing):
    given = {"manifest": "x", "replica": "aws"}
    del given[missing]
    (name, value) = next(iter(given.items()))
    outcome = hca("dss", "download-manifest", f"--{name}", value)
    assert outcome.exit_status == 2
    assert f"Missing option '--{missing}'" in outcome.stderr


# Numbers


@pytest.mark.parametrize(
    ("option", "value", "settings"),
    [
        ("--max-rate", "20M", {"max_rate": 20e6}),
        ("--max-rate", "1.5g", {"max_rate": 1.5e9}),
        ("--max-rate", "800", {"max_rate": 800}),
        ("--max-rate", "8k", {"max_rate": 8000}),
        ("--time-limit", "90", {"time_limit": 90}),
        ("--time-limit", "1.5h", {"time_limit": 5400}),
        ("--time-limit", "2d", {"time_limit": 172_800}),
        ("--jobs", "256", {"jobs": 256}),
        ("--num-retries", "0", {"retries": 0}),
        ("--min-delay-seconds", "2", {"min_delay": 2}),
        ("--verify", None, {"verify": True}),
    ],
)
def test_numbers_arrive_as_settings(dss, hca, monkeypatch, option, value, settings):
    from hca_core.transfer import Settings
    from hca_core.transfer.report import Report

    orders = []
    monkeypatch.setattr(
        DSSClient, "download_collection", lambda self, *, order, **more: orders.append(order) or Report("")
    )
    collection = ("dss", "download-collection", "--replica", "aws", "--uuid", "u", option)
    outcome = hca(*collection, *([value] if value else []))
    assert outcome.exit_status == 0, outcome.stderr
    assert orders[0].settings == Settings(**settings)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--max-rate", "0"),
        ("--max-rate", "0.000000001"),
        ("--min-delay-seconds", "nan"),
        ("--min-delay-seconds", "inf"),
        ("--min-delay-seconds", "1e9"),
        ("--min-delay-seconds", "-1"),
        ("--max-rate", "-5"),
        ("--max-rate", "5X"),
        ("--max-rate", "nan"),
        ("--max-rate", "٣"),
        ("--time-limit", "0s"),
        ("--time-limit", "soon"),
        ("--jobs", "0"),
        ("--jobs", "257"),
        ("--shard", "9/8"),
        ("--shard", "half"),
        ("--executor", "slurm://x"),
    ],
)
def test_bad_numbers_are_told_in_one_sentence(manifest, shelf, hca, option, value):
    outcome = hca(*manifest, option, value)
    assert (outcome.exit_status, outcome.stdout) == (2, "")
    assert "Traceback" not in outcome.stderr
    assert len(outcome.stderr.splitlines()) <= 2
    assert contents_asked_for(shelf) == 0


def test_a_shard_asks_for_its_own_bundles_only(shelf, hca, write_manifest):
    bundles = [shelf.bundle(shelf.file("f", b"%d" % number)) for number in range(8)]
    path = write_manifest([row | {"file_version": ""} for bundle in bundles for row in bundle.rows()])
    asked = []
    for index in (1, 2):
        before = len(shelf.service.requests)
        more = ("--shard", f"{index}/2", "--download-dir", "d")
        outcome = hca("dss", "download-manifest", "--replica", "aws", "--manifest", path, *more)
        listed = {one.path for one in shelf.service.requests[before:] if "/bundles/" in one.path}
        assert (outcome.exit_status, outcome.json()["fetched"]) == (0, len(listed))
        asked.append(listed)
    assert len(asked[0] | asked[1]) == 8
    assert not asked[0] & asked[1]


def test_shards_of_a_manifest_merge(manifest, hca, tree, stored):
    from hca_core.transfer.report import Report

    reports = [hca(*manifest, "--shard", f"{index}/3", "--download-dir", "d").json() for index in (1, 2, 3)]
    merged = Report.merge(reports)
    assert (merged["files"], merged["fetched"], merged["directory"]) == (3, 3, "d")
    assert tree("d") == {stored(data): data for data in (A, B, C)}


@pytest.mark.parametrize("verb", ["download", "download-manifest", "download-collection"])
def test_a_time_limit_holds_for_bundles_that_are_not_told(shelf, hca, write_manifest, monkeypatch, verb):
    monkeypatch.setenv("HCA_TOKEN", "test")
    released = threading.Event()
    slow, quick = shelf.bundle(shelf.file("a", A)), shelf.bundle(shelf.file("b", B))
    route = shelf.service.on("GET", f"/v1/bundles/{slow.uuid}")
    right = route._answers[0]

    real, passed = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: real() + passed[0])
    arrived, made = threading.Event(), machinery.Machinery.__init__

    def making(self, settings, listing, done, on_bytes):
        def told(results):
            done(results)
            arrived.set()

        made(self, settings, listing, told, on_bytes)

    monkeypatch.setattr(machinery.Machinery, "__init__", making)

    def late(request):
        """Let the time pass when all else is there and was told, however long that takes here."""
        if verb != "download":
            assert arrived.wait(90)
        passed[0] = 601.0
        released.wait(90)
        return right(request)

    route._answers[:] = [late]
    asking = {
        "download": ("--bundle-uuid", slow.uuid),
        "download-manifest": ("--layout", "bundle", "--manifest", write_manifest([*slow.rows(), *quick.rows()])),
        "download-collection": ("--uuid", shelf.uuid()),
    }[verb]
    items = [{"type": "bundle", "uuid": one.uuid, "version": one.version} for one in (slow, quick)]
    shelf.service.on("GET", f"/v1/collections/{asking[-1]}").reply(json={"contents": items})
    limits = ("--time-limit", "600", "--failures", "failed")
    outcome = hca("dss", verb, "--replica", "aws", *asking, *limits)
    assert not released.is_set()
    released.set()
    assert "not done within the time limit of 600 s" in outcome.stderr
    if verb == "download":
        assert (outcome.exit_status, outcome.stdout) == (5, "")
        return
    assert (outcome.exit_status, outcome.json()["fetched"], len(outcome.json()["failed"])) == (7, 1, 1)
    outcome = hca("dss", "download-manifest", "--retry-failed", "failed")
    assert (outcome.exit_status, outcome.json()["fetched"]) == (0, 1)
