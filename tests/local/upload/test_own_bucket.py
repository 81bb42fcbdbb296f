"""The bucket with the areas on the deployment's own S3 server, and what the keys of an area may do there."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from waiting import until

from hca_local.s3.keys import PermanentKeys
from hca_local.s3.service import S3Service
from hca_local.s3.store import uploads
from hca_local.store import database
from hca_local.upload import buckets
from hca_local.upload.buckets import schema
from hca_local.upload.buckets.keys import Ring
from hca_local.upload.buckets.values import NAME, SOURCES, RefusedError, ReplacedError, UnusableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

AREA = "deadbeef-dead-dead-dead-beeeeeeeeeef"
OTHER = "deadbeef-dead-dead-dead-beeeeeeeeeee"
SMALLEST_PART = 5 * 1024**2
NAMES = ["a", "b c", "d/e", "line\nfeed", "return\r", "#?&=+%41", "ü 𝄞 ﬃ", "<&>\"'", "..", "x//y", "~", "tab\t", "\x01"]


class Deployment:
    """An S3 server in a thread with the key ring of a deployment, and the bucket as the upload service sees it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / "store.sqlite3"
        self.created: list[tuple[str, str]] = []
        with closing(database.connect(self.path)) as connection:
            connection.executescript(schema.TABLES)
        self._clients: list[Any] = []
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(self, lifespan="off", log_config=None, access_log=False))
        is_open = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(is_open,), daemon=True)
        self._thread.start()
        assert is_open.wait(60)
        self.bucket = buckets.opened(self.service, self.url, self.path)
        self.mine = self.client()

    def _serve(self, is_open: threading.Event) -> None:
        with closing(database.connect(self.path)) as records:
            self.service = S3Service(self.root / "s3", Ring(PermanentKeys({"MINE": "secret"}), records))
            self.service.created = lambda bucket, key: self.created.append((bucket, key))
            is_open.set()
            self._server.run(sockets=[self._listener])
            self.service.close()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.service(scope, receive, send)

    def client(self, key: str = "MINE", secret: str = "secret", token: str | None = None) -> Any:
        """Return a boto3 client with these keys."""
        import boto3
        from botocore.config import Config

        made = boto3.Session().client(
            "s3", endpoint_url=self.url, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret,
            aws_session_token=token, config=Config(retries={"total_max_attempts": 1}),
        )  # fmt: skip
        self._clients.append(made)
        return made

    def of_area(self, area: str = AREA, seconds: int = 100) -> Any:
        """Return a boto3 client with keys of an area."""
        made = self.bucket.issue(area, seconds)
        return self.client(made.access_key_id, made.secret, made.session_token)

    def files(self) -> list[str]:
        return os.listdir(self.root / "s3" / "bytes")

    def close(self) -> None:
        for one in self._clients:
            one.close()
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Deployment]:
    """A deployment whose bucket is there."""
    made = Deployment(tmp_path)
    made.bucket.prepare()
    yield made
    made.close()


@pytest.fixture
def refused() -> Callable[..., Any]:
    """Return `refused(code)`, a context in which boto3 must get this error."""
    from contextlib import contextmanager

    from botocore.exceptions import ClientError

    @contextmanager
    def context(*codes: str) -> Iterator[None]:
        with pytest.raises(ClientError) as caught:
            yield
        assert caught.value.response["Error"]["Code"] in codes

    return context


def put(own: Deployment, name: str, data: bytes = b"x", **options: Any) -> None:
    own.mine.put_object(Bucket=NAME, Key=f"{AREA}/{name}", Body=data, **options)


def all_of(stream: Any, size: int = 3) -> bytes:
    data = b""
    while block := stream.read(size):
        data += block
    return data


def test_the_bucket_can_be_prepared_again(own):
    own.bucket.prepare()
    assert [one["Name"] for one in own.mine.list_buckets()["Buckets"]] == [NAME]


