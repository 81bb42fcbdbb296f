"""How bodies come in: in chunks, signed or not, with checksums behind them, too short, too long, not at all."""

from __future__ import annotations

import hashlib
import hmac
import zlib
from base64 import b64encode

import pytest

from hca_local.s3 import signature, xml
from hca_local.s3.authentication import Caller
from hca_local.s3.chunks import ChunkDecoder, ChunkSigner
from hca_local.s3.errors import S3Error
from hca_local.s3.keys import Key
from hca_local.s3.signature import Claim

PIECES = [b"a" * 70_000, b"b" * 10, b""]
DATA = b"".join(PIECES)
CRC32 = b64encode(zlib.crc32(DATA).to_bytes(4, "big")).decode()
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


class Encoder:
    """Encodes and signs a body in chunks, on its own account."""

    def __init__(self, headers: dict[str, str], secret: str) -> None:
        fields = dict(part.strip().split("=", 1) for part in headers["Authorization"].split(" ", 1)[1].split(","))
        self.previous = fields["Signature"]
        self.head = f"{headers['X-Amz-Date']}\n{fields['Credential'].partition('/')[2]}"
        self.key = f"AWS4{secret}".encode()
        for part in fields["Credential"].split("/")[1:]:
            self.key = hmac.new(self.key, part.encode(), "sha256").digest()

    def sign(self, kind: str, *digests: str) -> bytes:
        text = "\n".join([f"AWS4-HMAC-SHA256-{kind}", self.head, self.previous, *digests])
        self.previous = hmac.new(self.key, text.encode(), "sha256").hexdigest()
        return self.previous.encode()

    def chunk(self, piece: bytes) -> bytes:
        signed = self.sign("PAYLOAD", hashlib.sha256().hexdigest(), hashlib.sha256(piece).hexdigest())
        return b"%x;chunk-signature=%s\r\n%s" % (len(piece), signed, piece + b"\r\n" if piece else b"")

    def trailer(self, line: str) -> bytes:
        signed = self.sign("TRAILER", hashlib.sha256(f"{line}\n".encode()).hexdigest())
        return b"%s\r\nx-amz-trailer-signature:%s\r\n\r\n" % (line.encode(), signed)


def headers(target, path, payload, **more):
    more = {name.replace("_", "-"): value for name, value in more.items()}
    return target.signed(
        "PUT", path, {"Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": str(len(DATA)), **more},
        payload=payload,
    )  # fmt: skip


def test_signed_chunks(s3, plain, bucket):
    signed = headers(s3, f"/{bucket}/a", SIGNED)
    encoder = Encoder(signed, s3.secret)
    body = b"".join(map(encoder.chunk, PIECES)) + b"\r\n"
    assert s3.send("PUT", f"/{bucket}/a", signed, body).status == 200
    got = plain.get_object(Bucket=bucket, Key="a")
    assert got["Body"].read() == DATA
    s3.differs("keeps the encoding aws-chunked as one of the object")
    assert got.get("ContentEncoding", "") == ""


def test_signed_chunks_that_were_changed(s3, bucket):
    signed = headers(s3, f"/{bucket}/a", SIGNED)
    encoder = Encoder(signed, s3.secret)
    body = b"".join(map(encoder.chunk, PIECES)) + b"\r\n"
    # The whole piece is named: four letters b stand in a signature now and then.
    changed = body.replace(PIECES[1], PIECES[1][:-2] + b"xb")
    answer = s3.send("PUT", f"/{bucket}/a", signed, changed)
    assert s3.request("GET", f"/{bucket}/a").status == 404
    s3.differs("calls it XAmzContentSHA256Mismatch")
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


def test_signed_chunks_in_another_order(ours):
    ours.request("PUT", "/other-order")
    signed = headers(ours, "/other-order/a", SIGNED)
    encoder = Encoder(signed, ours.secret)
    first, second, last = map(encoder.chunk, PIECES)
    answer = ours.send("PUT", "/other-order/a", signed, second + first + last + b"\r\n")
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


def test_signed_chunks_and_trailer(ours):
    ours.request("PUT", "/signed-trailer")
    for crc, changed, status in ((CRC32, False, 200), ("AAAAAA==", False, 400), (CRC32, True, 403)):
        signed = headers(ours, "/signed-trailer/a", SIGNED_TRAILER, x_amz_trailer="x-amz-checksum-crc32")
        encoder = Encoder(signed, ours.secret)
        body = b"".join(map(encoder.chunk, PIECES)) + encoder.trailer(f"x-amz-checksum-crc32:{crc}")
        if changed:
            body = body.replace(CRC32.encode(), b"AAAAAA==")
        answer = ours.send("PUT", "/signed-trailer/a", signed, body)
        assert answer.status == status, answer.body
    assert ours.request("GET", "/signed-trailer/a").body == DATA


