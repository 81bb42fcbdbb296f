"""Objects: writing, reading, copying, removing, and what is kept about them."""

from __future__ import annotations

import hashlib
import io
import os
import zlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest

ODD_KEYS = [
    "plain", "a b", "a#b", "a%41b", "a+b", "ümläut/日本/𝄞", "a//b", "/begins", "ends/", "../up", "a/../b", ".", "..",
    "line\nbreak", "q?x=1&y", "<&>\"'", "a\tb", "*~!()$@,;:=", "\\back", "k" * 1024,
]  # fmt: skip


@pytest.mark.parametrize("key", ODD_KEYS)
def test_a_key_can_be_anything(client, bucket, key):
    client.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert [one["Key"] for one in client.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    assert [one["Key"] for one in client.list_objects(Bucket=bucket)["Contents"]] == [key]
    client.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
    assert [one["Key"] for one in client.list_objects_v2(Bucket=bucket)["Contents"]] == ["copy"]


def test_a_key_that_is_too_long_is_refused(s3, plain, bucket, refused):
    with refused(400, "InvalidObjectName" if s3.is_real else "KeyTooLongError"):
        plain.put_object(Bucket=bucket, Key="ü" * 513, Body=b"")


def test_what_is_written_comes_back_with_what_was_said_about_it(client, bucket):
    said = {
        "ContentType": "text/x-test", "ContentEncoding": "gzip", "CacheControl": "no-cache",
        "ContentDisposition": 'attachment; filename="a b"', "ContentLanguage": "de",
        "Metadata": {"one": "1", "two": "zwei"},
    }  # fmt: skip
    put = client.put_object(Bucket=bucket, Key="a", Body=b"bytes", Tagging="a=b&c%20d=", ACL="private", **said)
    got = client.get_object(Bucket=bucket, Key="a")
    assert got["Body"].read() == b"bytes"
    head = client.head_object(Bucket=bucket, Key="a")
    for answer in (got, head):
        assert {name: answer[name] for name in said} == said
        assert answer["ETag"] == put["ETag"] == f'"{hashlib.md5(b"bytes").hexdigest()}"'
        assert answer["ContentLength"] == 5
        assert abs(answer["LastModified"] - datetime.now(UTC)) < timedelta(minutes=1)
    assert got["TagCount"] == 2


def test_an_object_without_a_type_is_bytes(plain, bucket):
    plain.put_object(Bucket=bucket, Key="a", Body=b"")
    assert plain.get_object(Bucket=bucket, Key="a")["ContentType"] == "binary/octet-stream"


def test_writing_again_replaces_all(plain, bucket):
    plain.put_object(Bucket=bucket, Key="a", Body=b"first", Metadata={"one": "1"}, Tagging="a=b")
    plain.put_object(Bucket=bucket, Key="a", Body=b"second one")
    got = plain.get_object(Bucket=bucket, Key="a")
    assert (got["Body"].read(), got["Metadata"], got.get("TagCount", 0)) == (b"second one", {}, 0)


def test_too_much_metadata_is_refused(s3, plain, bucket, refused):
    s3.differs("allows more")
    with refused(400, "MetadataTooLarge"):
        plain.put_object(Bucket=bucket, Key="a", Body=b"", Metadata={"a": "x" * 2048})


def test_what_is_not_there(plain, bucket, refused):
    with refused(404, "NoSuchKey"):
        plain.get_object(Bucket=bucket, Key="a")
    with refused(404, "404"):
        plain.head_object(Bucket=bucket, Key="a")
    with refused(404, "NoSuchBucket"):
        plain.get_object(Bucket="no-such-bucket-here", Key="a")
    with refused(404, "NoSuchBucket"):
        plain.put_object(Bucket="no-such-bucket-here", Key="a", Body=b"")
    plain.delete_object(Bucket=bucket, Key="a")


@pytest.mark.parametrize(
    ("wanted", "status", "expected"),
    [
        ("bytes=0-0", 206, b"0"),
        ("bytes=2-4", 206, b"234"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-2", 206, b"89"),
        ("bytes=5-100", 206, b"56789"),
        ("bytes=-100", 206, b"0123456789"),
    ],
)
def test_ranges(client, bucket, wanted, status, expected):
    client.put_object(Bucket=bucket, Key="a", Body=b"0123456789")
    got = client.get_object(Bucket=bucket, Key="a", Range=wanted)
    assert (got["ResponseMetadata"]["HTTPStatusCode"], got["Body"].read()) == (status, expected)
    assert got["ContentRange"].endswith("/10")


def test_a_range_behind_the_end(plain, bucket, refused):
    plain.put_object(Bucket=bucket, Key="a", Body=b"0123456789")
    with refused(416, "InvalidRange"):
        plain.get_object(Bucket=bucket, Key="a", Range="bytes=10-")


def test_conditions_of_reading(plain, bucket, refused):
    etag = plain.put_object(Bucket=bucket, Key="a", Body=b"x")["ETag"]
    hour = timedelta(hours=1)
    now = plain.head_object(Bucket=bucket, Key="a")["LastModified"]
    for passing in (
        {"IfMatch": etag}, {"IfNoneMatch": '"other"'}, {"IfModifiedSince": now - hour}, {"IfUnmodifiedSince": now},
    ):  # fmt: skip
        plain.get_object(Bucket=bucket, Key="a", **passing)["Body"].close()
    for kept in ({"IfNoneMatch": etag}, {"IfModifiedSince": now}):
        with refused(304, "304"):
            plain.get_object(Bucket=bucket, Key="a", **kept)
    for failing in ({"IfMatch": '"other"'}, {"IfUnmodifiedSince": now - hour}):
        with refused(412, "PreconditionFailed"):
            plain.get_object(Bucket=bucket, Key="a", **failing)


def test_a_reader_can_ask_for_other_headers(plain, bucket):
    plain.put_object(Bucket=bucket, Key="a", Body=b"x")
    got = plain.get_object(
        Bucket=bucket, Key="a", ResponseContentType="text/plain", ResponseContentDisposition='inline; filename="ü"'
    )
    got["Body"].close()
    assert got["ContentType"] == "text/plain"
    assert got["ContentDisposition"].startswith("inline; filename=")


def test_a_header_that_a_reader_asks_for_can_not_become_two(ours, connect):
    client = connect(ours)
    client.create_bucket(Bucket="no-injection")
    client.put_object(Bucket="no-injection", Key="a", Body=b"x")
    got = client.get_object(Bucket="no-injection", Key="a", ResponseContentType="text/plain\r\nx-evil: 1")
    assert got["Body"].read() == b"x"
    assert "x-evil" not in got["ResponseMetadata"]["HTTPHeaders"]


def test_an_object_is_written_only_where_none_is(plain, bucket, refused):
    plain.put_object(Bucket=bucket, Key="a", Body=b"first", IfNoneMatch="*")
    with refused(412, "PreconditionFailed"):
        plain.put_object(Bucket=bucket, Key="a", Body=b"second", IfNoneMatch="*")
    assert plain.get_object(Bucket=bucket, Key="a")["Body"].read() == b"first"


def test_an_object_is_written_only_over_the_one_that_is_known(s3, plain, bucket, refused):
    etag = plain.put_object(Bucket=bucket, Key="a", Body=b"first")["ETag"]
    s3.differs("compares without the quotes")
    plain.put_object(Bucket=bucket, Key="a", Body=b"second", IfMatch=etag)
    with refused(412, "PreconditionFailed"):
        plain.put_object(Bucket=bucket, Key="a", Body=b"third", IfMatch=etag)
    with refused(404, "NoSuchKey"):
        plain.put_object(Bucket=bucket, Key="b", Body=b"third", IfMatch=etag)
    assert plain.get_object(Bucket=bucket, Key="a")["Body"].read() == b"second"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CRC32", b64encode(zlib.crc32(b"123456789").to_bytes(4, "big")).decode()),
        ("CRC32C", b64encode(bytes.fromhex("e3069283")).decode()),
        ("SHA1", b64encode(hashlib.sha1(b"123456789").digest()).decode()),
        ("SHA256", b64encode(hashlib.sha256(b"123456789").digest()).decode()),
    ],
)
def test_a_checksum_is_checked_and_told(ours, connect, refused, name, value):
    client = connect(ours)
    client.create_bucket(Bucket="with-checksums")
    parameter = f"Checksum{name}"
    put = client.put_object(Bucket="with-checksums", Key=name, Body=b"123456789", **{parameter: value})
    got = client.get_object(Bucket="with-checksums", Key=name, ChecksumMode="ENABLED")
    assert got["Body"].read() == b"123456789"
    assert put[parameter] == got[parameter] == value
    with refused(400, "BadDigest"):
        client.put_object(Bucket="with-checksums", Key=name, Body=b"987654321", **{parameter: value})
    assert client.get_object(Bucket="with-checksums", Key=name)["Body"].read() == b"123456789"


