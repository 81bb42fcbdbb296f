"""`hca dss upload`: a directory is staged in a real S3 server, registered with a scripted DSS, and made a bundle."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import re
import threading
from base64 import b64encode
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from waiting import until

from hca.dss import DSSClient
from hca_core import checksums
from hca_core.errors import ExitStatus, UsageError
from hca_core.s3 import bodies
from hca_core.testing import reply
from hca_dss import waiting
from hca_dss.upload import UploadError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_core.testing import LoopbackService, Outcome

    Upload = Callable[..., Outcome]

FILES = {
    "project_0.json": b'{"project_core": {}}',
    "reads/R1.fastq.gz": b"\x1f\x8b not really",
    "a b/100% #1 ünï.txt": b"hello",
    "empty": b"",
}
MEBIBYTE = 1024 * 1024


@pytest.fixture
def data() -> Path:
    """A directory `data` below the current one."""
    return fill(Path("data"), FILES)


def fill(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@pytest.fixture
def upload(registry: Any, bucket: Any, hca: Callable[..., Outcome]) -> Upload:
    """A function that runs `hca dss upload` on the directory `data`, with more options and variables."""

    def run(*options: str, **variables: Any) -> Outcome:
        words = ["--src-dir", "data", "--replica", "aws", "--staging-bucket", bucket.name, *options]
        return hca("dss", "upload", *words, **variables)

    return run


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> int:
    """Make files of more than 5 MiB go in parts, as those of more than 64 MiB do; S3 allows no smaller ones."""
    monkeypatch.setattr(checksums, "PART_SIZE", 5 * MEBIBYTE)
    return 5 * MEBIBYTE


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_FIRST", 0.01)


def journals() -> list[Path]:
    return list((Path.home() / ".local/state/hca/uploads").glob("*"))


def parts(bucket: Any) -> list[int]:
    """Return the numbers of the parts that S3 has of uploads that were not completed."""
    found = []
    for one in bucket.s3.list_multipart_uploads(Bucket=bucket.name).get("Uploads", []):
        listed = bucket.s3.list_parts(Bucket=bucket.name, Key=one["Key"], UploadId=one["UploadId"])
        found += [part["PartNumber"] for part in listed.get("Parts", [])]
    return found


def content(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def test_a_directory_becomes_a_bundle(data: Path, upload: Upload, registry: Any, bucket: Any) -> None:
    outcome = upload()
    assert (outcome.exit_status, outcome.stderr) == (0, "")
    told = outcome.json()
    assert list(told) == ["bundle_uuid", "creator_uid", "replica", "version", "files"]
    assert (told["creator_uid"], told["replica"]) == (0, "aws")
    assert [file["name"] for file in told["files"]] == sorted(FILES)
    for file in told["files"]:
        assert (file["version"], file["creator_uid"]) == (told["version"], 0)
        registered = registry.files[file["uuid"], file["version"]]
        key = f"{file['uuid']}/{file['name'].rpartition('/')[2]}"
        assert registered == {"creator_uid": 0, "source_url": f"s3://{bucket.name}/{key}", "key": key}
        assert bucket.read(key) == FILES[file["name"]]
    bundle = registry.bundles[told["bundle_uuid"], told["version"]]
    assert bundle["replica"] == "aws"
    assert bundle["files"] == [
        {"name": one["name"], "uuid": one["uuid"], "version": one["version"], "indexed": one["name"].endswith(".json")}
        for one in told["files"]
    ]
    types = {file["name"]: bucket.content_type(f"{file['uuid']}/{Path(file['name']).name}") for file in told["files"]}
    assert types == {
        "project_0.json": "application/json",
        "reads/R1.fastq.gz": "application/gzip; dcp-type=data",
        "a b/100% #1 ünï.txt": "text/plain; dcp-type=data",
        "empty": "application/octet-stream; dcp-type=data",
    }
    assert journals() == []


def test_a_small_file_costs_two_requests(data: Path, upload: Upload, registry: Any, bucket: Any) -> None:
    upload()
    assert sorted(one.what for one in bucket.asked) == ["HEAD", *["PUT"] * len(FILES)]
    assert sorted(registry.asked()) == ["PUT bundles", *["PUT files"] * len(FILES)]
    assert not [one for one in bucket.asked if "expect" in one.headers], "a request that waits for leave costs time"


def test_secrets_stay_with_their_hosts(data: Path, upload: Upload, dss: LoopbackService, bucket: Any) -> None:
    upload()
    assert "a-secret-token" not in str(bucket.asked)
    for request in dss.asked("PUT"):
        assert request.headers["Authorization"] == "Bearer a-secret-token"
        assert "AWS" not in str(request.headers)


@pytest.mark.parametrize("spelled", [".", "../data/", "./sub/..", "$PWD"])
def test_names_do_not_depend_on_how_the_directory_is_spelled(
    data: Path, upload: Upload, spelled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(data, {"sub/data/b": b"2"})
    monkeypatch.chdir(data)
    outcome = upload("--src-dir", spelled.replace("$PWD", os.getcwd()), "--query", "files[].name")
    assert outcome.json() == sorted([*FILES, "sub/data/b"])


def test_the_bundle_can_be_named(data: Path, upload: Upload, registry: Any) -> None:
    uuid = "ABCDEFGH-0000-4000-8000-000000000001"  # the service takes any letters, and no capitals
    assert upload("--bundle-uuid", uuid).json()["bundle_uuid"] == uuid.lower()
    assert [one for one, _ in registry.bundles] == [uuid.lower()]


def test_the_creator_is_configured(data: Path, upload: Upload, registry: Any) -> None:
    Path("creator.json").write_text('{"creator_uid": 8008}')
    told = upload(env={"HCA_CONFIG_FILE": "creator.json"}).json()
    assert {told["creator_uid"], *(file["creator_uid"] for file in told["files"])} == {8008}
    assert {file["creator_uid"] for file in registry.files.values()} == {8008}
    Path("creator.json").write_text('{"creator_uid": "me"}')
    outcome = upload(env={"HCA_CONFIG_FILE": "creator.json"})
    assert (outcome.exit_status, "creator_uid is 'me'" in outcome.stderr) == (2, True)


def test_a_bucket_may_be_an_address(data: Path, upload: Upload, bucket: Any) -> None:
    assert upload("--staging-bucket", f"s3://{bucket.name}/").exit_status == 0


def test_the_published_signature(data: Path, registry: Any, bucket: Any) -> None:
    names = list(inspect.signature(DSSClient.upload).parameters)
    assert names[1:] == ["src_dir", "replica", "staging_bucket", "timeout_seconds", "no_progress", "bundle_uuid"]
    uuid = "00000000-0000-4000-8000-000000000001"
    told = DSSClient().upload("data/", "aws", bucket.name, 1200, True, uuid)
    assert told["bundle_uuid"] == uuid
    with pytest.raises(UsageError, match="must be one of aws, gcp"):
        DSSClient().upload("data", "azure", bucket.name)


# What is wrong with the directory or the arguments: all is told, nothing is sent.


def test_everything_wrong_with_the_directory_is_told_before_anything_is_sent(
    data: Path, upload: Upload, registry: Any, bucket: Any
) -> None:
    (data / "outside").symlink_to("/etc/hostname")
    (data / "dangling").symlink_to("nothing")
    (data / "loop").symlink_to(".")
    (data / "reads/.hidden").write_text("x")
    (data / "back\\slash").write_text("x")
    os.mkfifo(data / "pipe")
    with open(os.path.join(os.fsencode(data), b"latin-\xe9"), "wb"):
        pass
    outcome = upload()
    assert (outcome.exit_status, outcome.stdout) == (2, "")
    assert outcome.stderr.count("\n  ") == 7
    for sentence in (
        "outside is a link to something outside the folder",
        "dangling is a link to nothing",
        "loop is a link to a folder",
        "reads/.hidden has a name that the service refuses",
        "back\\slash has a name that the service refuses",
        "pipe is not a regular file",
        "has a name that is not UTF-8",
    ):
        assert sentence in outcome.stderr
    assert (registry.asked(), bucket.asked) == ([], [])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--src-dir", "nowhere"], "nowhere is not a folder"),
        (["--src-dir", "data/empty"], "data/empty is not a folder"),
        (["--src-dir", "bare"], "bare has no files in it"),
        (["--replica", "azure"], "'azure' is not one of 'aws', 'gcp'"),
        (["--bundle-uuid", "x"], "'x' is not a uuid"),
        (["--staging-bucket", "gs://bucket"], "staged in S3, not in gs"),
        (["--staging-bucket", "s3://bucket/prefix"], "more than a bucket's name"),
        (["--staging-bucket", "no bucket"], "can't be the name of a bucket"),
        (["--timeout-seconds", "soon"], "'soon' is not a valid integer"),
    ],
)
def test_wrong_arguments(
    data: Path, upload: Upload, registry: Any, bucket: Any, options: list[str], sentence: str
) -> None:
    Path("bare/below").mkdir(parents=True)
    outcome = upload(*options)
    assert (outcome.exit_status, outcome.stdout) == (2, "")
    assert sentence in outcome.stderr
    assert (registry.asked(), bucket.asked) == ([], [])


@pytest.mark.parametrize("missing", ["--src-dir", "--replica", "--staging-bucket"])
def test_required_options_are_named(hca: Callable[..., Outcome], dss: LoopbackService, missing: str) -> None:
    """DC-128."""
    given = {"--src-dir": "data", "--replica": "aws", "--staging-bucket": "b"}
    words = [word for name, value in given.items() if name != missing for word in (name, value)]
    outcome = hca("dss", "upload", *words)
    assert (outcome.exit_status, missing in outcome.stderr, dss.requests) == (2, True, [])


def test_names_that_clash_are_told(data: Path, upload: Upload) -> None:
    fill(data, {"EMPTY": b"", "line\nend": b""})
    outcome = upload()
    assert outcome.exit_status == 0
    assert "differ in case only, which not all disks can tell apart: EMPTY, empty" in outcome.stderr
    assert "file name 'line\\nend' has a control character" in outcome.stderr


def test_no_login(data: Path, upload: Upload, registry: Any, bucket: Any) -> None:
    outcome = upload(env={"HCA_TOKEN": None})
    assert (outcome.exit_status, bucket.asked, registry.asked()) == (3, [], [])


@pytest.mark.parametrize(
    ("variables", "options", "status", "sentence"),
    [
        ({}, ["--staging-bucket", "there-is-none"], ExitStatus.NOT_FOUND, "there is no staging bucket 'there-is-none'"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, [], ExitStatus.LOGIN, "refuses these keys (403"),
        ({"AWS_ACCESS_KEY_ID": None}, [], ExitStatus.LOGIN, "there are no keys for the staging bucket"),
        ({"AWS_PROFILE": "nobody"}, [], ExitStatus.USAGE, "profile (nobody) could not be found"),
        ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}, [], ExitStatus.NETWORK, "S3 can't be reached"),
        ({"AWS_ENDPOINT_URL_S3": "nonsense"}, [], ExitStatus.USAGE, "Invalid endpoint"),
    ],
)
def test_a_bucket_that_can_not_be_used(
    data: Path,
    upload: Upload,
    registry: Any,
    bucket: Any,
    once: dict[str, str],
    variables: dict[str, str | None],
    options: list[str],
    status: int,
    sentence: str,
) -> None:
    outcome = upload(*options, env={**once, **variables})
    assert (outcome.exit_status, outcome.stdout) == (status, "")
    assert sentence in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 2, "one sentence and a next step"
    assert "next: " in outcome.stderr
    assert {one.method for one in bucket.asked} <= {"HEAD"}
    assert registry.asked() == []


@pytest.fixture
def once() -> dict[str, str]:
    """Variables that make every request be tried once."""
    Path("once.json").write_text('{"http": {"tries": 1}}')
    return {"HCA_CONFIG_FILE": "once.json"}


# Large files.


def test_a_large_file_goes_in_parts(upload: Upload, small_parts: int, registry: Any, bucket: Any) -> None:
    fill(Path("data"), {"large.bam": content(2 * small_parts + 1), "one_part": content(small_parts)})
    told = upload().json()
    large, one_part = (f"{file['uuid']}/{file['name']}" for file in told["files"])
    sums = checksums.of_file("data/large.bam")
    assert sums.s3_etag.endswith("-3")
    assert bucket.tags(large)["hca-dss-s3_etag"] == sums.s3_etag
    assert bucket.s3.head_object(Bucket=bucket.name, Key=large)["ETag"] == f'"{sums.s3_etag}"'
    assert bucket.content_type(large) == "application/octet-stream; dcp-type=data"
    assert sorted(one.what for one in bucket.asked if one.key == large) == [
        "POST ?uploadId",
        "POST ?uploads",
        *["PUT ?partNumber&uploadId"] * 3,
        "PUT ?tagging",
    ]
    assert [one.what for one in bucket.asked if one.key == one_part] == ["PUT"]
    assert {one.headers["x-amz-content-sha256"] for one in bucket.asked if "partNumber" in one.query} == {
        "UNSIGNED-PAYLOAD"
    }
    assert len(registry.files) == 2
    assert bucket.unfinished() == []


@pytest.mark.parametrize("size", [10, 11 * MEBIBYTE])
def test_bytes_that_go_wrong_are_noticed(
    upload: Upload, small_parts: int, registry: Any, bucket: Any, size: int
) -> None:
    fill(Path("data"), {"x": content(size)})

    def wrong_etag(request: Any) -> Any:
        if request.method == "PUT" and "tagging" not in request.query:
            return reply(headers={"ETag": f'"{"0" * 32}"'})
        return None

    bucket.fault = wrong_etag
    outcome = upload()
    assert (outcome.exit_status, outcome.stdout) == (ExitStatus.INTEGRITY, "")
    assert "expected the ETag" in outcome.stderr
    assert registry.asked() == []
    bucket.fault = lambda request: None
    assert upload().exit_status == 0
    assert bucket.unfinished() == []


def test_etags_that_are_no_md5_are_accepted(upload: Upload, registry: Any, bucket: Any) -> None:
    """Buckets that encrypt with keys of KMS have such; there S3 checks the MD5 that goes with each request."""
    fill(Path("data"), {"x": b"x"})

    def encrypted(request: Any) -> Any:
        if request.method != "PUT":
            return None
        assert request.headers["content-md5"] == b64encode(hashlib.md5(b"x").digest()).decode()
        bucket.s3.put_object(Bucket=bucket.name, Key=request.key, Body=b"x", Tagging=request.headers["x-amz-tagging"])
        return reply(headers={"ETag": '"opaque"', "x-amz-server-side-encryption": "aws:kms"})

    bucket.fault = encrypted
    assert upload().exit_status == 0


@pytest.mark.parametrize("size", [10, 11 * MEBIBYTE])
@pytest.mark.parametrize("change", ["longer", "shorter", "touched"])
def test_a_file_that_changes_meanwhile(
    upload: Upload,
    small_parts: int,
    registry: Any,
    bucket: Any,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
    change: str,
) -> None:
    path = fill(Path("data"), {"x": content(size), "y": b"y"}) / "x"
    fill_once = bodies.Source.fill

    def changing(self: Any, view: Any, take: Any) -> None:
        if os.path.basename(self.path) == "x":
            if change == "touched":
                os.utime(path, ns=(0, 0))
            else:
                os.truncate(path, path.stat().st_size + (1 if change == "longer" else -1))
        fill_once(self, view, take)

    monkeypatch.setattr(bodies.Source, "fill", changing)
    outcome = upload()
    assert (outcome.exit_status, outcome.stdout) == (ExitStatus.PARTLY, "")
    assert "1 file done, 1 failed, no bundle made" in outcome.stderr
    assert "x: it changed while it was being sent" in outcome.stderr
    assert [file["key"].rpartition("/")[2] for file in registry.files.values()] == ["y"]
    monkeypatch.undo()


def test_a_file_that_goes_meanwhile(data: Path, upload: Upload, registry: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = bodies.Source.__enter__

    def gone(self: Any) -> Any:
        if os.path.basename(self.path) == "empty":
            os.unlink(self.path)
        return opened(self)

    monkeypatch.setattr(bodies.Source, "__enter__", gone)
    outcome = upload()
    assert outcome.exit_status == ExitStatus.PARTLY
    assert "empty: it can't be read: No such file or directory" in outcome.stderr


# Copies that take the service a while.


def test_a_copy_that_takes_a_while_is_waited_for(
    data: Path, upload: Upload, registry: Any, dss: LoopbackService, no_waits: None
) -> None:
    registered = registry.put_file
    slow = []

    def put(request: Any) -> Any:
        if len(slow) == 2:
            return registered(request)
        slow.append(request.path)
        registered(request)
        dss.on("HEAD", request.path).fail(404, times=2).reply()
        return reply(status=202, json={"task_id": "t", "version": dict(request.query)["version"]})

    dss.on("PUT", "/v1/files/*")._answers[:] = [put]
    told = upload("--jobs", "1").json()
    for path in slow:
        looks = dss.asked("HEAD", path)
        assert len(looks) == 3
        assert dict(looks[0].query) == {"replica": "aws", "version": told["version"]}
    assert len(dss.asked("HEAD")) == 6
    assert registry.asked()[-1] == "PUT bundles"


def test_a_copy_that_never_ends(
    data: Path, upload: Upload, registry: Any, dss: LoopbackService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DC-130. The time passes while the client waits, and not while a busy machine does something else."""
    slept: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: sum(slept), sleep=slept.append)
    monkeypatch.setattr("hca_dss.upload.time", clock)
    dss.on("PUT", "/v1/files/*")._answers[:] = [reply(status=202, json={"task_id": "t", "version": "v"})]
    outcome = upload("--timeout-seconds", "1")
    assert (outcome.exit_status, outcome.stdout) == (ExitStatus.NETWORK, "")
    assert "project_0.json: the service has not copied it to aws within 1 s" in outcome.stderr
    assert "PUT bundles" not in registry.asked()
    assert slept == [1.0]
    assert len(dss.asked("HEAD")) == len(FILES)


