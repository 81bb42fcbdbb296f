"""PUT of a file: what its source must be, what it answers, and what is there afterwards."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from waiting import until

from hca_core import checksums

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

VERSION = "2019-07-10T001103.121000Z"
CONTENT = b'{"describedBy": "nothing"}'


def put(writing: Any, source_url: str, file: str = "", version: str = VERSION, **body: Any) -> requests.Response:
    """Send the request for a file."""
    path = f"/files/{file or uuid.uuid4()}"
    return writing.send("PUT", path, {"source_url": source_url, "creator_uid": 7, **body}, version=version)


def told(answer: requests.Response) -> tuple[int, str, str]:
    """Return status, code and title of a problem."""
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, problem["code"], problem["title"]


def test_a_file_is_made_and_known_in_both_replicas(writing: Any) -> None:
    file = str(uuid.uuid4())
    answer = put(writing, writing.stage(CONTENT, "application/json; dcp-type=data"), file)
    assert (answer.status_code, answer.json()) == (201, {"version": VERSION})
    sums = checksums.of_bytes(CONTENT)
    for replica in ("aws", "gcp"):
        head = writing.send("HEAD", f"/files/{file}", token=None, replica=replica).headers
        assert head["X-DSS-CONTENT-TYPE"] == "application/json; dcp-type=data"
        assert (head["X-DSS-SHA256"], head["X-DSS-S3-ETAG"]) == (sums.sha256, sums.s3_etag)
        assert (head["X-DSS-SIZE"], head["X-DSS-CREATOR-UID"]) == (str(len(CONTENT)), "7")
        location = writing.send("GET", f"/files/{file}", token=None, replica=replica).headers["Location"]
        assert writing._http.get(location, timeout=60).content == CONTENT


def test_the_same_again_is_fine_and_another_is_not(writing: Any) -> None:
    file, source = str(uuid.uuid4()), writing.stage(CONTENT)
    assert put(writing, source, file).status_code == 201
    assert put(writing, source, file.upper()).status_code == 200
    assert told(put(writing, source, file, creator_uid=8))[:2] == (409, "file_already_exists")
    assert told(put(writing, writing.stage(b"[]"), file))[:2] == (409, "file_already_exists")
    assert put(writing, writing.stage(b"[]"), file, "2020-01-01T000000.000000Z").status_code == 201


@pytest.mark.parametrize("content", [b"", b"x"], ids=["empty", "one byte"])
def test_small_contents(writing: Any, content: bytes) -> None:
    file = str(uuid.uuid4())
    assert put(writing, writing.stage(content, "text/plain"), file).status_code == 201
    location = writing.send("GET", f"/files/{file}", replica="aws").headers["Location"]
    assert writing._http.get(location, timeout=60).content == content


def test_metadata_count_and_tags_win(writing: Any) -> None:
    sums = checksums.of_bytes(CONTENT)
    metadata = {f"hca-dss-{name}": "0" for name in ("sha1", "sha256", "crc32c")} | {"hca-dss-s3_etag": sums.s3_etag}
    tags = f"hca-dss-sha1={sums.sha1.upper()}&hca-dss-sha256={sums.sha256}&hca-dss-crc32c={sums.crc32c}"
    writing.s3.put_object(Bucket="staging", Key="mixed", Body=CONTENT, Metadata=metadata, Tagging=tags)
    assert put(writing, "s3://staging/mixed").status_code == 201


@pytest.mark.parametrize("name", ["sha1", "sha256", "crc32c", "s3_etag"])
def test_every_checksum_is_needed_and_checked(writing: Any, name: str) -> None:
    right = getattr(checksums.of_bytes(CONTENT), name)
    wrong = ("0" if right[0] != "0" else "1") + right[1:]
    assert told(put(writing, writing.stage(CONTENT, **{name: None}))) == (
        422, "missing_checksum", f"missing hca-dss-{name}",
    )  # fmt: skip
    assert told(put(writing, writing.stage(CONTENT, **{name: "zz"})))[:2] == (422, "invalid_checksum")
    file = str(uuid.uuid4())
    answer = put(writing, writing.stage(CONTENT, **{name: wrong}), file)
    assert told(answer)[:2] == (422, "invalid_checksum")
    assert answer.json()["title"].endswith(f"hca-dss-{name} should be {right}")
    assert writing.send("HEAD", f"/files/{file}", replica="aws").status_code == 404


@pytest.mark.parametrize(
    ("url", "status", "code"),
    [
        ("s3://staging/nothing", 404, "not_found"),
        ("s3://no-such-bucket/key", 404, "not_found"),
        ("wasb://staging/key", 400, "unknown_source_schema"),
        ("https://staging/key", 400, "illegal_arguments"),
        ("s3://staging", 400, "illegal_arguments"),
        ("s3:///key", 400, "illegal_arguments"),
    ],
)
def test_sources_that_are_none(writing: Any, url: str, status: int, code: str) -> None:
    assert writing.s3
    assert told(put(writing, url))[:2] == (status, code)


def test_odd_keys(writing: Any) -> None:
    for name in ("a b#c?d%41/ü+&", "../../x"):
        sums = checksums.of_bytes(CONTENT)
        tags = (
            f"hca-dss-sha1={sums.sha1}&hca-dss-sha256={sums.sha256}"
            f"&hca-dss-crc32c={sums.crc32c}&hca-dss-s3_etag={sums.s3_etag}"
        )
        writing.s3.put_object(Bucket="staging", Key=name, Body=CONTENT, Tagging=tags)
        assert put(writing, f"s3://staging/{name}").status_code == 201


def test_google_sources_make_files_of_the_other_replica(
    launched: Callable[..., Any], tmp_path: Any, user: Callable[..., Any], replicate: Callable[..., None]
) -> None:
    writing = user(launched(tmp_path / "data", empty=True, replica_delay=3600))
    file = str(uuid.uuid4())
    assert put(writing, writing.stage(CONTENT).replace("s3://", "gs://"), file).status_code == 201
    assert writing.send("HEAD", f"/files/{file}", replica="gcp").status_code == 200
    assert writing.send("HEAD", f"/files/{file}", replica="aws").status_code == 404
    replicate(writing, 0)
    until(lambda: writing.send("HEAD", f"/files/{file}", replica="aws").status_code == 200)


@pytest.mark.parametrize(
    ("version", "title"),
    [
        ("yesterday", "'yesterday' is not a moment in time"),
        ("2019-07-10T00:11:03.121Z", "'2019-07-10T00:11:03.121Z' must be written as '2019-07-10T001103.121000Z'"),
    ],
)
def test_versions_are_canonical(writing: Any, version: str, title: str) -> None:
    answer = put(writing, "s3://staging/any", version=version)
    assert told(answer) == (400, "illegal_version", title)


def test_a_year_below_1000_is_a_version(writing: Any) -> None:
    assert put(writing, writing.stage(CONTENT), version="0303-04-23T193604.240704Z").status_code == 201


@pytest.mark.parametrize("body", [{}, {"creator_uid": "x"}, {"creator_uid": 2**64}, {"source_url": 1}])
def test_bodies_that_break_the_description(writing: Any, body: dict[str, Any]) -> None:
    whole = {"source_url": "s3://staging/x", "creator_uid": 1, **body} if body else {}
    answer = writing.send("PUT", f"/files/{uuid.uuid4()}", whole, version=VERSION)
    assert told(answer)[:2] == (400, "illegal_arguments")


class TestBehindTheAnswer:
    """Large files are copied after a 202."""

    @pytest.fixture
    def slow(self, launched: Callable[..., Any], tmp_path: Any, user: Callable[..., Any]) -> Any:
        settings = {"copy_threshold": 10, "copy_seconds": 1, "first_get_redirects": 0}
        return user(launched(tmp_path / "data", empty=True, **settings))

    def test_it_appears_later(self, launched: Callable[..., Any], tmp_path: Any, user: Callable[..., Any]) -> None:
        # So slow that it can't be there before this test looks; then it goes on faster.
        first = launched(tmp_path / "data", empty=True, copy_threshold=10, copy_seconds=3600)
        slow = user(first)
        file, source = str(uuid.uuid4()), slow.stage(CONTENT)
        answer = put(slow, source, file)
        assert (answer.status_code, answer.json()["version"]) == (202, VERSION)
        assert slow.send("HEAD", f"/files/{file}", replica="aws").status_code == 404
        again = put(slow, source, file)
        assert again.json()["task_id"] == answer.json()["task_id"]
        first.process.terminate()
        first.process.wait()
        slow = user(launched(tmp_path / "data", copy_seconds=1))
        until(lambda: slow.send("HEAD", f"/files/{file}", replica="aws", version=VERSION).status_code == 200)
        assert put(slow, source, file).status_code == 200

    def test_a_bundle_waits_for_its_files(self, slow: Any) -> None:
        file = slow.put_file(CONTENT)
        slow.put_bundle({"a.json": file})

    def test_a_copy_that_failed_is_told(self, slow: Any) -> None:
        file = str(uuid.uuid4())
        assert put(slow, slow.stage(CONTENT, sha256="0" * 64), file).status_code == 202
        until(lambda: slow.send("HEAD", f"/files/{file}", replica="aws", version=VERSION).status_code == 422)
        answer = slow.send("GET", f"/files/{file}", replica="aws", version=VERSION)
        assert told(answer) == (422, "missing_checksum", "Incorrect s3-etag")
        assert put(slow, slow.stage(CONTENT), file).status_code == 202
        until(lambda: slow.send("HEAD", f"/files/{file}", replica="aws", version=VERSION).status_code == 200)

    def test_bytes_that_are_there_are_not_copied_again(self, slow: Any) -> None:
        file, source = str(uuid.uuid4()), slow.stage(CONTENT)
        put(slow, source, file)
        until(lambda: slow.send("HEAD", f"/files/{file}", replica="aws").status_code == 200)
        assert put(slow, slow.stage(CONTENT)).status_code == 201


def test_an_answered_file_survives_a_kill(
    launched: Callable[..., Any], tmp_path: Any, user: Callable[..., Any]
) -> None:
    settings = {"copy_threshold": 100, "copy_seconds": 2}
    first = launched(tmp_path / "data", empty=True, **settings)
    writing = user(first)
    small, large = writing.put_file(CONTENT), writing.put_file(CONTENT * 10)
    first.process.kill()
    first.process.wait()
    writing = user(launched(tmp_path / "data", copy_seconds=0))
    assert writing.send("HEAD", f"/files/{small}", replica="gcp").status_code == 200
    until(lambda: writing.send("HEAD", f"/files/{large}", replica="aws").status_code == 200)
    log = [json.dumps(line) for line in writing.directory.log.read_text().splitlines()]
    assert not [line for line in log if "ERROR" in line]
