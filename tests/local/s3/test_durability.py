"""What is on disk stays, what is not whole is never seen, and memory does not grow with the size of bodies."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import until

BLOCK = bytes(1024**2)
SMALLEST = 5 * 1024**2


def half_sent(target, path, sent=b"x" * 3_000_000, size=6_000_000):
    """Return a connection with a PUT whose body has come half."""
    signed = target.signed("PUT", path, {"Content-Length": str(size)})
    connection = target.connection()
    connection.putrequest("PUT", path, skip_accept_encoding=True)
    for name, value in signed.items():
        connection.putheader(name, value)
    connection.endheaders(sent)
    return connection


def wait_for_bytes(target, before, size):
    """Wait until the server has written `size` bytes to a new file."""

    def arrived():
        new = [target.root / "bytes" / name for name in set(target.files) - set(before)]
        return new and new[0].stat().st_size >= size

    until(arrived)


def test_a_kill_in_the_middle_of_an_upload(start, connect, tmp_path):
    """The object before it is intact, nothing of the new one is there, and a multipart upload goes on."""
    server = start(tmp_path / "root")
    client = connect(server.target)
    client.create_bucket(Bucket="killed")
    client.put_object(Bucket="killed", Key="a", Body=b"first", Metadata={"a": "b"}, Tagging="t=1")
    upload = {"Key": "big", "Bucket": "killed"}
    upload["UploadId"] = client.create_multipart_upload(**upload)["UploadId"]
    first = client.upload_part(**upload, PartNumber=1, Body=b"1" * SMALLEST)["ETag"]
    before = server.target.files
    connection = half_sent(server.target, "/killed/a")
    wait_for_bytes(server.target, before, 2 * 1024**2)
    server.kill()
    connection.close()
    assert len(server.target.files) == len(before) + 1

    again = start(tmp_path / "root")
    client = connect(again.target)
    assert again.target.files == before
    got = client.get_object(Bucket="killed", Key="a")
    assert (got["Body"].read(), got["Metadata"], got["TagCount"]) == (b"first", {"a": "b"}, 1)
    assert [one["Key"] for one in client.list_objects_v2(Bucket="killed")["Contents"]] == ["a"]
    assert [one["ETag"] for one in client.list_parts(**upload)["Parts"]] == [first]
    second = client.upload_part(**upload, PartNumber=2, Body=b"2")["ETag"]
    parts = [{"PartNumber": number, "ETag": etag} for number, etag in ((1, first), (2, second))]
    client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert client.get_object(Bucket="killed", Key="big")["Body"].read() == b"1" * SMALLEST + b"2"


def test_what_was_answered_survives_a_kill(start, connect, tmp_path):
    server = start(tmp_path / "root")
    client = connect(server.target)
    client.create_bucket(Bucket="answered")
    for number in range(20):
        client.put_object(Bucket="answered", Key=f"{number:02}", Body=b"%d" % number)
    client.delete_object(Bucket="answered", Key="00")
    server.kill()
    client = connect(start(tmp_path / "root").target)
    found = [one["Key"] for one in client.list_objects_v2(Bucket="answered")["Contents"]]
    assert found == [f"{number:02}" for number in range(1, 20)]
    assert client.get_object(Bucket="answered", Key="19")["Body"].read() == b"19"


def test_what_is_answered_was_synced_first(monkeypatch, tmp_path):
    """The bytes, then the name of the file, then the row: in this order, all before the answer."""
    import asyncio

    from hca_local.s3 import bodies
    from hca_local.s3.store import objects
    from hca_local.s3.store.objects import Condition, Content, Description, Segment
    from hca_local.s3.store.store import Store

    happened = []
    fsync = os.fsync

    def noted(descriptor):
        happened.append("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    store = Store(tmp_path)
    assert store.records.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store.records.execute("PRAGMA synchronous").fetchone() == (2,)

    async def receive():
        return {"type": "http.request", "body": b"x"}

    async def put():
        file, received = await bodies.to_file(bodies.undeclared(None), receive, store)
        assert happened == ["file"]
        content = Content((Segment(file, received.size),), received.md5)

        def work(connection):
            connection.execute("INSERT INTO bucket VALUES ('b', '', 0)")
            objects.put(connection, "b", "k", Description(), content, Condition(), 0)
            happened.append("row")

        await store.write(work)

    asyncio.run(put())
    assert happened == ["file", "row", "directory"]
    assert objects.find(store.records, "b", "k").size == 1
    store.close()


def test_a_client_that_leaves_in_the_middle(ours, connect):
    client = connect(ours)
    client.create_bucket(Bucket="left")
    client.put_object(Bucket="left", Key="a", Body=b"first")
    before = ours.files
    connection = half_sent(ours, "/left/a")
    wait_for_bytes(ours, before, 2 * 1024**2)
    connection.close()
    while ours.files != before:
        assert client.get_object(Bucket="left", Key="a")["Body"].read() == b"first"


def test_what_fails_leaves_nothing_on_disk(ours, connect, refused):
    client = connect(ours)
    client.create_bucket(Bucket="failed")
    client.put_object(Bucket="failed", Key="a", Body=b"first")
    before = ours.files
    with refused(412, "PreconditionFailed"):
        client.put_object(Bucket="failed", Key="a", Body=b"second", IfNoneMatch="*")
    with refused(400, "BadDigest"):
        client.put_object(Bucket="failed", Key="a", Body=b"second", ChecksumCRC32="AAAAAA==")
    with refused(412, "PreconditionFailed"):
        client.copy_object(
            Bucket="failed", Key="a", CopySource="failed/a", IfNoneMatch="*", MetadataDirective="REPLACE"
        )
    assert ours.files == before


def test_all_is_for_the_owner_only(ours, connect):
    client = connect(ours)
    client.create_bucket(Bucket="private")
    client.put_object(Bucket="private", Key="../../escape", Body=b"x")
    assert stat.S_IMODE(ours.root.stat().st_mode) == 0o700
    found = list(ours.root.rglob("*"))
    assert {"records.sqlite3", "records.sqlite3-wal", "records.sqlite3-shm"} <= {path.name for path in found}
    for path in found:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
        assert "escape" not in path.name


def peak_memory(pid: int) -> int:
    """Return the most memory, in bytes, that a process ever had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_memory_does_not_grow_with_the_object(start, tmp_path):
    server = start(tmp_path / "root")
    target = server.target
    target.request("PUT", "/memory")
    target.request("PUT", "/memory/small", body=BLOCK)
    before = peak_memory(target.pid)
    size = 256 * 1024**2
    connection = half_sent(target, "/memory/big", b"", size)
    for _ in range(size // len(BLOCK)):
        connection.send(BLOCK)
    assert connection.getresponse().read() == b""
    connection.request("GET", "/memory/big", headers=target.signed("GET", "/memory/big"))
    answer = connection.getresponse()
    received = 0
    while block := answer.read(1024**2):
        received += len(block)
    connection.close()
    assert received == size
    assert peak_memory(target.pid) - before < 32 * 1024**2


def test_a_reader_that_leaves_is_noticed(ours, connect):
    """The bytes of a removed object stay for a reader; when that one is gone, so are they."""
    client = connect(ours)
    client.create_bucket(Bucket="reader-left")
    before = ours.files
    client.put_object(Bucket="reader-left", Key="a", Body=bytes(32 * 1024**2))
    body = client.get_object(Bucket="reader-left", Key="a")["Body"]
    body.read(1)
    client.delete_object(Bucket="reader-left", Key="a")
    assert ours.files != before
    body.close()
    while ours.files != before:
        client.list_buckets()


def answer_with_fsync_that_fails(monkeypatch, tmp_path, error):
    """Return the messages that answer a PUT, and the files that are left, when the disk fails with `error`."""
    import asyncio

    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    from hca_local.s3.keys import PermanentKeys
    from hca_local.s3.service import S3Service

    signed = AWSRequest("PUT", "http://localhost/b-1/a", headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    S3SigV4Auth(Credentials("K", "S"), "s3", "r").add_auth(signed)
    headers = {"host": "localhost", "content-length": "0", **signed.headers}
    scope = {
        "type": "http", "method": "PUT", "path": "/b-1/a", "raw_path": b"/b-1/a", "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    messages = []

    async def receive():
        return {"type": "http.request", "body": b""}

    async def send(message):
        messages.append(message)

    service = S3Service(tmp_path, PermanentKeys({"K": "S"}))
    service.store.records.execute("INSERT INTO bucket VALUES ('b-1', '', 0)")

    def fail(descriptor):
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    try:
        asyncio.run(service(scope, receive, send))
    finally:
        service.close()
    return messages, os.listdir(tmp_path / "bytes")


def test_a_full_disk_is_told(monkeypatch, tmp_path):
    error = OSError(errno.ENOSPC, "No space left on device")
    messages, files = answer_with_fsync_that_fails(monkeypatch, tmp_path, error)
    assert messages[0]["status"] == 507
    assert b"<Code>InsufficientStorage</Code>" in messages[1]["body"]
    assert files == []


def test_what_nobody_expected_is_told_and_raised(monkeypatch, tmp_path):
    error = OSError(errno.EIO, "Input/output error")
    with pytest.raises(OSError, match="Input/output error"):
        answer_with_fsync_that_fails(monkeypatch, tmp_path, error)


def test_the_server_does_not_import_boto3():
    program = "import sys; import hca_local.s3.service; print('boto3' in sys.modules, 'botocore' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