def test_another_replica_is_looked_at_at_once(data: Path, upload: Upload, registry: Any, dss: LoopbackService) -> None:
    dss.on("HEAD", "/v1/files/*").reply()
    told = upload("--replica", "gcp").json()
    assert told["replica"] == "gcp"
    assert len(dss.asked("HEAD")) == len(FILES)
    assert {dict(one.query)["replica"] for one in dss.asked("HEAD")} == {"gcp"}
    assert {bundle["replica"] for bundle in registry.bundles.values()} == {"gcp"}


# Failures, and going on after them.


def test_one_failure_does_not_stop_the_others_and_the_same_command_goes_on(
    data: Path, upload: Upload, registry: Any, bucket: Any, dss: LoopbackService
) -> None:
    registered = registry.put_file

    def refuse_one(request: Any) -> Any:
        if request.json()["source_url"].endswith("/empty"):
            document = {"status": 422, "code": "missing_checksum", "title": "missing hca-dss-sha1"}
            return reply(status=422, json=document)
        return registered(request)

    script = dss.on("PUT", "/v1/files/*")._answers
    script[:] = [refuse_one]
    outcome = upload()
    assert (outcome.exit_status, outcome.stdout) == (ExitStatus.PARTLY, "")
    assert "3 files done, 1 failed, no bundle made: 1 problem" in outcome.stderr
    assert "empty: missing_checksum: missing hca-dss-sha1 (HTTP 422" in outcome.stderr
    assert "next: run the same command again" in outcome.stderr
    before = dict(registry.files)
    assert (len(before), registry.bundles, len(journals())) == (3, {}, 1)

    script[:] = [registered]
    bucket.asked.clear()
    outcome = upload()
    assert outcome.exit_status == 0
    assert "3 files are there already" in outcome.stderr
    assert [one.what for one in bucket.asked] == ["HEAD", "PUT"], "only the file that failed is sent"
    told = outcome.json()
    assert {(file["uuid"], file["version"]) for file in told["files"]} == set(registry.files) > set(before)
    assert journals() == []

    again = upload().json()
    assert again["bundle_uuid"] != told["bundle_uuid"], "after success it makes another bundle"


