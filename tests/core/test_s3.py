"""Sending to S3: which server is asked and how, what proves that the bytes arrived, and what errors say."""

from __future__ import annotations

import shutil
import subprocess
import threading
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse  # noqa: TID253 - a test may take its time
from botocore.credentials import Credentials  # noqa: TID253

from hca_core import checksums
from hca_core.errors import HCAError, IntegrityError, LoginError, NetworkError, NotFoundError, UsageError
from hca_core.http import Policy
from hca_core.s3.bodies import Source
from hca_core.s3.bucket import Bucket, KnownPart, SentPart
from hca_core.s3.buffers import Buffers
from hca_core.s3.connecting import Place, connect, is_amazon
from hca_core.s3.multipart import Upload, filled_parts, read_parts, send_parts
from hca_core.s3.proofs import ByCrc32c, ByMd5
from hca_core.s3.telling import Words, told
from hca_core.testing import LoopbackService

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WORDS = Words("bucket 'b'", "ask for others", "make it")
KEYS = Credentials("key", "secret", "token")
MD5 = checksums.md5(b"data")
CRC32C = checksums.crc32c(b"data")


@pytest.fixture(autouse=True)
def _no_aws(monkeypatch: pytest.MonkeyPatch, isolated_home: Path) -> None:
    """Nothing of AWS is configured."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


class Server:
    """Stands for the other end of the network: answers what `answers` has, in its order, and keeps what was asked."""

    def __init__(self, client: Any) -> None:
        self.asked: list[Any] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        client.meta.events.register("before-send.s3", self._answer)

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        self.asked.append(request)
        if hasattr(request.body, "read"):
            while request.body.read():
                pass
        status, headers, body = self.answers.pop(0)

        class Raw:
            def stream(self, **_: Any) -> Any:
                return iter([body])

        return AWSResponse(request.url, status, headers, Raw())


@pytest.fixture
def bucket() -> Bucket:
    client = connect(Policy(tries=1), 2, WORDS, Place("http://127.0.0.1:9", "us-east-1"), KEYS)
    return Bucket("b", client, WORDS)


@pytest.fixture
def server(bucket: Bucket) -> Server:
    return Server(bucket.client)


def asked_host(place: Place, bucket: str = "some-bucket") -> str:
    client = connect(Policy(), 2, WORDS, place, KEYS)
    server = Server(client)
    server.answers = [(200, {"ETag": '"x"'}, b"")]
    client.put_object(Bucket=bucket, Key="k", Body=b"")
    return str(server.asked[0].url.split("/")[2])


@pytest.mark.parametrize(
    ("place", "host"),
    [
        (Place(region="us-east-1"), "some-bucket.s3.amazonaws.com"),
        (Place(region="us-east-1", accelerated=True), "some-bucket.s3-accelerate.amazonaws.com"),
        (Place("https://s3.example.org", "us-east-1", accelerated=True), "s3.example.org"),
        (Place("http://127.0.0.1:9", "us-east-1", accelerated=True), "127.0.0.1:9"),
    ],
)
def test_acceleration_is_asked_of_amazon_only(place: Place, host: str) -> None:
    """UC-009, UC-024."""
    assert asked_host(place) == host


def test_an_endpoint_of_the_environment_is_no_place_for_acceleration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    assert asked_host(Place(region="us-east-1", accelerated=True)) == "127.0.0.1:9"


@pytest.mark.parametrize(
    ("url", "amazon"),
    [
        ("https://s3.amazonaws.com", True),
        ("https://s3.cn-north-1.amazonaws.com.cn", True),
        ("https://amazonaws.com.example.org", False),
        ("https://notamazonaws.com", False),
    ],
)
def test_who_is_amazon(url: str, amazon: bool) -> None:
    assert is_amazon(url) == amazon


def test_no_proxy_stands_between_this_machine_and_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example.org:3128")
    monkeypatch.setenv("https_proxy", "http://proxy.example.org:3128")
    monkeypatch.setenv("no_proxy", "")

    def proxies(endpoint: str) -> Any:
        return connect(Policy(), 2, WORDS, Place(endpoint, "us-east-1"), KEYS)._endpoint.http_session._proxy_config

    assert proxies("http://127.0.0.1:9").proxy_url_for("http://127.0.0.1:9/x") is None
    assert (
        proxies("https://s3.example.org").proxy_url_for("https://s3.example.org/x") == "http://proxy.example.org:3128"
    )


def test_a_proxy_is_asked_for_what_is_elsewhere(service: LoopbackService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", service.url)
    monkeypatch.setenv("no_proxy", "")
    service.on("PUT", "http://s3.example.org/b/k").reply(headers={"ETag": f'"{MD5.hex()}"'})
    client = connect(Policy(tries=1), 2, WORDS, Place("http://s3.example.org", "us-east-1"), KEYS)
    assert put(Bucket("b", client, WORDS), ByMd5(MD5)) == MD5.hex()
    assert service.requests[-1].headers["Host"] == "s3.example.org"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate for localhost that nobody trusts, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = str(folder / "certificate.pem"), str(folder / "key.pem")
    words = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    words += f" -addext subjectAltName=DNS:localhost -keyout {key} -out {certificate}"
    subprocess.run(words.split(), check=True, capture_output=True)
    return certificate, key


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", None])
def test_a_certificate_of_ones_own(
    certificate: tuple[str, str], variable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable:
        monkeypatch.setenv(variable, certificate[0])
    with LoopbackService(tls=certificate) as secure:
        secure.on("PUT", "/*").reply(headers={"ETag": f'"{MD5.hex()}"'})
        place = Place(secure.url.replace("127.0.0.1", "localhost"), "us-east-1")
        bucket = Bucket("b", connect(Policy(tries=1), 2, WORDS, place, KEYS), WORDS)
        if variable:
            assert put(bucket, ByMd5(MD5)) == MD5.hex()
            return
        with pytest.raises(NetworkError, match="certificate"):
            put(bucket, ByMd5(MD5))
        assert secure.requests == []


def test_given_credentials_are_the_only_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-user")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-user")
    client = connect(Policy(), 2, WORDS, Place("http://127.0.0.1:9", "us-east-1"), KEYS)
    server = Server(client)
    server.answers = [(200, {}, b"")]
    client.head_bucket(Bucket="b")
    assert b"Credential=key/" in server.asked[0].headers["Authorization"]
    assert server.asked[0].headers["X-Amz-Security-Token"] == b"token"


def test_without_keys_nothing_is_asked() -> None:
    with pytest.raises(LoginError, match="there are no keys for the bucket 'b'"):
        connect(Policy(), 2, WORDS)


# Proofs.


def put(bucket: Bucket, proof: Any, counted: list[int] | None = None) -> str:
    taken = counted if counted is not None else []
    return bucket.put("k", memoryview(b"data"), proof, "text/plain", taken.append)


def test_bytes_that_are_proved_by_their_md5(bucket: Bucket, server: Server) -> None:
    server.answers = [(200, {"ETag": f'"{MD5.hex()}"'}, b"")]
    assert put(bucket, ByMd5(MD5)) == MD5.hex()
    assert server.asked[0].headers["Content-MD5"] == b64encode(MD5)
    assert "x-amz-checksum-crc32c" not in server.asked[0].headers


def test_bytes_that_are_proved_by_their_crc32c(bucket: Bucket, server: Server) -> None:
    """The ETag may be anything then: S3 has compared, and repeats what it has compared."""
    told_back = b64encode(CRC32C).decode()
    server.answers = [(200, {"ETag": '"opaque"', "x-amz-checksum-crc32c": told_back}, b"")]
    assert put(bucket, ByCrc32c(CRC32C)) == "opaque"
    assert server.asked[0].headers["x-amz-checksum-crc32c"] == told_back.encode()


def test_a_server_that_repeats_no_crc32c_must_have_the_right_md5(bucket: Bucket, server: Server) -> None:
    server.answers = [(200, {"ETag": f'"{MD5.hex()}"'}, b"")]
    assert put(bucket, ByCrc32c(CRC32C)) == MD5.hex()
    server.answers = [(200, {"ETag": f'"{"0" * 32}"'}, b"")] * 3
    with pytest.raises(IntegrityError, match=f"expected the ETag {MD5.hex()}"):
        put(bucket, ByCrc32c(CRC32C))


@pytest.mark.parametrize("proof", [ByMd5(MD5), ByCrc32c(CRC32C)])
def test_what_arrives_changed_is_sent_again_and_not_for_ever(bucket: Bucket, server: Server, proof: Any) -> None:
    good = {"ETag": f'"{MD5.hex()}"', "x-amz-checksum-crc32c": b64encode(CRC32C).decode()}
    bad = {"ETag": '"' + "0" * 32 + '"', "x-amz-checksum-crc32c": "AAAAAA=="}
    refused = b"<Error><Code>BadDigest</Code><Message>other bytes</Message></Error>"
    counted: list[int] = []
    server.answers = [(200, bad, b""), (400, {}, refused), (200, good, b"")]
    put(bucket, proof, counted)
    assert (len(server.asked), sum(counted)) == (3, 4)
    server.answers = [(400, {}, refused)] * 3
    with pytest.raises(IntegrityError):
        put(bucket, proof)
    assert (len(server.asked), server.answers) == (6, [])


def test_what_is_encrypted_has_an_etag_that_says_nothing(bucket: Bucket, server: Server) -> None:
    server.answers = [(200, {"ETag": '"other"', "x-amz-server-side-encryption": "aws:kms"}, b"")]
    assert put(bucket, ByMd5(MD5)) == "other"


def test_bytes_that_were_sent_in_vain_are_not_counted(bucket: Bucket, server: Server) -> None:
    counted: list[int] = []
    server.answers = [(500, {}, b"")]
    data = memoryview(bytearray(3 * checksums.MEBIBYTE))
    with pytest.raises(NetworkError):
        bucket.put("k", data, ByMd5(checksums.md5(data)), "text/plain", counted.append)
    assert max(counted) > 0
    assert sum(counted) == 0


# Parts.


def completed(bucket: Bucket, server: Server, etag: str, *parts: SentPart) -> str:
    server.answers = [(200, {}, f"<R><ETag>{etag}</ETag></R>".encode())]
    return bucket.complete("k", "id", parts)


def test_the_whole_must_have_the_etag_that_follows_from_its_parts(bucket: Bucket, server: Server) -> None:
    parts = [SentPart(1, MD5.hex(), CRC32C), SentPart(2, MD5.hex())]
    expected = f"{checksums.md5(MD5 + MD5).hex()}-2"
    assert completed(bucket, server, expected, *parts) == expected
    body = server.asked[0].body.decode()
    assert body.count(f"<ChecksumCRC32C>{b64encode(CRC32C).decode()}<") == 1
    with pytest.raises(IntegrityError):
        completed(bucket, server, f"{MD5.hex()}-2", *parts)
    one = f"{checksums.md5(MD5).hex()}-1"
    assert completed(bucket, server, one, SentPart(1, MD5.hex())) == one


def test_parts_that_were_encrypted_say_nothing_of_the_whole(bucket: Bucket, server: Server) -> None:
    assert completed(bucket, server, "anything-1", SentPart(1, "opaque")) == "anything-1"


def test_an_answer_without_etag_is_looked_up(bucket: Bucket, server: Server) -> None:
    expected = f"{checksums.md5(MD5).hex()}-1"
    server.answers = [(200, {}, b"<R/>"), (200, {"ETag": f'"{expected}"'}, b"")]
    assert bucket.complete("k", "id", [SentPart(1, MD5.hex())]) == expected


def test_keys_that_may_only_list_look_objects_up_in_the_listing(server: Server, bucket: Bucket) -> None:
    def listing(*keys: str) -> tuple[int, dict[str, str], bytes]:
        rows = "".join(
            f"<Contents><Key>{key}</Key><Size>1</Size><ETag>&quot;{key}&quot;</ETag>"
            "<LastModified>2026-11-22T01:02:03.000Z</LastModified></Contents>"
            for key in keys
        )
        return 200, {}, f"<ListBucketResult>{rows}</ListBucketResult>".encode()

    area = Bucket("b", bucket.client, WORDS, visible="area/")
    server.answers = [listing("area/ab", "area/abc", "area/b"), listing("area/b"), listing()]
    assert area.etag("area/abc") == "area/abc"
    assert "prefix=area%2F" in server.asked[0].url
    assert "start-after=area%2Fab" in server.asked[0].url
    assert area.etag("area/abc") is None
    assert area.etag("area/abc") is None


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(checksums, "PART_SIZE", 4)
    return 4


@pytest.fixture
def source(tmp_path: Path) -> Callable[[bytes], Source]:
    def make(data: bytes) -> Source:
        path = tmp_path / "file"
        path.write_bytes(data)
        known = path.stat()
        return Source(path, known.st_size, known.st_mtime_ns, threading.Event())

    return make


def test_parts_that_the_server_has_are_not_sent_again(
    bucket: Bucket, server: Server, small_parts: int, source: Callable[[bytes], Source]
) -> None:
    pieces = [b"aaaa", b"bbbb", b"cccc", b"dddd", b"e"]
    etags = [checksums.md5(piece).hex() for piece in pieces]
    crcs = [checksums.crc32c(piece) for piece in pieces]
    known = {
        1: KnownPart("by its crc32c", crcs[0].hex()),
        2: KnownPart(etags[1]),
        3: KnownPart(etags[2], crcs[0].hex()),  # another state of the file
        4: KnownPart(etags[0]),
    }
    server.answers = [
        (200, {"ETag": f'"{etag}"', "x-amz-checksum-crc32c": b64encode(crc).decode()}, b"")
        for etag, crc in zip(etags[2:], crcs[2:], strict=True)
    ]
    noted: list[SentPart] = []
    counted: list[int] = []
    upload = Upload(bucket, "k", "id", known)
    lock = threading.Lock()

    def on_part(part: SentPart) -> None:
        with lock:
            noted.append(part)

    with source(b"".join(pieces)) as opened:
        parts = list(read_parts(opened, Buffers(100)))
    for part in parts[2:]:  # one after the other, as the answers are in their order
        send_parts(upload, [part], threading.Event(), counted.append, on_part)
    sent = send_parts(upload, parts[:2], threading.Event(), counted.append, on_part)
    assert [part.etag for part in sent] == ["by its crc32c", etags[1]]
    assert [part.number for part in noted] == [3, 4, 5]
    assert sum(counted) == 17


def test_parts_of_what_fits_into_memory(small_parts: int, source: Callable[[bytes], Source]) -> None:
    taken: list[bytes] = []
    view = memoryview(bytearray(9))
    with source(b"aaaabbbbc") as opened:
        parts = filled_parts(opened, view, taken.append)
    assert [(part.number, bytes(part.view)) for part in parts] == [(1, b"aaaa"), (2, b"bbbb"), (3, b"c")]
    assert [part.crc32c for part in parts] == [checksums.crc32c(bytes(part.view)) for part in parts]
    assert (b"".join(taken), bytes(view)) == (b"aaaabbbbc", b"aaaabbbbc")


def test_a_file_that_changes_while_it_is_read(source: Callable[[bytes], Source]) -> None:
    with source(b"aaaabbbbc") as opened:
        assert opened.peek(5) == b"aaaab"
        assert opened.whole() == b"aaaabbbbc"
    for change in (b"aaaabbbbcc", b"aaaabbbb"):
        with source(b"aaaabbbbc") as opened:
            opened.path.write_bytes(change)  # type: ignore[union-attr]
            with pytest.raises(HCAError, match="it changed while it was being sent"):
                opened.whole()


# Errors.


@pytest.mark.parametrize(
    ("status", "code", "kind", "sentence"),
    [
        (403, "AccessDenied", LoginError, "refuses these keys"),
        (400, "ExpiredToken", LoginError, "refuses these keys"),
        (404, "NoSuchBucket", NotFoundError, "there is no bucket 'b'"),
        (404, "NoSuchUpload", NotFoundError, "does not have it"),
        (503, "SlowDown", NetworkError, "gave up"),
        (400, "InvalidRequest", HCAError, "Transfer Acceleration"),
        (400, "RequestTimeout", NetworkError, "gave up"),
        (400, "InvalidPart", HCAError, "refuses the request (InvalidPart: why, HTTP 400)"),
    ],
)
def test_what_s3_refuses_in_words(
    bucket: Bucket, server: Server, status: int, code: str, kind: type[HCAError], sentence: str
) -> None:
    why = "S3 Transfer Acceleration is not configured on this bucket" if code == "InvalidRequest" else "why"
    server.answers = [(status, {}, f"<Error><Code>{code}</Code><Message>{why}</Message></Error>".encode())]
    with pytest.raises(kind) as caught:
        bucket.begin("k", "text/plain")
    assert sentence in caught.value.message
    assert (caught.value.hint == "send without transfer acceleration") == (why != "why")
    assert type(caught.value) is kind


def test_nothing_that_a_server_says_moves_a_terminal(bucket: Bucket, server: Server) -> None:
    server.answers = [(403, {}, b"<Error><Code>C\x9b2J</Code><Message>a\xc2\x9b2J \nb</Message></Error>")]
    with pytest.raises(HCAError) as caught:
        bucket.begin("k", "text/plain")
    assert caught.value.message.isprintable()


def test_our_own_errors_pass_as_they_are() -> None:
    mistake = UsageError("a ValueError, too")
    with pytest.raises(UsageError) as caught, told(WORDS):
        raise mistake
    assert caught.value is mistake
