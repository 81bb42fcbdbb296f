"""The bucket with the areas on an S3 server that is not the deployment's own: another deployment's, and a real one.

The real one is named by HCA_TEST_S3_ENDPOINT, HCA_TEST_S3_KEY and HCA_TEST_S3_SECRET. It enforces session policies.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from hca_local import data_directory
from hca_local.upload.buckets import opened
from hca_local.upload.buckets.remote import RemoteBuckets
from hca_local.upload.buckets.values import NAME, SOURCES, RefusedError, ReplacedError, UnusableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# The fixtures of this folder hide the environment from the tests.
REAL = {name: os.environ.get(f"HCA_TEST_S3_{name}", "") for name in ("ENDPOINT", "KEY", "SECRET")}
REAL_SERVER = [
    pytest.mark.real_s3,
    pytest.mark.skipif(not all(REAL.values()), reason="HCA_TEST_S3_ENDPOINT names no S3 server"),
]
SMALLEST_PART = 5 * 1024**2
NAMES = ["a", "b c", "d/e", "line\nfeed", "#?&=+%41", "ü 𝄞"]


@pytest.fixture
def endpoint(
    request: pytest.FixtureRequest, launched: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """The URL of an S3 server; boto3 finds keys for it."""
    if request.param == "real":
        url, key, secret = REAL["ENDPOINT"], REAL["KEY"], REAL["SECRET"]
    else:
        directory = launched(tmp_path / "other", empty=True).directory
        mine = data_directory.access_key(directory)
        url, key, secret = json.loads(directory.state.read_bytes())["s3_url"], mine.access_key_id, mine.secret
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    return url


EVERYWHERE = pytest.mark.parametrize("endpoint", ["ours", pytest.param("real", marks=REAL_SERVER)], indirect=True)
OURS = pytest.mark.parametrize("endpoint", ["ours"], indirect=True)
ON_THE_REAL_ONE = pytest.mark.parametrize("endpoint", [pytest.param("real", marks=REAL_SERVER)], indirect=True)


@pytest.fixture
def clients() -> Iterator[list[Any]]:
    """The clients that were made, to be closed."""
    made: list[Any] = []
    yield made
    for one in made:
        one.close()


@pytest.fixture
def client(endpoint: str, clients: list[Any]) -> Callable[..., Any]:
    """Return `client(...)`, a boto3 client for the server."""
    import boto3
    from botocore.config import Config

    def make(**keys: str) -> Any:
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        clients.append(
            boto3.Session().client("s3", endpoint_url=endpoint, region_name="us-east-1", config=config, **keys)
        )
        return clients[-1]

    return make


@pytest.fixture
def bucket(endpoint: str, clients: list[Any], monkeypatch: pytest.MonkeyPatch) -> RemoteBuckets:
    made = opened(None, endpoint, None)  # type: ignore[arg-type] - there is no store that it could need
    assert isinstance(made, RemoteBuckets)
    new_client = made._new_client

    def kept(service: str) -> Any:
        clients.append(new_client(service))
        return clients[-1]

    monkeypatch.setattr(made, "_new_client", kept)
    made.prepare()
    return made


@pytest.fixture
def area(bucket: RemoteBuckets) -> Iterator[str]:
    """The uuid of an area of the test's own."""
    made = str(uuid.uuid4())
    yield made
    bucket.empty(f"{made}/", lambda: False)


def all_of(stream: Any) -> bytes:
    data = b""
    while block := stream.read(100_000):
        data += block
    return data


@EVERYWHERE
def test_objects_are_put_found_read_and_tagged(bucket, client, area):
    bucket.prepare()
    key = f"{area}/a b"
    assert bucket.find(key) is None
    held = bucket.put(key, b"data", "text/plain; dcp-type=data", {"crc32c": "Aa"}, {"t": "a b+c/="})
    assert held == bucket.find(key)
    assert (held.key, held.size, held.content_type) == (key, 4, "text/plain; dcp-type=data")
    assert (held.metadata, held.tags) == ({"crc32c": "Aa"}, {"t": "a b+c/="})
    assert (held.modified.utcoffset().total_seconds(), abs(held.modified.timestamp() - time.time()) < 60) == (0, True)
    assert bucket.read(held, all_of) == b"data"
    bucket.tag(held, {"hca-dss-sha1": "2"})
    assert bucket.find(key).tags == {"t": "a b+c/=", "hca-dss-sha1": "2"}
    assert client().get_object(Bucket=NAME, Key=key)["ETag"] == f'"{held.etag}"'


@EVERYWHERE
def test_what_was_replaced_is_neither_read_nor_tagged(bucket, client, area):
    held = bucket.put(f"{area}/a", b"old", "text/plain", {}, {})
    bucket.put(f"{area}/a", b"new", "text/plain", {}, {"t": "1"})
    for _ in range(2):
        with pytest.raises(ReplacedError):
            bucket.read(held, all_of)
        with pytest.raises(ReplacedError):
            bucket.tag(held, {"hca-dss-sha1": "2"})
        found = bucket.find(f"{area}/a")
        assert found is None or found.tags == {"t": "1"}
        client().delete_object(Bucket=NAME, Key=f"{area}/a")