def test_before_the_bucket_is_there(tmp_path):
    deployment = Deployment(tmp_path)
    assert deployment.bucket.find("a/b") is None
    assert list(deployment.bucket.listed("a/")) == []
    with pytest.raises(UnusableError, match=NAME):
        deployment.bucket.put("a/b", b"", "text/plain", {}, {})
    assert deployment.files() == []
    assert deployment.bucket.empty("a/", lambda: False)
    deployment.close()


def test_an_object_is_found(own):
    put(own, "a b", b"data", ContentType="text/plain; dcp-type=data", Metadata={"CRC32C": "Aa"}, Tagging="t=1&u=%C3%BC")
    found = own.bucket.find(f"{AREA}/a b")
    head = own.mine.head_object(Bucket=NAME, Key=f"{AREA}/a b")
    assert (found.key, found.size, found.etag) == (f"{AREA}/a b", 4, hashlib.md5(b"data").hexdigest())
    assert (found.content_type, found.metadata) == ("text/plain; dcp-type=data", {"crc32c": "Aa"})
    assert (found.tags, found.modified) == ({"t": "1", "u": "ü"}, head["LastModified"])
    assert own.bucket.find(f"{AREA}/a") is None


def test_an_object_is_put_as_clients_put_it(own):
    held = own.bucket.put(f"{AREA}/ü", b"data", "application/json; dcp-type=x", {"crc32c": "1"}, {"hca-dss-sha1": "2"})
    assert held == own.bucket.find(f"{AREA}/ü")
    got = own.mine.get_object(Bucket=NAME, Key=f"{AREA}/ü")
    assert (got["Body"].read(), got["ContentType"], got["Metadata"]) == (
        b"data", "application/json; dcp-type=x", {"crc32c": "1"},
    )  # fmt: skip
    assert own.mine.get_object_tagging(Bucket=NAME, Key=f"{AREA}/ü")["TagSet"] == [
        {"Key": "hca-dss-sha1", "Value": "2"}
    ]
    own.bucket.put(f"{AREA}/ü", b"other", "text/plain", {}, {})
    assert own.mine.get_object(Bucket=NAME, Key=f"{AREA}/ü")["Body"].read() == b"other"
    until(lambda: len(own.files()) == 1)


def test_a_listing_goes_through_all_pages(own, monkeypatch):
    from hca_local.upload.buckets import own as module

    monkeypatch.setattr(module, "_PAGE", 2)
    for name in ("c", "a", "b/x", "d", "ü"):
        put(own, name)
    own.bucket.put(f"{OTHER}/z", b"", "text/plain", {}, {})
    listed = list(own.bucket.listed(f"{AREA}/"))
    assert [one.key for one in listed] == [f"{AREA}/{name}" for name in ("a", "b/x", "c", "d", "ü")]
    assert {(one.size, one.etag, tuple(one.tags)) for one in listed} == {(1, hashlib.md5(b"x").hexdigest(), ())}


def test_the_bytes_of_an_object_in_parts_are_one_stream(own):
    pieces = [os.urandom(SMALLEST_PART), b"end"]
    upload_in_parts(own.mine, f"{AREA}/a", pieces)
    held = own.bucket.find(f"{AREA}/a")
    assert own.bucket.read(held, lambda body: all_of(body, 1_000_000)) == b"".join(pieces)


