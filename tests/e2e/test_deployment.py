"""The main jobs against the embedded deployment: listing, whole downloads, an end in the middle, the wire itself."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
import requests  # noqa: TID253 - a client that is not ours

from hca_core.transfer.pace import MOST as MOST_CONNECTIONS

COLUMNS = ("bundle_uuid", "bundle_version", "file_name", "file_uuid", "file_version", "file_sha256", "file_size")
STORED = re.compile(r"\.hca/v2/files_2_4/([0-9a-f]{2})/([0-9a-f]{4})/(\1\2[0-9a-f]{58})")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write_manifest(bundles) -> dict[str, bytes]:
    """Write a manifest of all files of `bundles` and return their distinct contents by sha256."""
    contents = {}
    lines = ["\t".join(COLUMNS)]
    for bundle in bundles:
        for name, file in bundle.files:
            digest = sha256(file.content)
            contents[digest] = file.content
            cells = (bundle.uuid, bundle.version, name, file.uuid, file.version, digest, str(len(file.content)))
            lines.append("\t".join(cells))
    Path("all.tsv").write_text("\n".join(lines) + "\n")
    return contents


def files_below(folder: str) -> list[str]:
    return [os.path.join(where, name) for where, _, names in os.walk(folder) for name in names]


# Listing


def test_all_living_bundles_are_listed(hca, living):
    result = hca("dss", "get-bundles-all", "--replica", "aws", "--output", "jsonl")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(row["uuid"], row["version"]) for row in rows] == [(one.uuid, one.version) for one in living]


def test_pages_and_prefixes(hca, living):
    document = json.loads(hca("dss", "get-bundles-all", "--replica", "gcp", "--per-page", "10").stdout)
    assert len(document["bundles"]) == len(living)
    first = json.loads(hca("dss", "get-bundles-all", "--replica", "aws", "--per-page", "10", "--no-paginate").stdout)
    assert (len(first["bundles"]), first["has_more"]) == (10, True)
    result = hca("dss", "get-bundles-all", "--replica", "aws", "--prefix", "ff", "--output", "tsv")
    begun = [one for one in living if one.uuid.startswith("ff")]
    assert result.stdout.splitlines() == ["uuid\tversion", *(f"{one.uuid}\t{one.version}" for one in begun)]


def test_a_private_deployment_for_one_command(run, tmp_path, env, living):
    del env["HCA_CONFIG_FILE"]
    command = ("hca", "local", "run", "--", "hca", "dss", "get-bundles-all", "--replica", "aws", "--output", "table")
    result = run(*command)
    assert (result.returncode, result.stderr) == (0, "")
    assert len(result.stdout.splitlines()) == len(living) + 2


def test_a_private_deployment_knows_its_user_and_has_buckets(run, env):
    """With nothing of the shared deployment in the environment, and no login."""
    bare = {name: value for name, value in env.items() if not name.startswith(("HCA_", "AWS_"))}
    Path("data").mkdir()
    Path("data", "a.json").write_text("{}")
    script = """
    python -c "import boto3; boto3.client('s3').create_bucket(Bucket='staging')"
    hca dss upload --src-dir data --replica aws --staging-bucket staging --query 'files[].name'
    hca dss get-collections
    """
    result = run("hca", "local", "run", "--empty", "--", "sh", "-ec", script, env=bare)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.split() == ["[", '"a.json"', "]", "{", '"collections":', "[]", "}"]


def test_a_bundle_of_many_pages_is_one_document(hca, sample):
    (bundle,) = [one for one in sample.bundles if len(one.files) == 1200]
    document = json.loads(hca("dss", "get-bundle", "--replica", "aws", "--uuid", bundle.uuid).stdout)
    assert document.keys() == {"bundle"}
    listed = document["bundle"].pop("files")
    assert [file["name"] for file in listed] == [name for name, _ in bundle.files]
    assert document["bundle"] == {"uuid": bundle.uuid, "version": bundle.version, "creator_uid": 8008}


def test_a_deleted_bundle_is_not_found(hca, sample):
    stone = next(one for one in sample.tombstones if one.version is None)
    result = hca("dss", "get-bundle", "--replica", "aws", "--uuid", stone.uuid)
    assert (result.returncode, result.stdout) == (4, "")
    assert result.stderr.startswith("hca: not_found: Cannot find bundle! (HTTP 404")


# Downloads


def test_a_download_that_is_killed_in_its_middle_is_finished_by_the_next(hca, env, deployment, living):
    contents = write_manifest(living)
    before = len(deployment.requests("GET", "/s3/"))
    words = ("dss", "download-manifest", "--replica", "aws", "--manifest", "all.tsv", "--download-dir", "d")
    # It tells of each file through a pipe that nobody empties any more: it can't end before it is killed.
    reading, writing = os.pipe()
    command = ["hca", *words, "--events", f"/dev/fd/{writing}"]
    null = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, env=env, pass_fds=(writing,), **null)
    os.close(writing)
    with open(reading) as events:
        fetched = (line for line in events if json.loads(line).get("status") == "fetched")
        assert len(list(itertools.islice(fetched, len(contents) // 4 + 1))) > len(contents) // 4
        process.send_signal(signal.SIGKILL)
        assert process.wait(60) == -signal.SIGKILL
    assert sum(STORED.search(path) is not None for path in files_below("d")) > len(contents) // 4
    assert len(files_below("d")) < len(contents)
    result = hca(*words)
    assert (result.returncode, result.stderr) == (0, "")
    report = json.loads(result.stdout)
    assert (report["files"], report["failed"]) == (len(contents), [])
    assert report["present"] >= len(contents) // 4
    assert {STORED.search(path).group(3): Path(path).read_bytes() for path in files_below("d")} == contents
    # An empty file needs no request; those that were on their way when the process was killed need another.
    fetched = len(deployment.requests("GET", "/s3/")) - before
    assert len(contents) - 1 <= fetched <= len(contents) + MOST_CONNECTIONS
    rows = Path("all.tsv").read_bytes().split(b"\r\n")
    assert rows[0].endswith(b"\tfile_path")
    assert all(STORED.fullmatch(row.rpartition(b"\t")[2].decode().removeprefix("d/")) for row in rows[1:-1])


def test_two_downloads_into_one_directory_at_once(hca, env, sample):
    """Layout bundle, with odd names: nested, blanks, non-ASCII, an empty file, equal contents."""
    (bundle,) = [one for one in sample.bundles if any("Übersicht" in name for name, _ in one.files)]
    words = ("hca", "dss", "download", "--replica", "gcp", "--bundle-uuid", bundle.uuid, "--download-dir", "d")
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(words, env=env, **settings) for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
    folder = f"d/{bundle.uuid}.{bundle.version}"
    wanted = {os.path.join(folder, name): file.content for name, file in bundle.files}
    got = {path: Path(path).read_bytes() for path in files_below(folder)}
    assert got.pop(f"{folder}/bundle.json")
    assert got == wanted
    assert all(STORED.search(path) for path in files_below("d/.hca"))


def test_a_download_from_a_service_that_prepares_blobs(start, run, env, sample):
    """301 with Retry-After before the first download of each blob: waited for as asked, and fetched."""
    slow = start("--first-get-redirects", "2", "--retry-after", "1")
    (bundle,) = [one for one in sample.bundles if any("Übersicht" in name for name, _ in one.files)]
    fetched = [file for name, file in bundle.files if name.startswith("analysis")]
    begun = time.monotonic()
    words = ("--bundle-uuid", bundle.uuid, "--data-filter", "analysis*", "--metadata-filter", "analysis*")
    result = run("hca", "dss", "download", "--replica", "aws", *words, env={**env, **slow.environment})
    assert result.returncode == 0
    assert time.monotonic() - begun >= 2
    assert json.loads(result.stdout)["files"] == len({sha256(file.content) for file in fetched})
    asked = [one for one in slow.requests("GET", "/v1/files/") if fetched[1].uuid in one]
    assert [("token=" in one) for one in asked] in ([False, True, True], [])


# Files


@pytest.mark.parametrize("name", ["links.json", "SRR6579532_2.fastq.gz"])
def test_get_file_writes_the_bytes_as_they_are(hca, sample, name):
    bundle = next(one for one in sample.bundles if one.uuid.startswith("ffffaf55"))
    file = dict(bundle.files)[name]
    result = hca("dss", "get-file", "--replica", "aws", "--uuid", file.uuid, text=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, file.content, b"")
    result = hca("dss", "get-file", "--replica", "gcp", "--uuid", file.uuid, "-o", "out")
    assert (result.returncode, Path("out").read_bytes()) == (0, file.content)


def test_head_file_spells_the_headers_as_published(hca, sample):
    file = sample.bundles[0].files[0][1]
    words = ("--replica", "aws", "--uuid", file.uuid, "--version", file.version)
    headers = json.loads(hca("dss", "head-file", *words).stdout)
    told = {name: value for name, value in headers.items() if name.startswith("X-DSS-")}
    assert told.pop("X-DSS-S3-ETAG")
    assert told.pop("X-DSS-SHA1")
    assert told.pop("X-DSS-CRC32C")
    assert told == {
        "X-DSS-CREATOR-UID": "8008",
        "X-DSS-VERSION": file.version,
        "X-DSS-CONTENT-TYPE": file.content_type,
        "X-DSS-SIZE": str(len(file.content)),
        "X-DSS-SHA256": sha256(file.content),
    }


def test_presigned_addresses_work_for_any_client(hca, run, sample):
    bundle = next(one for one in sample.bundles if one.uuid.startswith("ffffaf55"))
    words = ("--replica", "aws", "--uuid", bundle.uuid, "--presignedurls", "true")
    document = json.loads(hca("dss", "get-bundle", *words).stdout)
    with requests.Session() as session:
        for file in document["bundle"]["files"]:
            answer = session.get(file["url"], timeout=60)
            assert (answer.status_code, sha256(answer.content)) == (200, file["sha256"])
            part = session.get(file["url"], headers={"Range": "bytes=5-9"}, timeout=60)
            assert (part.status_code, part.content) == (206, answer.content[5:10])
        refused = session.get(file["url"].partition("?")[0], timeout=60)
    assert refused.status_code == 403


# The wire


def test_the_first_download_is_redirected_with_a_token(start, sample):
    fresh = start("--first-get-redirects", "2", "--retry-after", "3")
    file = next(file for _, file in sample.bundles[0].files if not file.indexed)
    url, seen = f"{fresh.url}/files/{file.uuid}?replica=aws", []
    with requests.Session() as session:
        for _ in range(3):
            answer = session.get(url, allow_redirects=False, timeout=60)
            seen.append((answer.status_code, answer.headers.get("Retry-After"), "token=" in answer.headers["Location"]))
            url = answer.headers["Location"]
        again = session.get(f"{fresh.url}/files/{file.uuid}?replica=aws", allow_redirects=False, timeout=60)
        content = session.get(url, timeout=60).content
    assert seen == [(301, "3", True), (301, "3", True), (302, None, False)]
    assert (again.status_code, content) == (302, file.content)


def test_a_fault_on_request(deployment):
    with requests.Session() as session:
        for probability, status in (("1", 504), ("0", 200)):
            headers = {"DSS_FAKE_504_PROBABILITY": probability}
            answer = session.get(f"{deployment.url}/bundles/all?replica=aws", headers=headers, timeout=60)
            assert answer.status_code == status
            assert answer.headers.get("Retry-After") == ("10" if status == 504 else None)
