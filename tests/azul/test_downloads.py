"""`hca azul download` on the stand-in: what arrives, from where, what is refused, what survives a kill."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import until

from hca_local.sample import dataset

PROJECT = "RetinaSpecialCases"
KIDNEY = ("-f", "organ=kidney", "-f", "fileFormat=fastq.gz")
BIN = Path(sys.executable).parent


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def kidney() -> dict[str, str]:
    """Names and digests of the kidney fastq files of the sample data, as the embedded DSS has them."""
    found = {}
    for bundle in dataset.build().bundles:
        organ = next((json.loads(file.content)["organ"]["text"] for name, file in bundle.files
                      if name.startswith("specimen_from")), "")  # fmt: skip
        if organ == "kidney":
            reads = [(name, file) for name, file in bundle.files if name.endswith(".fastq.gz")]
            found |= {name: hashlib.sha256(file.content).hexdigest() for name, file in reads}
    return found


def laid_out(folder: str) -> dict[str, str]:
    """Return the digests of all files below a folder, but for those in the store, by their relative paths."""
    paths = [path for path in Path(folder).rglob("*") if path.is_file() and ".hca" not in path.parts]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_kidney_reads_arrive_as_they_are(run, kidney):
    outcome = run("download", *KIDNEY, "-d", "data")
    assert (outcome.exit_status, outcome.stderr) == (0, "")
    assert {os.path.basename(path): digest for path, digest in laid_out("data").items()} == kidney
    assert {path.split("/")[0] for path in laid_out("data")} == {"KidneyTubuleAtlas", "MouseKidneyPilot"}


def test_a_dry_run_counts_and_writes_nothing(run, kidney):
    plan = run("download", *KIDNEY, "-d", "data", "--dry-run").json()
    assert (plan["files"], plan["to_fetch"], plan["requests"]) == (len(kidney), len(kidney), 0)
    plan = run("download", *KIDNEY, "-d", "data", "--source", "azul", "--dry-run").json()
    assert (plan["requests"], plan["sources"]) == (len(kidney), {"azul": len(kidney)})
    assert not os.path.exists("data")


def test_a_second_run_fetches_nothing(run, standin):
    run("download", PROJECT, "-d", "data")
    # Whatever is asked of storage or mirror now is an error.
    standin.scripted({"route": "GET /mirror/*", "status": 500}, {"route": "GET /signed/files/*", "status": 500})
    report = run("download", PROJECT, "-d", "data")
    assert report.exit_status == 0
    assert report.json()["fetched"] == 0


@pytest.mark.parametrize("sources", ["mirror,azul,drs", "azul,drs", "drs,azul"])
def test_every_way_leads_to_the_same_tree(run, both, sources):
    outcome = run("download", PROJECT, "-d", "data", "--source", sources, **both.environment)
    assert outcome.exit_status == 0, outcome.stderr
    report = outcome.json()
    assert (report["failed"], report["unavailable"]) == ([], [f"{PROJECT}/lost.bam"])
    assert both.log() == []
    tree = laid_out("data")
    assert len(tree) == 17
    names = {name.removeprefix(f"{PROJECT}/") for name in tree}
    assert {"plate #1_ notes.tsv", "copy of notes.tsv", "retina.zarr/.zattrs", "retina.zarr/expression/0"} <= names
    same = {tree[f"{PROJECT}/{name}"] for name in ("plate #1_ notes.tsv", "copy of notes.tsv")}
    assert len(same) == 1  # one content under two UUIDs: one file in the store
    assert (report["files"], report["names"]) == (16, 17)
    assert report["renamed"] == [{"name": "plate #1: notes.tsv", "place": f"{PROJECT}/plate #1_ notes.tsv"}]
    assert "1 file can't have the listed name here: plate #1: notes.tsv -> " in outcome.stderr


@pytest.mark.parametrize("way", ["matrices", "uuid", "uuid and project"])
def test_a_store_of_many_files_comes_whole(run, way):
    """The index knows one of its files only; to have that one alone would look like success."""
    words = ("download-matrices", PROJECT, "--kind", "dcp")
    if way != "matrices":
        uuid = run("get-files", "-f", "fileFormat=zarr", "--query", "hits[0].files[0].uuid", "--output", "tsv").stdout
        words = ("download", uuid.strip(), *((PROJECT, "-f", "fileFormat=tsv") if way != "uuid" else ()))
    outcome = run(*words, "-d", "data")
    assert outcome.exit_status == 0, outcome.stderr
    below = {name.removeprefix(f"{PROJECT}/retina.zarr/") for name in laid_out("data") if ".zarr/" in name}
    assert below == {".zattrs", ".zgroup", "expression/.zarray", "expression/0"}
    others = {
        "matrices": {"retina.loom"},
        "uuid": set(),
        "uuid and project": {"copy of notes.tsv", "plate #1_ notes.tsv"},
    }
    assert laid_out("data").keys() - {f"{PROJECT}/retina.zarr/{name}" for name in below} == {
        f"{PROJECT}/{name}" for name in others[way]
    }


def test_wrong_bytes_in_the_mirror_are_told_of_and_not_kept(run):
    outcome = run("download", PROJECT, "-f", "fileFormat=loom", "-d", "data")
    assert outcome.exit_status == 0
    assert f"the mirror has other bytes than promised ({PROJECT}/retina.loom: expected sha256" in outcome.stderr
    assert "1 file came from Azul" in outcome.stderr
    only = run("download", PROJECT, "-f", "fileFormat=loom", "-d", "other", "--source", "mirror")
    assert only.exit_status == 6
    assert laid_out("other") == {}


def test_what_nobody_has_fails_only_if_that_is_asked_for(run):
    outcome = run("download", PROJECT, "-f", "fileFormat=bam", "-d", "data", "--strict")
    assert outcome.exit_status == 4
    assert "lost.bam" in outcome.stderr


def test_failures_are_fetched_later(run, standin):
    rule = {"route": "GET /mirror/*", "status": 404}
    standin.scripted(rule, {"route": "GET /repository/files/*", "status": 404})
    outcome = run("download", PROJECT, "-f", "fileFormat=h5ad", "-d", "data", "--failures", "f.jsonl", "--layout",
                  "{species}/{name}", "--source", "mirror,azul")  # fmt: skip
    assert outcome.exit_status == 4
    standin.scripted()
    assert run("download", "--retry-failed", "f.jsonl", "-d", "data").json()["fetched"] == 1
    assert list(laid_out("data")) == ["Homo sapiens/retina.h5ad"]


@pytest.mark.parametrize(
    "change",
    [
        {"place": "../../evil"},
        {"place": "/etc/evil"},
        {"service": "dss"},
        {"uuid": "../x", "sha256": "x"},
        {"size": -1},
        {"azul_url": 5},
    ],
)
def test_a_file_of_failures_that_somebody_changed(run, standin, change):
    standin.scripted({"route": "GET /mirror/*", "status": 404})
    run("download", PROJECT, "-f", "fileFormat=h5ad", "-d", "data", "--failures", "f.jsonl", "--source", "mirror")
    told = json.loads(Path("f.jsonl").read_text())
    told["row"] |= change
    Path("f.jsonl").write_text(json.dumps(told) + "\n")
    outcome = run("download", "--retry-failed", "f.jsonl", "-d", "data")
    assert outcome.exit_status == 2
    assert "f.jsonl, line 1" in outcome.stderr
    assert laid_out("data") == {}


def test_redirects_with_waits_and_a_burst_of_429(run, standin, kidney):
    standin.scripted(
        {"route": "GET /repository/files/*", "calls": "1-5", "status": 429, "headers": {"Retry-After": "0"}},
        {"route": "GET /repository/files/*", "calls": "6-9", "redirects": 2, "wait": 0},
        {"route": "GET /repository/files/*", "calls": "10", "status": 503, "body": "<html>maintenance</html>"},
    )
    outcome = run("download", *KIDNEY, "-d", "data", "--source", "azul", "--min-delay-seconds", "0.01")
    assert outcome.exit_status == 0, outcome.stderr
    assert len(laid_out("data")) == len(kidney)


def test_urls_that_expired_and_connections_that_break(run, standin, kidney):
    standin.scripted(
        # One only: a file whose URL has expired twice is given up, and of several two may be of one file.
        {"route": "GET /repository/files/*", "calls": "1", "lifetime": 0},
        {"route": "GET /signed/files/*", "calls": "9-12", "cut": 100},
        {"route": "GET /signed/files/*", "calls": "13", "flip": 10},
        {"route": "GET /signed/files/*", "calls": "14", "status": 503, "body": "<Error><Code>SlowDown</Code></Error>"},
    )
    outcome = run("download", *KIDNEY, "-d", "data", "--source", "azul", "--min-delay-seconds", "0.01")
    assert outcome.exit_status == 0, outcome.stderr
    assert sorted(laid_out("data").values()) == sorted(kidney.values())


def test_a_look_up_and_a_fetch_for_each_file(run, standin, kidney):
    standin.scripted(limits={"files": f"{len(kidney)}/300", "retry_after": 3600})
    outcome = run("download", *KIDNEY, "-d", "data", "--source", "azul", "--num-retries", "0")
    assert outcome.exit_status == 0, outcome.stderr


def test_files_by_name(run, standin):
    files = run("get-files", "-f", f"project={PROJECT}", "-f", "fileFormat=h5ad,loom").stdout.splitlines()
    hits = [json.loads(line)["files"][0] for line in files]
    uuid, digest = hits[0]["uuid"], hits[1]["sha256"]
    page = "https://explore.data.humancellatlas.org/projects/" + json.loads(files[0])["projects"][0]["projectId"][0]
    outcome = run("download", uuid, digest, f"{standin.url}/repository/files/{uuid}", "-d", "data", "--layout", "flat")
    assert (outcome.exit_status, outcome.json()["files"]) == (0, 2), outcome.stderr
    assert sorted(laid_out("data")) == sorted(hit["name"] for hit in hits)
    assert run("download", page, "-f", "fileFormat=loom", "-d", "data", "--dry-run").json()["files"] == 1


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ((), 2, "nothing says what to download"),
        (("nonsense",), 4, "no project 'nonsense'"),
        (("-f", "organ=kidney", "data"), 4, "the directory to download to is given with -d"),
        (("00000000-0000-4000-8000-000000000000",), 4, "neither a file nor a project"),
        (("0" * 64,), 4, "the mirror does not have"),
        (("-f", "organn=kidney"), 2, "organ"),
        ((PROJECT, "--layout", "tree"), 2, "no layout"),
        ((PROJECT, "--source", "ftp"), 2, "sources"),
        ((PROJECT, "--max-bytes", "1K"), 2, "more than the 1,000 allowed"),
        ((PROJECT, "--max-bytes", "foo"), 2, "'foo' is not a number of bytes, at least 1, such as"),
        (
            (PROJECT, "--manifest", "x"),
            2,
            f"--manifest and {PROJECT} (a directory is given with -d) exclude each other",
        ),
        (("-f", "organ=kidney", "--lock", "x"), 2, "--lock and filters exclude each other"),
        (("--manifest", "nowhere.tsv"), 2, "nowhere.tsv"),
        (("--lock", "nowhere.json"), 2, "nowhere.json"),
        (("--retry-failed", "nowhere.jsonl"), 2, "nowhere.jsonl"),
        (("-c", "dcp1", PROJECT), 4, "dcp1"),
        (("http://[", "-d", "data"), 2, "names no data"),
        (("drs://x/y",), 2, "can't be downloaded"),
    ],
)
def test_what_is_refused(run, words, status, said):
    outcome = run("download", *words)
    assert outcome.exit_status == status, outcome.stderr
    assert said in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert laid_out(".") == {}


def rows_of(run, *columns: str) -> list[dict[str, str]]:
    """Return these cells of the compact manifest of the special project."""
    table = run("create-manifest", "-f", f"project={PROJECT}", "--to", "-").stdout
    return [{name: one[name] for name in columns} for one in csv.DictReader(io.StringIO(table), dialect="excel-tab")]


def write_manifest(rows: list[dict[str, str]]) -> None:
    with open("m.tsv", "w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0], dialect="excel-tab")
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("layout", ["none", "flat", "project"])
def test_no_identity_of_a_manifest_leads_out(run, layout, mirror):
    told = rows_of(run, "file_uuid", "file_name", "file_size", "file_mirror_uri", "file_drs_uri")
    whole = next(one for one in told if one["file_name"] == "retina.h5ad")
    evil = whole | {"file_uuid": "../../../evil", "file_name": ".."}
    write_manifest([evil if mirror else evil | {"file_mirror_uri": ""}])  # then no digest is told
    Path("a/b").mkdir(parents=True)
    outcome = run("download", "--manifest", "m.tsv", "-d", "a/b/data", "--layout", layout)
    assert outcome.exit_status == 0, outcome.stderr
    assert [path for path in laid_out(".") if not path.startswith(("a/b/data", "m.tsv"))] == []


def test_a_manifest_of_mirror_addresses_is_checked_by_them(run):
    told = [one for one in rows_of(run, "file_mirror_uri") if one["file_mirror_uri"]]
    write_manifest(told)
    outcome = run("download", "--manifest", "m.tsv", "-d", "data", "--layout", "flat")
    assert outcome.exit_status == 7
    found = laid_out("data")
    # One is wrong there, one is missing, and two are the same.
    assert len(found) == len({one["file_mirror_uri"] for one in told}) - 2
    assert all(name == digest for name, digest in found.items())


def test_a_manifest_of_addresses_at_azul_is_checked_by_the_index(run):
    told = [one for one in rows_of(run, "file_azul_url", "file_name") if one["file_name"].endswith("loom")]
    write_manifest([{"file_azul_url": one["file_azul_url"]} for one in told])
    outcome = run("download", "--manifest", "m.tsv", "-d", "data", "--layout", "flat")
    assert (outcome.exit_status, list(laid_out("data"))) == (0, ["retina.loom"]), outcome.stderr


def test_what_nobody_can_check_is_told(run):
    told = [one for one in rows_of(run, "file_drs_uri", "file_name") if one["file_drs_uri"]]
    write_manifest(told)
    outcome = run("download", "--manifest", "m.tsv", "-d", "data", "--layout", "flat")
    assert outcome.exit_status == 0, outcome.stderr
    assert len(laid_out("data")) == len(told)
    assert f"of {len(told)} files no sha256 is told" in outcome.stderr


def test_a_project_that_may_not_be_read_is_no_empty_one(run):
    outcome = run("download", "ManagedLungCohort", "-d", "data")
    assert outcome.exit_status == 3
    assert "ManagedLungCohort are managed" in outcome.stderr
    outcome = run("download", PROJECT, "-f", "fileFormat=nothing", "-d", "data")
    assert outcome.exit_status == 0
    assert f"no file of {PROJECT} matches" in outcome.stderr


def test_who_lacks_a_login_is_told_to_log_in(run, standin):
    standin.scripted({"route": "GET /repository/files/*", "status": 401})
    outcome = run("download", PROJECT, "-f", "fileFormat=h5ad,loom", "-d", "data", "--source", "azul")
    assert outcome.exit_status == 3
    assert "\nnext: hca azul login; then run the same command again" in outcome.stderr


def test_a_page_of_another_catalog_is_not_taken_for_this_one(run):
    project = run("get-projects", "-f", f"project={PROJECT}", "-c", "dcp45", "--output", "json", "--query",
                  "hits[0].entryId").json()  # fmt: skip
    page = f"https://explore.data.humancellatlas.org/projects/{project}?catalog=dcp45"
    outcome = run("download", page, "-d", "data")
    assert outcome.exit_status == 2
    assert "--catalog dcp45" in outcome.stderr
    assert run("download", page, "-d", "data", "-c", "dcp45", "--dry-run").exit_status == 0


def test_nothing_found_is_said(run):
    outcome = run("download", "-f", "organ=Kidney", "-d", "data")
    assert outcome.exit_status == 0
    assert "organ is never 'Kidney': did you mean 'kidney'?" in outcome.stderr


def test_a_manifest_of_nothing_is_told(run):
    assert run("create-manifest", "-f", f"project={PROJECT}", "--to", "m.tsv").exit_status == 0
    Path("m.tsv").write_bytes(Path("m.tsv").read_bytes().splitlines(keepends=True)[0])
    outcome = run("download", "--manifest", "m.tsv", "-d", "data")
    assert (outcome.exit_status, outcome.stderr) == (0, "hca: the manifest m.tsv lists no files\n")


def test_a_manifest_for_curl_makes_the_tree_that_curl_makes(run):
    """But checked: its rows have no digests, the index has."""
    run("create-manifest", "-f", f"project={PROJECT}", "--format", "curl", "--to", "it.curlrc")
    outcome = run("download", "--manifest", "it.curlrc", "-d", "data")
    assert outcome.exit_status == 0, outcome.stderr
    options = Path("it.curlrc").read_text().splitlines()
    asked = {line.removeprefix('output="').removesuffix('"') for line in options if line.startswith("output=")}
    assert set(laid_out("data")) == asked


def test_a_manifest_for_curl_that_begins_in_the_mirror_is_checked_too(run, standin):
    """As AnVIL's do; what comes behind has no digest in its address."""
    (told,) = (one for one in rows_of(run, "file_name", "file_mirror_uri") if one["file_name"] == "retina.h5ad")
    _, bucket, key = told["file_mirror_uri"].removeprefix("s3:/").split("/", 2)
    run("create-manifest", "-f", f"project={PROJECT}", "--format", "curl", "--to", "it.curlrc")
    with open("it.curlrc", "a") as stream:
        stream.write("\n")
    other = Path("it.curlrc").read_text()
    begin = f'url="https://{bucket}.s3.amazonaws.com/{key}"\noutput="x/first.h5ad"\n\n'
    Path("it.curlrc").write_text(begin + other)
    standin.scripted({"route": "GET /signed/files/*", "calls": "1", "flip": 3})
    outcome = run("download", "--manifest", "it.curlrc", "-d", "data", "--min-delay-seconds", "0.01")
    assert outcome.exit_status == 0, outcome.stderr
    assert "of 3 files no sha256 is told" in outcome.stderr  # chunks of zarr, which the index does not know
    assert {path.split("/")[0] for path in laid_out("data")} > {"no bundle"}


@pytest.mark.parametrize("sources", ["mirror", "azul"])
def test_a_killed_download_goes_on(standin, kidney, isolated_home, sources):
    """Killed once something is there; then a run finishes it, and what was there is not fetched again."""
    folders = {"HOME": str(isolated_home), "XDG_CONFIG_HOME": str(isolated_home)}
    env = {**folders, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **standin.environment}
    command = ["hca", "azul", "download", *KIDNEY, "-d", "data", "--source", sources]
    # One of the first files never ends: so the run is in its middle when it is killed.
    standin.scripted(*({"route": f"GET {path}/*", "calls": "20-", "stall": 1} for path in ("/mirror", "/signed/files")))
    with subprocess.Popen([*command, "--events", "e.jsonl"], env=env, stdout=subprocess.DEVNULL) as process:
        until(lambda: process.poll() is not None or len(laid_out("data")) >= 10)
        process.send_signal(signal.SIGKILL)
    there = laid_out("data")
    assert 10 <= len(there) < len(kidney)
    standin.scripted()
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["present"] >= len(there)
    assert sorted(laid_out("data").values()) == sorted(kidney.values())
    assert not list(Path("data").rglob("*.part"))
