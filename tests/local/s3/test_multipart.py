"""Multipart uploads."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import zlib
from base64 import b64encode
from contextlib import closing

import pytest

SMALLEST = 5 * 1024**2
DATA = os.urandom(2 * SMALLEST + 1000)
PIECES = [DATA[:SMALLEST], DATA[SMALLEST : 2 * SMALLEST], DATA[2 * SMALLEST :]]
ETAG = hashlib.md5(b"".join(hashlib.md5(piece).digest() for piece in PIECES)).hexdigest() + "-3"


def begin(client, bucket, key="a", **options):
    upload = client.create_multipart_upload(Bucket=bucket, Key=key, **options)["UploadId"]
    return {"Bucket": bucket, "Key": key, "UploadId": upload}


def send(client, upload, number, piece, **options):
    told = client.upload_part(**upload, PartNumber=number, Body=piece, **options)
    checksums = {name: value for name, value in told.items() if name.startswith("Checksum") and name != "ChecksumType"}
    return {"PartNumber": number, "ETag": told["ETag"], **checksums}


def finish(client, upload, parts, **options):
    return client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **options)


@pytest.fixture(scope="module")
def in_parts(plain):
    """A bucket and a key of an object that was uploaded in parts."""
    bucket = "test-of-parts"
    plain.create_bucket(Bucket=bucket)
    upload = begin(plain, bucket, ContentType="text/x", Metadata={"a": "b"}, Tagging="t=1")
    finish(plain, upload, [send(plain, upload, number, piece) for number, piece in enumerate(PIECES, 1)])
    yield {"Bucket": bucket, "Key": "a"}
    plain.delete_object(Bucket=bucket, Key="a")
    plain.delete_bucket(Bucket=bucket)


def test_the_parts_become_an_object(s3, plain, in_parts):
    got = plain.get_object(**in_parts)
    assert got["Body"].read() == DATA
    assert (got["ETag"], got["ContentType"], got["Metadata"]) == (f'"{ETAG}"', "text/x", {"a": "b"})
    (entry,) = plain.list_objects_v2(Bucket=in_parts["Bucket"])["Contents"]
    assert (entry["Size"], entry["ETag"]) == (len(DATA), f'"{ETAG}"')
    s3.differs("loses the tags of a multipart upload")
    assert plain.get_object_tagging(**in_parts)["TagSet"] == [{"Key": "t", "Value": "1"}]


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 10), (SMALLEST - 3, SMALLEST + 3), (SMALLEST - 1, SMALLEST), (SMALLEST, SMALLEST + 1), (1, len(DATA)),
     (SMALLEST - 1, 2 * SMALLEST + 1), (2 * SMALLEST, len(DATA)), (len(DATA) - 1, len(DATA))],
)  # fmt: skip
def test_ranges_go_across_parts(plain, in_parts, start, end):
    got = plain.get_object(**in_parts, Range=f"bytes={start}-{end - 1}")
    assert got["Body"].read() == DATA[start:end]
    assert got["ContentRange"] == f"bytes {start}-{end - 1}/{len(DATA)}"


def test_one_part_can_be_read(s3, plain, in_parts):
    s3.differs("ignores which part is wanted")
    got = plain.get_object(**in_parts, PartNumber=2)
    assert got["Body"].read() == PIECES[1]
    assert got["PartsCount"] == 3


def test_parts_come_in_any_order_and_again(client, bucket):
    upload = begin(client, bucket)
    send(client, upload, 2, b"wrong")
    last, first = send(client, upload, 2, PIECES[2]), send(client, upload, 1, PIECES[0])
    told = finish(client, upload, [first, last])
    got = client.get_object(Bucket=bucket, Key="a")
    assert got["Body"].read() == PIECES[0] + PIECES[2]
    assert got["ETag"].endswith('-2"')
    assert told["Key"] == "a"


def test_a_part_that_is_not_named_is_dropped(ours, connect):
    client = connect(ours)
    client.create_bucket(Bucket="dropped-part")
    before = ours.files
    upload = begin(client, "dropped-part")
    parts = [send(client, upload, number, b"part %d" % number) for number in (1, 2)]
    assert len(ours.files) == len(before) + 2
    finish(client, upload, parts[1:])
    assert client.get_object(Bucket="dropped-part", Key="a")["Body"].read() == b"part 2"
    assert len(ours.files) == len(before) + 1
    client.delete_object(Bucket="dropped-part", Key="a")
    assert ours.files == before


def test_the_object_is_not_there_before_it_is_complete(plain, bucket, refused):
    upload = begin(plain, bucket)
    send(plain, upload, 1, b"x")
    with refused(404, "NoSuchKey"):
        plain.get_object(Bucket=bucket, Key="a")
    assert plain.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_what_is_in_progress_is_listed(plain, bucket):
    uploads = [begin(plain, bucket, key) for key in ("b", "a", "c")]
    pages = plain.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, PaginationConfig={"PageSize": 1})
    assert [one["Key"] for page in pages for one in page.get("Uploads", ())] == ["a", "b", "c"]
    found = plain.list_multipart_uploads(Bucket=bucket, Prefix="b")["Uploads"]
    assert [one["UploadId"] for one in found] == [uploads[0]["UploadId"]]
    for number in (3, 1, 2):
        send(plain, uploads[0], number, b"x" * number)
    pages = plain.get_paginator("list_parts").paginate(**uploads[0], PaginationConfig={"PageSize": 2})
    assert [(one["PartNumber"], one["Size"]) for page in pages for one in page["Parts"]] == [(1, 1), (2, 2), (3, 3)]


def test_an_aborted_upload_is_gone(s3, plain, bucket, refused):
    upload = begin(plain, bucket)
    part = send(plain, upload, 1, b"x")
    plain.abort_multipart_upload(**upload)
    with refused(404, "NoSuchUpload"):
        send(plain, upload, 2, b"x")
    assert not plain.list_multipart_uploads(Bucket=bucket).get("Uploads")
    s3.differs("believes that it is being completed")
    with refused(404, "NoSuchUpload"):
        finish(plain, upload, [part])


def test_aborted_parts_leave_the_disk(ours, connect):
    client = connect(ours)
    client.create_bucket(Bucket="aborted-parts")
    before = ours.files
    upload = begin(client, "aborted-parts")
    send(client, upload, 1, b"x")
    client.abort_multipart_upload(**upload)
    upload = begin(client, "aborted-parts")
    send(client, upload, 1, b"x")
    client.delete_bucket(Bucket="aborted-parts")
    assert ours.files == before


def test_wrong_parts_are_refused(s3, plain, bucket, refused):
    upload = begin(plain, bucket)
    first, second = send(plain, upload, 1, b"small"), send(plain, upload, 2, b"last")
    with refused(400, "EntityTooSmall"):
        finish(plain, upload, [first, second])
    s3.differs("checks the sizes first")
    with refused(400, "InvalidPartOrder"):
        finish(plain, upload, [second, first])
    with refused(400, "InvalidPart"):
        finish(plain, upload, [{**first, "ETag": '"' + "0" * 32 + '"'}])
    with refused(400, "InvalidPart"):
        finish(plain, upload, [first, {**second, "PartNumber": 3}])
    with refused(400, "MalformedXML"):
        finish(plain, upload, [])
    finish(plain, upload, [first])


@pytest.mark.parametrize("number", [0, 10_001])
def test_a_part_number_out_of_range(s3, plain, bucket, refused, number):
    s3.differs("allows it")
    with refused(400, "InvalidArgument"):
        send(plain, begin(plain, bucket), number, b"x")


def test_an_upload_can_be_completed_only_where_no_object_is(ours, connect, refused):
    client = connect(ours)
    client.create_bucket(Bucket="complete-if-none")
    upload = begin(client, "complete-if-none")
    part = send(client, upload, 1, b"mine")
    client.put_object(Bucket="complete-if-none", Key="a", Body=b"theirs")
    with refused(412, "PreconditionFailed"):
        finish(client, upload, [part], IfNoneMatch="*")
    assert client.get_object(Bucket="complete-if-none", Key="a")["Body"].read() == b"theirs"
    finish(client, upload, [part])
    assert client.get_object(Bucket="complete-if-none", Key="a")["Body"].read() == b"mine"


@pytest.mark.parametrize("kind", ["COMPOSITE", "FULL_OBJECT"])
def test_the_object_gets_the_checksum_that_was_ordered(ours, connect, refused, kind):
    client = connect(ours)
    bucket = f"ordered-{kind.lower().replace('_', '-')}"
    client.create_bucket(Bucket=bucket)
    crcs = [zlib.crc32(piece).to_bytes(4, "big") for piece in PIECES]
    joined, suffix = (b"".join(crcs), "-3") if kind == "COMPOSITE" else (DATA, "")
    expected = b64encode(zlib.crc32(joined).to_bytes(4, "big")).decode() + suffix
    upload = begin(client, bucket, ChecksumAlgorithm="CRC32", ChecksumType=kind)
    parts = [send(client, upload, number, piece) for number, piece in enumerate(PIECES, 1)]
    with refused(400, "InvalidPart"):
        finish(client, upload, [{**parts[0], "ChecksumCRC32": "AAAAAA=="}, *parts[1:]])
    with refused(400, "BadDigest"):
        finish(client, upload, parts, ChecksumCRC32="AAAAAA==", ChecksumType=kind)
    assert finish(client, upload, parts, ChecksumType=kind)["ChecksumCRC32"] == expected
    head = client.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert (head["ChecksumCRC32"], head["ChecksumType"]) == (expected, kind)


def test_parts_can_be_copied(plain, bucket, in_parts, refused):
    upload = begin(plain, bucket)
    source = {"CopySource": in_parts}
    stretch = f"bytes={SMALLEST - 5}-{2 * SMALLEST + 4}"
    first = plain.upload_part_copy(**upload, **source, PartNumber=1, CopySourceRange=stretch)["CopyPartResult"]
    second = plain.upload_part_copy(**upload, **source, PartNumber=2)["CopyPartResult"]
    parts = [{"PartNumber": number, "ETag": part["ETag"]} for number, part in enumerate((first, second), 1)]
    finish(plain, upload, parts)
    expected = DATA[SMALLEST - 5 : 2 * SMALLEST + 5] + DATA
    assert plain.get_object(Bucket=bucket, Key="a")["Body"].read() == expected


def test_a_stretch_that_is_not_there_is_not_copied(ours, connect, refused):
    client = connect(ours)
    client.create_bucket(Bucket="no-such-stretch")
    client.put_object(Bucket="no-such-stretch", Key="source", Body=b"0123456789")
    upload = begin(client, "no-such-stretch")
    for stretch in ("bytes=5-10", "bytes=5-4", "bytes=5-", "5-6"):
        with refused(400, "InvalidArgument"):
            client.upload_part_copy(
                **upload, CopySource="no-such-stretch/source", PartNumber=1, CopySourceRange=stretch
            )  # fmt: skip


def test_the_copy_of_an_object_in_parts_is_in_one(ours, connect):
    client = connect(ours)
    client.create_bucket(Bucket="copy-of-parts")
    upload = begin(client, "copy-of-parts", "source")
    finish(client, upload, [send(client, upload, number, piece) for number, piece in enumerate(PIECES, 1)])
    client.copy_object(Bucket="copy-of-parts", Key="copy", CopySource="copy-of-parts/source", ChecksumAlgorithm="CRC32")
    client.delete_object(Bucket="copy-of-parts", Key="source")
    got = client.get_object(Bucket="copy-of-parts", Key="copy", ChecksumMode="ENABLED")
    assert got["Body"].read() == DATA
    assert got["ETag"] == f'"{hashlib.md5(DATA).hexdigest()}"'
    assert got["ChecksumCRC32"] == b64encode(zlib.crc32(DATA).to_bytes(4, "big")).decode()
    assert client.get_object(Bucket="copy-of-parts", Key="copy", PartNumber=1)["ContentLength"] == len(DATA)


def test_an_upload_that_is_completed_again(ours, connect, refused):
    """The answer to the first request was lost, so the client asks again and must learn that all is well."""
    client = connect(ours)
    client.create_bucket(Bucket="completed-again")
    upload = begin(client, "completed-again", ContentType="text/x", Metadata={"a": "b"})
    parts = [send(client, upload, 1, PIECES[0]), send(client, upload, 2, PIECES[2])]
    first, again = finish(client, upload, parts), finish(client, upload, parts)
    for told in (first, again):
        del told["ResponseMetadata"]
    assert first == again
    head = client.head_object(Bucket="completed-again", Key="a")
    assert (head["ContentType"], head["Metadata"]) == ("text/x", {"a": "b"})
    with refused(404, "NoSuchUpload"):
        finish(client, upload, parts[:1])
    with refused(404, "NoSuchUpload"):
        finish(client, upload, [{**parts[0], "ETag": "none"}])
    client.put_object(Bucket="completed-again", Key="a", Body=b"other")
    with refused(404, "NoSuchUpload"):
        finish(client, upload, parts)


def test_as_many_parts_as_there_may_be(ours, connect, refused):
    client = connect(ours)
    client.create_bucket(Bucket="many-parts")
    before = ours.files
    upload = begin(client, "many-parts")
    etag = hashlib.md5(bytes(SMALLEST)).hexdigest()
    # They are as small as allowed, and yet 50 GB: so they are put there as files that only look it.
    with closing(sqlite3.connect(ours.root / "records.sqlite3")) as connection, connection:
        for number in range(1, 10_001):
            with (ours.root / "bytes" / f"part{number}").open("xb") as stream:
                stream.truncate(SMALLEST)
            connection.execute(
                "INSERT INTO part VALUES (?, ?, ?, ?, ?, 0, '{}')",
                (upload["UploadId"], number, f"part{number}", SMALLEST, etag),
            )
    parts = [{"PartNumber": number, "ETag": etag} for number in range(1, 10_001)]
    with refused(400, "InvalidPart"):
        finish(client, upload, [*parts[:-1], {"PartNumber": 9_999 + 1, "ETag": "0" * 32}])
    told = finish(client, upload, parts)
    joined = bytes.fromhex(etag) * 10_000
    assert told["ETag"] == f'"{hashlib.md5(joined).hexdigest()}-10000"'
    head = client.head_object(Bucket="many-parts", Key="a")
    assert head["ContentLength"] == 10_000 * SMALLEST
    last = client.get_object(Bucket="many-parts", Key="a", Range=f"bytes={9_999 * SMALLEST - 1}-{9_999 * SMALLEST}")
    assert last["Body"].read() == b"\0\0"
    client.delete_object(Bucket="many-parts", Key="a")
    assert ours.files == before