def test_a_checksum_that_can_not_be_computed_is_refused(ours):
    ours.request("PUT", "/other-checksum")
    answer = ours.request("PUT", "/other-checksum/a", {"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="}, b"x")
    assert (answer.status, answer.code) == (501, "NotImplemented")


def test_content_md5_is_checked(plain, bucket, refused):
    right = b64encode(hashlib.md5(b"right").digest()).decode()
    plain.put_object(Bucket=bucket, Key="a", Body=b"right", ContentMD5=right)
    with refused(400, "BadDigest"):
        plain.put_object(Bucket=bucket, Key="a", Body=b"wrong", ContentMD5=right)
    with refused(400, "InvalidDigest"):
        plain.put_object(Bucket=bucket, Key="a", Body=b"wrong", ContentMD5="nonsense")


def test_many_are_removed_at_once(plain, bucket):
    for number in range(3):
        plain.put_object(Bucket=bucket, Key=f"{number}", Body=b"x")
    keys = [{"Key": "0"}, {"Key": "1"}, {"Key": "absent"}]
    told = plain.delete_objects(Bucket=bucket, Delete={"Objects": keys})
    assert sorted(one["Key"] for one in told["Deleted"]) == ["0", "1", "absent"]
    told = plain.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "2"}], "Quiet": True})
    assert not told.get("Deleted")
    assert plain.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_more_than_a_thousand_are_not_removed_at_once(s3, plain, bucket, refused):
    with refused(400, "400" if s3.is_real else "MalformedXML"):
        plain.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": str(number)} for number in range(1001)]})