def test_the_service_goes_while_files_are_sent(
    data: Path, upload: Upload, registry: Any, bucket: Any, dss: LoopbackService, once: dict[str, str]
) -> None:
    registered = registry.put_file
    script = dss.on("PUT", "/v1/files/*")._answers
    script[:] = [reply(status=500)]
    outcome = upload(env=once)
    assert (outcome.exit_status, outcome.stdout) == (ExitStatus.NETWORK, "")
    keys = set(bucket.keys())
    assert len(keys) == len(FILES)

    script[:] = [registered]
    bucket.asked.clear()
    told = upload().json()
    assert [one.what for one in bucket.asked] == ["HEAD"] * 5, "what is staged is looked at, and not sent again"
    assert set(bucket.keys()) == keys
    assert {file["key"] for file in registry.files.values()} == keys
    assert len(registry.bundles) == 1
    assert told["files"]


def test_the_answer_to_the_last_request_is_lost(
    data: Path, upload: Upload, registry: Any, bucket: Any, dss: LoopbackService, once: dict[str, str]
) -> None:
    made = registry.put_bundle

    def then_gone(request: Any) -> Any:
        made(request)
        return reply(status=500)

    script = dss.on("PUT", "/v1/bundles/*")._answers
    script[:] = [then_gone]
    assert upload(env=once).exit_status == ExitStatus.NETWORK
    script[:] = [made]
    bucket.asked.clear()
    told = upload().json()
    assert list(registry.bundles) == [(told["bundle_uuid"], told["version"])]
    assert [one.what for one in bucket.asked] == ["HEAD"]