@EVERYWHERE
def test_what_is_replaced_while_it_is_tagged_gets_no_tags(bucket, area, monkeypatch):
    held = bucket.put(f"{area}/a", b"old", "text/plain", {}, {})
    ask = bucket._asked

    def asked(method: str, **settings: Any) -> Any:
        if method == "put_object_tagging":
            ask("put_object", Bucket=NAME, Key=held.key, Body=b"new")
        return ask(method, **settings)

    monkeypatch.setattr(bucket, "_asked", asked)
    with pytest.raises(ReplacedError):
        bucket.tag(held, {"hca-dss-sha1": "2"})
    assert bucket.find(held.key).tags == {}


@EVERYWHERE
def test_what_is_replaced_when_it_was_tagged_keeps_its_own_tags(bucket, area, monkeypatch):
    held = bucket.put(f"{area}/a", b"old", "text/plain", {}, {"mine": "1"})
    ask = bucket._asked

    def asked(method: str, **settings: Any) -> Any:
        answer = ask(method, **settings)
        if method == "put_object_tagging" and bucket.find(held.key).etag == held.etag:
            ask("put_object", Bucket=NAME, Key=held.key, Body=b"new", Tagging="mine=2")
        return answer

    monkeypatch.setattr(bucket, "_asked", asked)
    with pytest.raises(ReplacedError):
        bucket.tag(held, {"hca-dss-sha1": "2"})
    assert bucket.find(held.key).tags == {"mine": "2"}


@EVERYWHERE
def test_tags_come_to_those_that_are_there_by_then(bucket, client, area):
    held = bucket.put(f"{area}/a", b"x", "text/plain", {}, {"t": "1", "u": "1"})
    theirs = [{"Key": "t", "Value": "2"}, {"Key": "v", "Value": "3"}]
    client().put_object_tagging(Bucket=NAME, Key=held.key, Tagging={"TagSet": theirs})
    bucket.tag(held, {"hca-dss-sha1": "2"})
    assert bucket.find(held.key).tags == {"t": "2", "v": "3", "hca-dss-sha1": "2"}


@EVERYWHERE
def test_what_is_refused_for_one_object_is_told_apart(bucket, area):
    held = bucket.put(f"{area}/a", b"x", "text/plain", {}, {f"t{number}": "1" for number in range(8)})
    with pytest.raises(RefusedError, match="put_object_tagging") as caught:
        bucket.tag(held, {f"hca{number}": "1" for number in range(4)})
    assert held.key in str(caught.value)
    assert bucket.find(held.key) == held


@OURS
@pytest.mark.parametrize(("status", "is_bucket_refused"), [(400, True), (403, False), (429, False), (503, False)])
def test_what_is_refused_to_whoever_asks_is_not_about_an_object(bucket, monkeypatch, status, is_bucket_refused):
    """Keys that have expired are answered with 400 everywhere; the others may be about one object, but may pass."""
    from hca_local.upload.buckets.remote import _AnswerError

    call = bucket._called

    def called(service: str, method: str, **settings: Any) -> Any:
        if method == "head_object" or is_bucket_refused:
            raise _AnswerError(status, str(status))
        return call(service, method, **settings)

    monkeypatch.setattr(bucket, "_called", called)
    with pytest.raises(UnusableError) as caught:
        bucket.find("a/b")
    assert not isinstance(caught.value, RefusedError)


@EVERYWHERE
def test_names_of_all_kinds_are_listed_and_removed(bucket, client, area):
    other = str(uuid.uuid4())
    for name in NAMES:
        bucket.put(f"{area}/{name}", name.encode(), "text/plain", {}, {})
    bucket.put(f"{other}/kept", b"", "text/plain", {}, {})
    client().create_multipart_upload(Bucket=NAME, Key=f"{area}/begun")
    listed = list(bucket.listed(f"{area}/"))
    assert [one.key for one in listed] == sorted((f"{area}/{name}" for name in NAMES), key=str.encode)
    assert [bucket.read(one, all_of).decode() for one in listed] == [one.key.partition("/")[2] for one in listed]
    assert not bucket.empty(f"{area}/", lambda: True)
    assert len(list(bucket.listed(f"{area}/"))) == len(NAMES)
    assert bucket.empty(f"{area}/", lambda: False)
    assert list(bucket.listed(f"{area}/")) == []
    assert not client().list_multipart_uploads(Bucket=NAME, Prefix=f"{area}/").get("Uploads")
    assert [one.key for one in bucket.listed(f"{other}/")] == [f"{other}/kept"]
    bucket.empty(f"{other}/", lambda: False)