def test_the_collection_of_a_resource_removes_all(s3, bucket):
    resource = s3.session.resource(
        "s3",
        endpoint_url=s3.endpoint,
        aws_access_key_id=s3.key,
        aws_secret_access_key=s3.secret,
        region_name="us-east-1",
    )
    for number in range(3):
        resource.Object(bucket, f"a/{number}").put(Body=b"x")
    resource.Bucket(bucket).objects.all().delete()
    assert list(resource.Bucket(bucket).objects.all()) == []
    resource.meta.client.close()


def test_a_copy_takes_all_with_it(s3, client, bucket):
    client.put_object(Bucket=bucket, Key="a", Body=b"bytes", Metadata={"one": "1"}, ContentType="text/x", Tagging="t=1")
    told = client.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"})
    client.delete_object(Bucket=bucket, Key="a")
    got = client.get_object(Bucket=bucket, Key="b")
    assert (got["Body"].read(), got["Metadata"], got["ContentType"]) == (b"bytes", {"one": "1"}, "text/x")
    assert got["ETag"].strip('"') == told["CopyObjectResult"]["ETag"].strip('"')  # Ceph RGW forgets the quotes
    assert client.get_object_tagging(Bucket=bucket, Key="b")["TagSet"] == [{"Key": "t", "Value": "1"}]


def test_a_copy_can_be_described_anew(s3, plain, bucket):
    plain.put_object(Bucket=bucket, Key="a", Body=b"bytes", Metadata={"one": "1"}, Tagging="t=1")
    plain.copy_object(
        Bucket=bucket, Key="a", CopySource={"Bucket": bucket, "Key": "a"}, MetadataDirective="REPLACE",
        Metadata={"two": "2"}, TaggingDirective="REPLACE", Tagging="u=2",
    )  # fmt: skip
    got = plain.get_object(Bucket=bucket, Key="a")
    assert (got["Body"].read(), got["Metadata"]) == (b"bytes", {"two": "2"})
    s3.differs("drops the new tags")
    assert plain.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == [{"Key": "u", "Value": "2"}]


def test_a_copy_onto_itself_that_changes_nothing_is_refused(plain, bucket, refused):
    plain.put_object(Bucket=bucket, Key="a", Body=b"bytes")
    with refused(400, "InvalidRequest"):
        plain.copy_object(Bucket=bucket, Key="a", CopySource={"Bucket": bucket, "Key": "a"})