def test_what_was_removed_from_the_bucket_is_sent_again(
    data: Path, upload: Upload, registry: Any, bucket: Any, dss: LoopbackService, once: dict[str, str]
) -> None:
    registered = registry.put_file
    script = dss.on("PUT", "/v1/files/*")._answers
    script[:] = [reply(status=500)]
    upload(env=once)
    removed = bucket.keys()[0]
    bucket.s3.delete_object(Bucket=bucket.name, Key=removed)
    script[:] = [registered]
    bucket.asked.clear()
    assert upload().exit_status == 0
    assert [one.key.split("/")[0] for one in bucket.asked if one.method == "PUT"] == [removed.split("/")[0]]


def test_files_that_changed_between_two_runs(
    upload: Upload, small_parts: int, registry: Any, bucket: Any, dss: LoopbackService, once: dict[str, str]
) -> None:
    data = fill(Path("data"), {"same": b"1", "changed": b"2", "large": content(small_parts + 1), "gone": b"3"})
    second = []

    def no_second_part(request: Any) -> Any:
        if request.query.get("partNumber") != "2":
            return None
        second.append(request)  # several threads come here, but one for this part
        return reply(status=500)

    bucket.fault = no_second_part
    assert upload(env=once).exit_status == ExitStatus.PARTLY
    assert (len(second), len(bucket.unfinished()), len(registry.files)) == (1, 1, 3)
    bucket.fault = lambda request: None
    old = {file["key"].rpartition("/")[2]: uuid for (uuid, _), file in registry.files.items()}
    (data / "changed").write_bytes(b"22")
    (data / "gone").unlink()
    (data / "large").write_bytes(content(3))
    (data / "new").write_bytes(b"4")
    outcome = upload()
    assert outcome.exit_status == 0
    uuids = {file["name"]: file["uuid"] for file in outcome.json()["files"]}
    assert sorted(uuids) == ["changed", "large", "new", "same"]
    assert uuids["same"] == old["same"]
    assert uuids["changed"] != old["changed"], "what was registered keeps its content"
    assert bucket.unfinished() == []


