"""Who may do what: signatures, presigned URLs, session keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

SESSION_BUCKET = "area-bucket"  # conftest.py has keys for it


def fetch(url, method="GET", **options):
    import requests

    return requests.request(method, url, timeout=60, **options)


@pytest.fixture
def objects(plain, bucket):
    plain.put_object(Bucket=bucket, Key="a b+c", Body=b"secret")
    return bucket


def test_nothing_without_a_signature(s3, objects):
    answer = s3.send("GET", f"/{objects}/a%20b%2Bc", {})
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert b"secret" not in answer.body
    assert s3.send("PUT", f"/{objects}/b", {}, b"x").status == 403


def test_a_wrong_secret_and_an_unknown_key(s3, objects, connect, refused):
    with refused(403, "AccessDenied" if s3.is_real else "InvalidAccessKeyId"):
        connect(s3, key="NOBODY").get_object(Bucket=objects, Key="a b+c")
    with refused(403, "AccessDenied" if s3.is_real else "SignatureDoesNotMatch"):
        connect(s3, secret="wrong").get_object(Bucket=objects, Key="a b+c")


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/{}/other", {}),
        ("GET", "/{}/a%20b%2Bc?acl", {}),
        ("DELETE", "/{}/a%20b%2Bc", {}),
        ("GET", "/{}/a%20b%2Bc", {"X-Amz-Content-SHA256": "0" * 64}),
        ("GET", "/{}/a%20b%2Bc", {"Range": "bytes=0-1"}),
    ],
)
def test_a_signature_is_for_one_request(s3, objects, method, path, headers):
    path = path.format(objects)
    signed = s3.signed("GET", f"/{objects}/a%20b%2Bc", {"Range": "bytes=0-3"})
    assert s3.send("GET", f"/{objects}/a%20b%2Bc", signed).body == b"secr"
    answer = s3.send(method, path, {**signed, **headers})
    assert answer.status == 403
    assert answer.code == ("AccessDenied" if s3.is_real else "SignatureDoesNotMatch")


def test_headers_of_amazon_must_be_signed(ours):
    ours.request("PUT", "/must-be-signed")
    signed = ours.signed("PUT", "/must-be-signed/a")
    answer = ours.send("PUT", "/must-be-signed/a", {**signed, "x-amz-meta-a": "b"}, b"x")
    assert (answer.status, answer.code) == (403, "AccessDenied")


@pytest.mark.parametrize("minutes", [-16, 16])
def test_an_old_request_and_one_of_tomorrow(s3, objects, minutes):
    moment = (datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%Y%m%dT%H%M%SZ")
    answer = s3.request("GET", f"/{objects}/a%20b%2Bc", {"X-Amz-Date": moment})
    assert (answer.status, answer.code) == (403, "RequestTimeTooSkewed")


def test_a_body_that_was_changed(ours):
    from hashlib import sha256

    ours.request("PUT", "/changed-body")
    signed = ours.signed("PUT", "/changed-body/a", payload=sha256(b"right").hexdigest())
    assert ours.send("PUT", "/changed-body/a", signed, b"right").status == 200
    answer = ours.send("PUT", "/changed-body/a", signed, b"wrong")
    assert (answer.status, answer.code) == (400, "XAmzContentSHA256Mismatch")
    assert ours.request("GET", "/changed-body/a").body == b"right"


def test_a_body_that_was_changed_is_refused_everywhere(s3, bucket):
    from hashlib import sha256

    signed = s3.signed("PUT", f"/{bucket}/a", payload=sha256(b"right").hexdigest())
    assert s3.send("PUT", f"/{bucket}/a", signed, b"wrong").status == 400
    assert s3.request("GET", f"/{bucket}/a").status == 404


def test_presigned_urls(s3, connect, objects):
    client = connect(s3, signature_version="s3v4")
    url = client.generate_presigned_url("get_object", {"Bucket": objects, "Key": "a b+c"}, ExpiresIn=600)
    assert fetch(url).content == b"secret"
    assert fetch(url, headers={"Range": "bytes=1-2"}).content == b"ec"
    assert fetch(url, "PUT", data=b"x").status_code == 403
    assert fetch(url.replace("a%20b", "a%20c")).status_code == 403
    assert fetch(url.replace("X-Amz-Expires=600", "X-Amz-Expires=6000")).status_code == 403
    url = client.generate_presigned_url("put_object", {"Bucket": objects, "Key": "new", "ContentType": "text/x"})
    assert fetch(url, "PUT", data=b"x", headers={"Content-Type": "text/y"}).status_code == 403
    assert fetch(url, "PUT", data=b"put", headers={"Content-Type": "text/x"}).status_code == 200
    got = client.get_object(Bucket=objects, Key="new")
    assert (got["Body"].read(), got["ContentType"]) == (b"put", "text/x")


def test_a_presigned_url_expires(ours, connect, monkeypatch):
    import botocore.auth

    ours.request("PUT", "/expires-soon")
    ours.request("PUT", "/expires-soon/a", body=b"x")
    client = connect(ours, signature_version="s3v4")
    now = datetime.now(UTC)
    for age, status in ((300, 200), (601, 403)):  # minutes are left for the way of the first one
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda age=age: now - timedelta(seconds=age))
        url = client.generate_presigned_url("get_object", {"Bucket": "expires-soon", "Key": "a"}, ExpiresIn=600)
        answer = fetch(url)
        assert answer.status_code == status
    assert "Request has expired" in answer.text


def test_the_old_way_to_sign_is_refused(ours, connect):
    url = connect(ours, signature_version="s3").generate_presigned_url("get_object", {"Bucket": "a-bucket", "Key": "a"})
    assert fetch(url).status_code == 400


@pytest.mark.parametrize(
    "authorization",
    ["", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a", "Basic eDp5", "AWS4-HMAC-SHA256 Credential=a/b/c, x",
     "AWS4-HMAC-SHA256 Credential=a/20200101/r/ec2/aws4_request,SignedHeaders=host,Signature=0"],
)  # fmt: skip
def test_a_header_that_is_no_signature(ours, authorization):
    date = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {"Authorization": authorization, "x-amz-date": date, "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    answer = ours.send("GET", "/", headers)
    assert answer.status in (400, 403)
    assert answer.code in ("AccessDenied", "AuthorizationHeaderMalformed", "InvalidRequest")


class TestSessionKeys:
    """Short-lived keys for a part of a bucket."""

    @pytest.fixture
    def session(self, ours, connect):
        ours.request("PUT", f"/{SESSION_BUCKET}")
        return connect(ours, "SESSION", "secret of SESSION", "token of SESSION")

    def test_it_can_do_what_it_may(self, session):
        session.put_object(Bucket=SESSION_BUCKET, Key="area/a", Body=b"x")
        assert session.get_object(Bucket=SESSION_BUCKET, Key="area/a")["Body"].read() == b"x"
        assert session.list_objects_v2(Bucket=SESSION_BUCKET, Prefix="area/")["KeyCount"] == 1

    def test_a_url_that_it_signs_carries_its_token(self, ours, connect, session):
        session.put_object(Bucket=SESSION_BUCKET, Key="area/a", Body=b"x")
        signer = connect(ours, "SESSION", "secret of SESSION", "token of SESSION", signature_version="s3v4")
        url = signer.generate_presigned_url("get_object", {"Bucket": SESSION_BUCKET, "Key": "area/a"})
        assert fetch(url).content == b"x"

    def test_it_can_do_nothing_else(self, ours, session, refused):
        ours.request("PUT", f"/{SESSION_BUCKET}/elsewhere/a", body=b"x")
        for attempt in (
            lambda: session.put_object(Bucket=SESSION_BUCKET, Key="elsewhere/b", Body=b"x"),
            lambda: session.get_object(Bucket=SESSION_BUCKET, Key="elsewhere/a"),
            lambda: session.list_objects_v2(Bucket=SESSION_BUCKET),
            lambda: session.list_buckets(),
            lambda: session.get_object_tagging(Bucket=SESSION_BUCKET, Key="area/a"),
            lambda: session.delete_bucket(Bucket=SESSION_BUCKET),
            lambda: session.copy_object(
                Bucket=SESSION_BUCKET, Key="area/c", CopySource=f"{SESSION_BUCKET}/elsewhere/a"
            ),
        ):
            with refused(403, "AccessDenied"):
                attempt()

    def test_it_removes_many_only_where_it_may(self, ours, session):
        ours.request("PUT", f"/{SESSION_BUCKET}/elsewhere/a", body=b"x")
        session.put_object(Bucket=SESSION_BUCKET, Key="area/a", Body=b"x")
        keys = [{"Key": "area/a"}, {"Key": "elsewhere/a"}]
        told = session.delete_objects(Bucket=SESSION_BUCKET, Delete={"Objects": keys})
        assert [one["Key"] for one in told["Deleted"]] == ["area/a"]
        assert [(one["Key"], one["Code"]) for one in told["Errors"]] == [("elsewhere/a", "AccessDenied")]
        assert ours.request("GET", f"/{SESSION_BUCKET}/elsewhere/a").status == 200
        assert ours.request("GET", f"/{SESSION_BUCKET}/area/a").status == 404

    def test_it_needs_its_token(self, ours, connect, refused):
        with refused(403, "InvalidAccessKeyId"):
            connect(ours, "SESSION", "secret of SESSION").list_buckets()
        with refused(400, "InvalidToken"):
            connect(ours, "SESSION", "secret of SESSION", "wrong").list_buckets()
        with refused(400, "InvalidToken"):
            connect(ours, ours.key, ours.secret, "token of SESSION").list_buckets()

    def test_it_expires(self, ours, connect, refused):
        with refused(400, "ExpiredToken"):
            connect(ours, "EXPIRED", "secret of EXPIRED", "token of EXPIRED").list_buckets()