def upload_in_parts(client: Any, key: str, pieces: list[bytes]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Upload an object in parts and return what names the upload and what completes it."""
    upload = {"Bucket": NAME, "Key": key}
    upload["UploadId"] = client.create_multipart_upload(**upload)["UploadId"]
    parts = [
        {"PartNumber": number, "ETag": client.upload_part(**upload, PartNumber=number, Body=piece)["ETag"]}
        for number, piece in enumerate(pieces, 1)
    ]
    client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    return upload, {"Parts": parts}


def test_what_was_replaced_is_neither_read_nor_tagged(own):
    put(own, "a", b"old")
    held = own.bucket.find(f"{AREA}/a")
    put(own, "a", b"new")
    with pytest.raises(ReplacedError):
        own.bucket.read(held, all_of)
    with pytest.raises(ReplacedError):
        own.bucket.tag(held, {"a": "b"})
    assert own.bucket.find(f"{AREA}/a").tags == {}
    own.mine.delete_object(Bucket=NAME, Key=f"{AREA}/a")
    with pytest.raises(ReplacedError):
        own.bucket.read(held, all_of)
    with pytest.raises(ReplacedError):
        own.bucket.tag(held, {"a": "b"})


def test_what_is_replaced_while_it_is_read_is_not_read_to_its_end(own):
    upload_in_parts(own.mine, f"{AREA}/a", [b"1" * SMALLEST_PART, b"2"])

    def read_and_replace(body: Any) -> bytes:
        first: bytes = body.read(1)
        put(own, "a", b"new")
        return first + all_of(body, 1_000_000)

    with pytest.raises(ReplacedError):
        own.bucket.read(own.bucket.find(f"{AREA}/a"), read_and_replace)


def test_tags_come_to_those_that_are_there_by_then(own):
    put(own, "a", Tagging="t=1&u=1&hca-dss-sha1=1")
    held = own.bucket.find(f"{AREA}/a")
    theirs = [{"Key": "t", "Value": "2"}, {"Key": "v", "Value": "3"}, {"Key": "hca-dss-sha1", "Value": "1"}]
    own.mine.put_object_tagging(Bucket=NAME, Key=f"{AREA}/a", Tagging={"TagSet": theirs})
    own.bucket.tag(held, {"hca-dss-sha1": "2"})
    assert own.bucket.find(f"{AREA}/a").tags == {"t": "2", "v": "3", "hca-dss-sha1": "2"}


def test_more_tags_than_s3_takes_are_refused(own):
    put(own, "a", Tagging="&".join(f"t{number}=1" for number in range(9)))
    held = own.bucket.find(f"{AREA}/a")
    with pytest.raises(RefusedError, match="greater than 10"):
        own.bucket.tag(held, {"x": "1", "y": "1"})
    assert own.bucket.find(f"{AREA}/a") == held
    own.bucket.tag(held, {"x": "1"})
    assert len(own.bucket.find(f"{AREA}/a").tags) == 10


def test_an_area_is_emptied(own, monkeypatch):
    from hca_local.upload.buckets import own as module

    monkeypatch.setattr(module, "_REMOVED_AT_ONCE", 2)
    for number in range(5):
        put(own, f"f{number}")
        own.mine.create_multipart_upload(Bucket=NAME, Key=f"{AREA}/m{number}")
    upload = own.mine.create_multipart_upload(Bucket=NAME, Key=f"{AREA}/part")["UploadId"]
    own.mine.upload_part(Bucket=NAME, Key=f"{AREA}/part", UploadId=upload, PartNumber=1, Body=b"x")
    own.bucket.put(f"{OTHER}/kept", b"x", "text/plain", {}, {})
    own.mine.create_multipart_upload(Bucket=NAME, Key=f"{OTHER}/kept")
    assert own.bucket.empty(f"{AREA}/", lambda: False)
    assert [one["Key"] for one in own.mine.list_objects_v2(Bucket=NAME)["Contents"]] == [f"{OTHER}/kept"]
    assert [one["Key"] for one in own.mine.list_multipart_uploads(Bucket=NAME)["Uploads"]] == [f"{OTHER}/kept"]
    until(lambda: len(own.files()) == 1)


def test_emptying_can_be_stopped_and_goes_on(own, monkeypatch):
    from hca_local.upload.buckets import own as module

    monkeypatch.setattr(module, "_REMOVED_AT_ONCE", 2)
    for number in range(5):
        put(own, str(number))
    answers = iter([False, True])
    assert not own.bucket.empty(f"{AREA}/", lambda: next(answers))
    assert len(list(own.bucket.listed(f"{AREA}/"))) == 3
    assert own.bucket.empty(f"{AREA}/", lambda: False)
    assert list(own.bucket.listed(f"{AREA}/")) == []


def test_the_keys_of_an_emptied_area_are_worthless(own, refused):
    client, others = own.of_area(), own.of_area(OTHER)
    client.put_object(Bucket=NAME, Key=f"{AREA}/a", Body=b"x")
    own.bucket.empty(f"{AREA}/", lambda: False)
    with refused("InvalidAccessKeyId"):
        client.put_object(Bucket=NAME, Key=f"{AREA}/a", Body=b"x")
    others.put_object(Bucket=NAME, Key=f"{OTHER}/a", Body=b"x")


@pytest.mark.parametrize("kind", ["object", "copy"])
def test_bytes_that_come_while_the_area_is_emptied_are_not_kept(own, refused, kind):
    """A request began with a good key; before its bytes are there the area is emptied."""
    own.mine.create_bucket(Bucket=SOURCES[0])
    own.mine.put_object(Bucket=SOURCES[0], Key="a", Body=b"x")
    client = own.of_area()
    kept = own.service.store.in_thread
    emptied = threading.Event()

    async def after_emptying(*arguments: Any) -> Any:
        if not emptied.is_set():
            emptied.set()
            await kept(own.bucket.empty, f"{AREA}/", lambda: False)
        return await kept(*arguments)

    own.service.store.in_thread = after_emptying
    with refused("AccessDenied"):
        if kind == "object":
            client.put_object(Bucket=NAME, Key=f"{AREA}/a", Body=b"x" * 1000)
        else:
            client.copy_object(Bucket=NAME, Key=f"{AREA}/a", CopySource=f"{SOURCES[0]}/a")
    assert emptied.is_set()
    assert list(own.bucket.listed(f"{AREA}/")) == []
    until(lambda: len(own.files()) == 1)


def test_keys_of_an_area_upload_and_list(own):
    client = own.of_area()
    client.put_object(
        Bucket=NAME, Key=f"{AREA}/a", Body=b"x", ACL="bucket-owner-full-control", Tagging="a=b",
        ContentType="text/plain; dcp-type=data", Metadata={"crc32c": "0"},
    )  # fmt: skip
    upload_in_parts(client, f"{AREA}/b", [b"1" * SMALLEST_PART, b"2"])
    client.put_object_tagging(Bucket=NAME, Key=f"{AREA}/a", Tagging={"TagSet": []})
    for operation in ("list_objects", "list_objects_v2"):
        found = getattr(client, operation)(Bucket=NAME, Prefix=f"{AREA}/")["Contents"]
        assert [one["Key"] for one in found] == [f"{AREA}/a", f"{AREA}/b"]


def test_keys_of_an_area_do_nothing_else(own, refused):
    own.mine.create_bucket(Bucket="somebodys")
    own.mine.put_object(Bucket="somebodys", Key="a", Body=b"x")
    put(own, "a")
    client = own.of_area()
    here, there = {"Bucket": NAME, "Key": f"{AREA}/a"}, {"Bucket": NAME, "Key": f"{OTHER}/a"}
    upload = client.create_multipart_upload(**here)["UploadId"]
    for ask in (
        lambda: client.put_object(**there, Body=b"x"),
        lambda: client.create_multipart_upload(**there),
        lambda: client.get_object(**here),
        lambda: client.get_object_tagging(**here),
        lambda: client.delete_object(**here),
        lambda: client.put_object(**here, Body=b"x", ACL="public-read"),
        lambda: client.put_object(**here, Body=b"x", GrantRead="id=x"),
        lambda: client.create_multipart_upload(**here, ACL="public-read"),
        lambda: client.list_parts(**here, UploadId=upload),
        lambda: client.abort_multipart_upload(**here, UploadId=upload),
        lambda: client.list_multipart_uploads(Bucket=NAME, Prefix=f"{AREA}/"),
        lambda: client.list_objects_v2(Bucket=NAME),
        lambda: client.list_objects(Bucket=NAME, Prefix=f"{AREA}/a"),
        lambda: client.list_objects_v2(Bucket=NAME, Prefix=f"{OTHER}/"),
        lambda: client.get_object(Bucket="somebodys", Key="a"),
        lambda: client.copy_object(**here, CopySource="somebodys/a"),
        lambda: client.upload_part_copy(**here, UploadId=upload, PartNumber=1, CopySource="somebodys/a"),
        lambda: client.list_buckets(),
    ):
        with refused("AccessDenied"):
            ask()
    with refused("403"):
        client.head_object(**here)
    told = client.delete_objects(Bucket=NAME, Delete={"Objects": [{"Key": f"{AREA}/a"}]})
    assert [one["Code"] for one in told["Errors"]] == ["AccessDenied"]
    assert own.bucket.find(f"{AREA}/a") is not None


def test_keys_need_their_token_and_expire(own, refused):
    made = own.bucket.issue(AREA, 100)
    with refused("InvalidAccessKeyId"):
        own.client(made.access_key_id, made.secret).put_object(Bucket=NAME, Key=f"{AREA}/a", Body=b"")
    with refused("ExpiredToken"):
        own.of_area(seconds=-1).put_object(Bucket=NAME, Key=f"{AREA}/a", Body=b"")


@pytest.mark.parametrize("source", SOURCES)
def test_sources_can_be_copied_with_the_keys_of_an_area(own, source):
    own.mine.create_bucket(Bucket=source)
    own.mine.put_object(Bucket=source, Key="a b", Body=b"source", Tagging="a=b", ContentType="text/x")
    client = own.of_area()
    assert client.head_object(Bucket=source, Key="a b")["ContentLength"] == 6
    assert client.list_objects_v2(Bucket=source)["KeyCount"] == 1
    client.copy_object(Bucket=NAME, Key=f"{AREA}/c", CopySource={"Bucket": source, "Key": "a b"})
    found = own.bucket.find(f"{AREA}/c")
    assert (found.size, found.content_type, found.tags) == (6, "text/x", {"a": "b"})
    upload = {"Bucket": NAME, "Key": f"{AREA}/p"}
    upload["UploadId"] = client.create_multipart_upload(**upload)["UploadId"]
    part = client.upload_part_copy(**upload, PartNumber=1, CopySource={"Bucket": source, "Key": "a b"})
    parts = [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]
    client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert own.bucket.read(own.bucket.find(f"{AREA}/p"), all_of) == b"source"


def test_tags_are_copied_only_by_who_may(own, refused):
    """Keys of one area copy out of their own source, but what they may not read they don't copy either."""
    own.mine.create_bucket(Bucket=SOURCES[0])
    own.mine.put_object(Bucket=SOURCES[0], Key="tagged", Body=b"x", Tagging="a=b")
    made = own.bucket.issue(AREA, 100)
    key = own.service.keys.find
    denied = "s3:GetObjectTagging"

    def find(name: str) -> Any:
        found = key(name)
        return replace(found, allows=lambda action, *where: action != denied and found.allows(action, *where))

    own.service.keys.find = find
    client = own.client(made.access_key_id, made.secret, made.session_token)
    target = {"Bucket": NAME, "Key": f"{AREA}/c", "CopySource": f"{SOURCES[0]}/tagged"}
    for denied in ("s3:GetObjectTagging", "s3:PutObjectTagging"):  # noqa: B007 - `find` reads it
        with refused("AccessDenied"):
            client.copy_object(**target)
        assert own.bucket.find(f"{AREA}/c") is None
    with refused("AccessDenied"):
        client.put_object(Bucket=NAME, Key=f"{AREA}/c", Body=b"", Tagging="a=b")
    client.copy_object(**target, TaggingDirective="REPLACE")
    assert own.bucket.find(f"{AREA}/c").tags == {}


def test_names_of_all_kinds_go_up_and_come_back(own):
    client = own.of_area()
    for name in NAMES:
        client.put_object(Bucket=NAME, Key=f"{AREA}/{name}", Body=name.encode())
    expected = sorted((f"{AREA}/{name}" for name in NAMES), key=str.encode)
    assert [one.key for one in own.bucket.listed(f"{AREA}/")] == expected
    for operation, size in (("list_objects", 2), ("list_objects_v2", 2), ("list_objects", 100)):
        pages = client.get_paginator(operation).paginate(
            Bucket=NAME, Prefix=f"{AREA}/", PaginationConfig={"PageSize": size}
        )
        assert [one["Key"] for page in pages for one in page["Contents"]] == expected
    for name in NAMES:
        assert own.bucket.read(own.bucket.find(f"{AREA}/{name}"), all_of) == name.encode()
    assert own.bucket.empty(f"{AREA}/", lambda: False)
    assert list(own.bucket.listed("")) == []


def test_a_part_that_comes_once_more_while_the_upload_is_completed(own):
    """A client that got no answer to a part in time sends it again; the first one may still be on its way."""
    upload = {"Bucket": NAME, "Key": f"{AREA}/a"}
    upload["UploadId"] = own.mine.create_multipart_upload(**upload)["UploadId"]
    etag = own.mine.upload_part(**upload, PartNumber=1, Body=b"part")["ETag"]
    write, again = own.service.store.write, threading.Event()

    async def after_the_part(work: Any) -> Any:
        if not again.is_set():
            again.set()
            begun = uploads.find(own.service.store.records, NAME, upload["Key"], upload["UploadId"])
            (part,) = uploads.parts(own.service.store.records, begun.id)
            same = replace(part, file=own.service.store.files.link(part.file))
            await own.service.store.discard(
                [], await write(lambda connection: uploads.put_part(connection, begun, same))
            )
        return await write(work)

    own.service.store.write = after_the_part
    own.mine.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    assert again.is_set()
    assert own.bucket.read(own.bucket.find(f"{AREA}/a"), all_of) == b"part"


def test_what_was_created_is_told_once_it_is_there(own):
    seen: list[Any] = []
    own.service.created = lambda bucket, key: seen.append((bucket, key, own.bucket.find(key)))
    own.mine.create_bucket(Bucket=SOURCES[0])
    own.mine.put_object(Bucket=SOURCES[0], Key="s", Body=b"source")
    client = own.of_area()
    client.put_object(Bucket=NAME, Key=f"{AREA}/ü", Body=b"x")
    client.copy_object(Bucket=NAME, Key=f"{AREA}/c", CopySource=f"{SOURCES[0]}/s")
    upload, parts = upload_in_parts(client, f"{AREA}/m", [b"part"])
    assert [(bucket, key) for bucket, key, _ in seen] == [
        (SOURCES[0], "s"), (NAME, f"{AREA}/ü"), (NAME, f"{AREA}/c"), (NAME, f"{AREA}/m"),
    ]  # fmt: skip
    assert [held.size for _, _, held in seen[1:]] == [1, 6, 4]
    client.complete_multipart_upload(**upload, MultipartUpload=parts)
    own.bucket.put(f"{AREA}/own", b"", "text/plain", {}, {})
    assert len(seen) == 4


def test_what_is_refused_is_not_told(own, refused):
    with refused("BadDigest", "InvalidDigest"):
        own.mine.put_object(Bucket=NAME, Key=f"{AREA}/a", Body=b"x", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==")
    with refused("PreconditionFailed"):
        put(own, "b")
        own.mine.put_object(Bucket=NAME, Key=f"{AREA}/b", Body=b"x", IfNoneMatch="*")
    assert own.created == [(NAME, f"{AREA}/b")]


def test_who_is_told_can_not_spoil_the_request(own, capfd):
    def fail(bucket: str, key: str) -> None:
        raise RuntimeError("the listener is broken")

    own.service.created = fail
    put(own, "a")
    assert own.bucket.find(f"{AREA}/a").size == 1
    assert "the listener is broken" in capfd.readouterr().err


def test_a_store_that_can_not_be_read_is_told(own):
    os.rename(own.path, own.root / "gone")
    with pytest.raises(UnusableError, match="can't be used"):
        own.bucket.issue(AREA, 100)
    os.rename(own.root / "gone", own.path)