def test_a_large_file_goes_on_with_the_parts_that_are_there(
    upload: Upload, small_parts: int, registry: Any, bucket: Any, once: dict[str, str]
) -> None:
    fill(Path("data"), {"x": content(3 * small_parts)})

    def no_second_part(request: Any) -> Any:
        if request.query.get("partNumber") != "2":
            return None
        # Who fails before the others are there waits a second for them, and a busy machine takes longer.
        until(lambda: parts(bucket) == [1, 3])
        return reply(status=500)

    bucket.fault = no_second_part
    assert upload(env=once).exit_status == ExitStatus.NETWORK
    bucket.fault = lambda request: None
    bucket.asked.clear()
    assert upload().exit_status == 0
    sent = [request.query["partNumber"] for request in bucket.asked if "partNumber" in request.query]
    assert sent == ["2"]
    assert (bucket.unfinished(), len(bucket.keys())) == ([], 1)


def test_a_large_file_that_is_complete_only_lacks_its_tags(
    upload: Upload, small_parts: int, registry: Any, bucket: Any, once: dict[str, str]
) -> None:
    fill(Path("data"), {"x": content(2 * small_parts)})
    bucket.fault = lambda request: reply(status=500) if "tagging" in request.query else None
    assert upload(env=once).exit_status == ExitStatus.NETWORK
    bucket.fault = lambda request: None
    bucket.asked.clear()
    assert upload().exit_status == 0
    assert [one.what for one in bucket.asked] == ["HEAD", "HEAD", "PUT ?tagging"]