@OURS
def test_a_listing_goes_through_all_pages(bucket, area):
    for number in range(1001):
        bucket._called("s3", "put_object", Bucket=NAME, Key=f"{area}/{number:04}")
    assert [one.key[-4:] for one in bucket.listed(f"{area}/")] == [f"{number:04}" for number in range(1001)]


@OURS
def test_a_server_without_sts_is_told(bucket, endpoint):
    with pytest.raises(UnusableError, match="STS") as caught:
        bucket.issue(str(uuid.uuid4()), 900)
    assert endpoint in str(caught.value)
    assert "AWS_ENDPOINT_URL_STS" in str(caught.value)


def test_a_server_that_is_not_there_and_one_without_keys(monkeypatch, clients):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    with pytest.raises(UnusableError, match=r"http://127\.0\.0\.1:1"):
        RemoteBuckets("http://127.0.0.1:1").find("a/b")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(UnusableError, match="credentials"):
        RemoteBuckets("http://127.0.0.1:1").prepare()


@OURS
def test_wrong_keys_are_told(bucket, endpoint, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(UnusableError, match="403"):
        RemoteBuckets(endpoint).find("a/b")
    with pytest.raises(UnusableError, match="403"):
        RemoteBuckets(endpoint).prepare()


@pytest.fixture
def of_area(bucket: RemoteBuckets, client: Callable[..., Any]) -> Callable[[str], Any]:
    """Return `of_area(uuid)`, a client with keys of that area."""

    def make(area: str) -> Any:
        made = bucket.issue(area, 900)
        assert 800 < made.expires - time.time() < 1000
        return client(
            aws_access_key_id=made.access_key_id,
            aws_secret_access_key=made.secret,
            aws_session_token=made.session_token,
        )

    return make


@ON_THE_REAL_ONE
def test_keys_of_an_area_upload_and_list(bucket, area, of_area):
    mine = of_area(area)
    told = {"ContentType": "text/plain; dcp-type=data", "Metadata": {"crc32c": "0"}}
    mine.put_object(Bucket=NAME, Key=f"{area}/a", Body=b"x", ACL="bucket-owner-full-control", **told)
    upload = {"Bucket": NAME, "Key": f"{area}/m"}
    upload["UploadId"] = mine.create_multipart_upload(**upload, Metadata={"crc32c": "1"})["UploadId"]
    parts = [
        {"PartNumber": number, "ETag": mine.upload_part(**upload, PartNumber=number, Body=body)["ETag"]}
        for number, body in ((1, b"1" * SMALLEST_PART), (2, b"2"))
    ]
    mine.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    mine.put_object_tagging(Bucket=NAME, Key=f"{area}/a", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    found = mine.list_objects_v2(Bucket=NAME, Prefix=f"{area}/")["Contents"]
    assert [(one["Key"], one["Size"]) for one in found] == [(f"{area}/a", 1), (f"{area}/m", SMALLEST_PART + 1)]
    assert bucket.find(f"{area}/a").tags == {"a": "b"}
    assert bucket.find(f"{area}/m").metadata == {"crc32c": "1"}


@ON_THE_REAL_ONE
def test_keys_of_an_area_do_nothing_else(bucket, area, of_area):
    from botocore.exceptions import ClientError

    other = str(uuid.uuid4())
    mine = of_area(area)
    here, there = {"Bucket": NAME, "Key": f"{area}/a"}, {"Bucket": NAME, "Key": f"{other}/a"}
    mine.put_object(**here, Body=b"x")
    upload = mine.create_multipart_upload(**here)["UploadId"]
    for ask in (
        lambda: mine.put_object(**there, Body=b"x"),
        lambda: mine.create_multipart_upload(**there),
        lambda: mine.get_object(**here),
        lambda: mine.get_object_tagging(**here),
        lambda: mine.delete_object(**here),
        lambda: mine.list_parts(**here, UploadId=upload),
        lambda: mine.abort_multipart_upload(**here, UploadId=upload),
        lambda: mine.list_objects_v2(Bucket=NAME),
        lambda: mine.list_objects(Bucket=NAME, Prefix=f"{area}/a"),
        lambda: mine.list_objects_v2(Bucket=NAME, Prefix=f"{other}/"),
        lambda: mine.create_bucket(Bucket=f"new-{other}"),
    ):
        with pytest.raises(ClientError) as caught:
            ask()
        assert caught.value.response["Error"]["Code"] == "AccessDenied"
    assert bucket.read(bucket.find(f"{area}/a"), all_of) == b"x"


@ON_THE_REAL_ONE
def test_sources_are_copied_with_the_keys_of_an_area(bucket, client, area, of_area):
    source = {"Bucket": SOURCES[1], "Key": f"test {uuid.uuid4()}"}
    client().create_bucket(Bucket=SOURCES[1])
    client().put_object(**source, Body=b"source", ContentType="text/x")
    of_area(area).copy_object(Bucket=NAME, Key=f"{area}/c", CopySource=source)
    assert bucket.read(bucket.find(f"{area}/c"), all_of) == b"source"
    client().delete_object(**source)