def test_unsigned_chunks_and_trailer(ours):
    ours.request("PUT", "/unsigned-trailer")
    signed = headers(ours, "/unsigned-trailer/a", UNSIGNED_TRAILER, x_amz_trailer="x-amz-checksum-crc32")
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in PIECES if piece)
    trailer = f"0\r\nx-amz-checksum-crc32:{CRC32}\r\n\r\n".encode()
    answer = ours.send("PUT", "/unsigned-trailer/a", signed, body + trailer)
    assert (answer.status, answer.headers["x-amz-checksum-crc32"]) == (200, CRC32)
    assert ours.request("GET", "/unsigned-trailer/a").body == DATA
    for wrong, code in (
        (trailer.replace(CRC32.encode(), b"AAAAAA=="), "BadDigest"),
        (b"0\r\n\r\n", "MalformedTrailerError"),
        (b"", "IncompleteBody"),
    ):
        answer = ours.send("PUT", "/unsigned-trailer/b", signed, body + wrong)
        assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")  # signed for another key
        again = headers(ours, "/unsigned-trailer/b", UNSIGNED_TRAILER, x_amz_trailer="x-amz-checksum-crc32")
        answer = ours.send("PUT", "/unsigned-trailer/b", again, body + wrong)
        assert (answer.status, answer.code) == (400, code)
    assert ours.request("GET", "/unsigned-trailer/b").status == 404


def test_a_part_in_chunks(ours):
    ours.request("PUT", "/chunked-part")
    upload = xml.read(ours.request("POST", "/chunked-part/a?uploads").body, "InitiateMultipartUploadResult")
    path = f"/chunked-part/a?partNumber=1&uploadId={upload.find('UploadId')}"
    signed = headers(ours, path, SIGNED)
    encoder = Encoder(signed, ours.secret)
    answer = ours.send("PUT", path, signed, b"".join(map(encoder.chunk, PIECES)) + b"\r\n")
    assert (answer.status, answer.headers["etag"]) == (200, f'"{hashlib.md5(DATA).hexdigest()}"')


def test_a_body_that_is_not_as_long_as_it_should(ours):
    ours.request("PUT", "/wrong-length")
    signed = headers(ours, "/wrong-length/a", UNSIGNED_TRAILER)
    answer = ours.send("PUT", "/wrong-length/a", signed, b"3\r\nabc\r\n0\r\n\r\n")
    assert (answer.status, answer.code) == (400, "IncompleteBody")


def test_a_body_without_a_length(ours):
    ours.request("PUT", "/no-length")
    signed = ours.signed("PUT", "/no-length/a")
    connection = ours.connection()
    connection.request("PUT", "/no-length/a", iter([b"abc"]), signed, encode_chunked=True)
    answer = connection.getresponse()
    assert answer.status == 411
    connection.close()


def test_a_body_that_is_too_large_is_not_waited_for(ours):
    ours.request("PUT", "/too-large")
    signed = ours.signed("PUT", "/too-large/a", {"Content-Length": str(5 * 1024**3 + 1), "Expect": "100-continue"})
    connection = ours.connection()
    connection.request("PUT", "/too-large/a", None, signed)
    answer = connection.getresponse()
    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert b"EntityTooLarge" in answer.read()
    connection.close()


def test_the_examples_of_the_documentation():
    """The chunks of docs.aws.amazon.com, "Transferring Payload in Multiple Chunks" and "Including Trailing Headers"."""

    def decoder(seed, *, has_trailer):
        key = Key("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
        scope = "20130524/us-east-1/s3/aws4_request"
        claim = Claim(key.access_key_id, scope, "20130524T000000Z", (), seed, "", None, None)
        return ChunkDecoder(ChunkSigner(Caller(key, claim)), has_trailer=has_trailer)

    def encoded(*signatures):
        pieces = [b"a" * 65536, b"a" * 1024, b""]
        return b"".join(
            b"%x;chunk-signature=%s\r\n%s" % (len(piece), signed.encode(), piece + b"\r\n" if piece else b"")
            for piece, signed in zip(pieces, signatures, strict=True)
        )

    body = encoded(
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    )
    without = decoder("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9", has_trailer=False)
    assert b"".join(without.feed(body + b"\r\n")) == b"a" * 66560
    assert without.finish() == {}
    body = encoded(
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    )
    trailer = (
        b"x-amz-checksum-crc32c:sOO8/Q==\r\n"
        b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
    )
    within = decoder("106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e", has_trailer=True)
    assert b"".join(within.feed(body + trailer)) == b"a" * 66560
    assert within.finish()["x-amz-checksum-crc32c"] == "sOO8/Q=="


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_chunks_may_be_cut_anywhere(size):
    decoder = ChunkDecoder(None, has_trailer=True)
    body = b"3\r\nabc\r\na\r\n0123456789\r\n0\r\na: b\r\n\r\n"
    found = b"".join(b"".join(decoder.feed(body[at : at + size])) for at in range(0, len(body), size))
    assert found == b"abc0123456789"
    assert decoder.finish() == {"a": "b"}


@pytest.mark.parametrize("body", [b"x\r\n", b"-1\r\n", b"0x3\r\nabc", b"3\r\nabcd\r\n", b"\r\n0\r\n", b"1" * 2000])
def test_what_is_not_in_chunks_is_refused(body):
    with pytest.raises(S3Error) as caught:
        ChunkDecoder(None, has_trailer=True).feed(body)
    assert caught.value.code == "IncompleteBody"


def test_the_signing_key_of_the_documentation():
    claim = Claim("", "20120215/us-east-1/iam/aws4_request", "", (), "", "", None, None)
    key = signature.signing_key(claim, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    assert key.hex() == "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"