def test_an_upload_in_parts_that_is_gone_is_begun_anew(
    upload: Upload, small_parts: int, registry: Any, bucket: Any, once: dict[str, str]
) -> None:
    fill(Path("data"), {"x": content(2 * small_parts)})
    bucket.fault = lambda request: reply(status=500) if request.query.get("partNumber") == "2" else None
    upload(env=once)
    bucket.fault = lambda request: None
    for one in bucket.s3.list_multipart_uploads(Bucket=bucket.name)["Uploads"]:
        bucket.s3.abort_multipart_upload(Bucket=bucket.name, Key=one["Key"], UploadId=one["UploadId"])
    assert upload().exit_status == 0


def test_a_login_that_is_refused_ends_the_run(data: Path, upload: Upload, registry: Any, dss: LoopbackService) -> None:
    document = {"status": 403, "code": "Forbidden", "title": "not you"}
    dss.on("PUT", "/v1/files/*")._answers[:] = [reply(status=403, json=document)]
    fill(data, {str(number): b"x" for number in range(100)})
    outcome = upload("--jobs", "2")
    assert (outcome.exit_status, outcome.stdout) == (ExitStatus.LOGIN, "")
    assert "Forbidden: not you (HTTP 403" in outcome.stderr
    assert len(dss.asked("PUT")) < 10
    assert len(journals()) == 1