def test_a_source_that_is_no_text_is_refused(ours, connect):
    """It would stand for an object with a sign that such bytes are shown as."""
    connect(ours).create_bucket(Bucket="no-text")
    connect(ours).put_object(Bucket="no-text", Key="\ufffd", Body=b"x")
    answer = ours.request("PUT", "/no-text/copy", {"x-amz-copy-source": "no-text/%fe"})
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_conditions_of_copying(s3, plain, bucket, refused):
    etag = plain.put_object(Bucket=bucket, Key="a", Body=b"bytes")["ETag"]
    source = {"Bucket": bucket, "Key": "a"}
    plain.copy_object(Bucket=bucket, Key="b", CopySource=source, CopySourceIfMatch=etag)
    with refused(404, "NoSuchKey"):
        plain.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "absent"})
    s3.differs("copies all the same")
    with refused(412, "PreconditionFailed"):
        plain.copy_object(Bucket=bucket, Key="c", CopySource=source, CopySourceIfNoneMatch=etag)
    with refused(404, "NoSuchKey"):
        plain.get_object(Bucket=bucket, Key="c")


def test_tags_are_replaced_and_removed(plain, bucket, refused):
    plain.put_object(Bucket=bucket, Key="a", Body=b"x", Tagging="old=1")
    tags = [{"Key": "hca-dss-sha256", "Value": "a" * 64}, {"Key": "ü x", "Value": ""}]
    plain.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": tags})
    found = plain.get_object_tagging(Bucket=bucket, Key="a")["TagSet"]
    assert sorted(found, key=lambda tag: tag["Key"]) == tags
    plain.delete_object_tagging(Bucket=bucket, Key="a")
    assert plain.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == []
    with refused(404, "NoSuchKey"):
        plain.get_object_tagging(Bucket=bucket, Key="absent")


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ([{"Key": str(number), "Value": ""} for number in range(11)], "BadRequest"),
        ([{"Key": "k" * 129, "Value": ""}], "InvalidTag"),
        ([{"Key": "k", "Value": "v" * 257}], "InvalidTag"),
        ([{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}], "InvalidTag"),
    ],
)
def test_wrong_tags_are_refused(ours, connect, refused, tags, code):
    client = connect(ours)
    client.create_bucket(Bucket="wrong-tags")
    client.put_object(Bucket="wrong-tags", Key="a", Body=b"x", Tagging="old=1")
    with refused(400, code):
        client.put_object_tagging(Bucket="wrong-tags", Key="a", Tagging={"TagSet": tags})
    assert client.get_object_tagging(Bucket="wrong-tags", Key="a")["TagSet"] == [{"Key": "old", "Value": "1"}]


def test_as_many_and_as_long_tags_as_allowed(plain, bucket):
    tags = [{"Key": f"{number}".ljust(128, "k"), "Value": "v" * 256} for number in range(10)]
    plain.put_object(Bucket=bucket, Key="a", Body=b"x")
    plain.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": tags})
    assert len(plain.get_object_tagging(Bucket=bucket, Key="a")["TagSet"]) == 10


def test_files_go_up_and_down_by_the_transfer_manager(client, bucket, tmp_path):
    data = os.urandom(9 * 1024**2 + 1)
    client.upload_fileobj(io.BytesIO(data), bucket, "big", ExtraArgs={"ContentType": "text/x", "Metadata": {"a": "b"}})
    client.download_file(bucket, "big", str(tmp_path / "big"))
    assert (tmp_path / "big").read_bytes() == data
    client.copy({"Bucket": bucket, "Key": "big"}, bucket, "copy")
    got = client.get_object(Bucket=bucket, Key="copy")
    assert got["Body"].read() == data
    assert (got["ContentType"], got["Metadata"]) == ("text/x", {"a": "b"})


def test_bytes_of_replaced_and_removed_objects_leave_the_disk(ours, connect):
    client = connect(ours)
    client.create_bucket(Bucket="on-disk")
    before = ours.files
    client.put_object(Bucket="on-disk", Key="a", Body=b"first")
    client.put_object(Bucket="on-disk", Key="a", Body=b"second")
    client.copy_object(Bucket="on-disk", Key="b", CopySource="on-disk/a")
    assert len(ours.files) == len(before) + 2
    client.delete_objects(Bucket="on-disk", Delete={"Objects": [{"Key": "a"}, {"Key": "b"}]})
    assert ours.files == before


def test_a_reader_that_has_begun_reads_to_the_end(ours, connect):
    client = connect(ours)
    client.create_bucket(Bucket="long-read")
    data = os.urandom(32 * 1024**2)
    client.put_object(Bucket="long-read", Key="a", Body=data)
    before = ours.files
    body = client.get_object(Bucket="long-read", Key="a")["Body"]
    begin = body.read(1024)
    client.delete_object(Bucket="long-read", Key="a")
    assert ours.files == before
    assert begin + body.read() == data
    client.put_object(Bucket="long-read", Key="b", Body=b"")  # a request later, what nobody reads is gone
    assert not set(before) <= set(ours.files)