def test_a_network_that_is_gone_is_not_tried_for_every_file(
    data: Path, upload: Upload, registry: Any, bucket: Any, once: dict[str, str]
) -> None:
    fill(data, {str(number): b"x" for number in range(100)})
    bucket.fault = lambda request: reply(status=503) if request.method == "PUT" else None
    outcome = upload("--jobs", "4", env=once)
    assert outcome.exit_status == ExitStatus.NETWORK
    told = re.search(r"0 files done, (\d+) failed, (\d+) not tried", outcome.stderr)
    assert told
    assert int(told[1]) + int(told[2]) == 104
    assert int(told[1]) < 20
    bucket.fault = lambda request: None
    assert len(upload("--query", "files[].uuid").json()) == 104


def test_a_bundle_that_is_there_with_other_files(
    data: Path, upload: Upload, registry: Any, dss: LoopbackService
) -> None:
    document = {"status": 409, "code": "bundle_already_exists", "title": "bundle version is there"}
    script = dss.on("PUT", "/v1/bundles/*")._answers
    script[:] = [reply(status=409, json=document)]
    outcome = upload()
    assert outcome.exit_status == ExitStatus.ERROR
    assert "bundle_already_exists: bundle version is there (HTTP 409" in outcome.stderr
    assert "the same command now makes another" in outcome.stderr
    script[:] = [registry.put_bundle]
    assert upload().exit_status == 0


def test_a_bundle_that_is_refused(data: Path, upload: Upload, registry: Any, dss: LoopbackService) -> None:
    document = {"status": 400, "code": "file_missing", "title": "Could not find file"}
    dss.on("PUT", "/v1/bundles/*")._answers[:] = [reply(status=400, json=document)]
    outcome = upload()
    assert (outcome.exit_status, outcome.stdout) == (ExitStatus.ERROR, "")
    assert "file_missing: Could not find file (HTTP 400" in outcome.stderr
    assert f"to begin anew with them, remove {journals()[0]}" in outcome.stderr


def test_the_error_in_python_tells_the_files(data: Path, registry: Any, bucket: Any, dss: LoopbackService) -> None:
    dss.on("PUT", "/v1/files/*")._answers[:] = [reply(status=422, json={"code": "c", "title": "t"})]
    with pytest.raises(UploadError) as caught:
        DSSClient().upload("data", "aws", bucket.name)
    assert caught.value.done == 0
    assert sorted(name for name, _ in caught.value.failures) == sorted(FILES)
    assert json.dumps([str(error) for _, error in caught.value.failures])


# Progress.


def test_a_bar_is_drawn_on_a_terminal_only(data: Path, upload: Upload) -> None:
    """DC-131."""
    assert "B/s" in upload(terminal=True).stderr
    assert upload("--no-progress", terminal=True).stderr == ""
    assert upload(terminal=True, env={"HCA_CONFIG_FILE": _quiet()}).stderr == ""
    assert upload().stderr == ""


def _quiet() -> str:
    Path("quiet.json").write_text('{"log_level": "WARNING"}')
    return "quiet.json"


def test_all_bytes_are_counted_once(
    upload: Upload, small_parts: int, registry: Any, bucket: Any, once: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"large": content(2 * small_parts + 5), "middle": content(2 * MEBIBYTE), "small": b"123"}
    fill(Path("data"), files)
    failed = []
    looking = threading.Lock()  # parts of a file come side by side

    def fail_once(request: Any) -> Any:
        with looking:
            if request.method == "PUT" and request.key not in failed:
                failed.append(request.key)
                return reply(status=503)
        return None

    bucket.fault = fail_once
    client = DSSClient(tries=3)
    counted: list[int] = []
    client.progress = counted.append
    client.upload("data", "aws", bucket.name)
    assert sum(counted) == sum(len(data) for data in files.values())
    assert len(failed) == 3
