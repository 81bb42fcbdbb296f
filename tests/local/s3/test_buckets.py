"""Buckets."""

from __future__ import annotations

import secrets

import pytest


def test_a_bucket_is_made_seen_and_removed(plain, refused):
    name = f"test-{secrets.token_hex(8)}"
    with refused(404, "404"):
        plain.head_bucket(Bucket=name)
    plain.create_bucket(Bucket=name)
    plain.head_bucket(Bucket=name)
    assert name in [one["Name"] for one in plain.list_buckets()["Buckets"]]
    plain.delete_bucket(Bucket=name)
    assert name not in [one["Name"] for one in plain.list_buckets()["Buckets"]]
    with refused(404, "NoSuchBucket"):
        plain.delete_bucket(Bucket=name)


def test_a_bucket_that_is_there_can_be_made_again(plain, bucket):
    plain.put_object(Bucket=bucket, Key="a", Body=b"kept")
    plain.create_bucket(Bucket=bucket)
    assert plain.head_object(Bucket=bucket, Key="a")["ContentLength"] == 4


def test_a_bucket_elsewhere_is_remembered_and_not_made_again(ours, connect, refused):
    client = connect(ours)
    name = f"test-{secrets.token_hex(8)}"
    where = {"LocationConstraint": "eu-central-1"}
    client.create_bucket(Bucket=name, CreateBucketConfiguration=where)
    assert client.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-central-1"
    with refused(409, "BucketAlreadyOwnedByYou"):
        client.create_bucket(Bucket=name, CreateBucketConfiguration=where)


def test_an_ordinary_bucket_has_no_location_and_no_versions(ours, connect):
    client = connect(ours)
    client.create_bucket(Bucket="ordinary-bucket")
    assert client.get_bucket_location(Bucket="ordinary-bucket")["LocationConstraint"] is None
    assert "Status" not in client.get_bucket_versioning(Bucket="ordinary-bucket")
    assert client.get_bucket_acl(Bucket="ordinary-bucket")["Grants"][0]["Permission"] == "FULL_CONTROL"


@pytest.mark.parametrize("name", ["ab", "a" * 64, "Upper", "under_score", "1.2.3.4", "a..b", "-begin", "end-", "xn--a"])
def test_a_wrong_name_is_refused(ours, name):
    answer = ours.request("PUT", f"/{name}")
    assert (answer.status, answer.code) == (400, "InvalidBucketName")


def test_a_bucket_with_objects_is_not_removed(plain, bucket, refused):
    plain.put_object(Bucket=bucket, Key="a", Body=b"")
    with refused(409, "BucketNotEmpty"):
        plain.delete_bucket(Bucket=bucket)


def test_what_is_not_there_is_said_to_be_not_implemented(ours, connect, refused):
    client = connect(ours)
    client.create_bucket(Bucket="not-implemented")
    with refused(501, "NotImplemented"):
        client.get_bucket_policy(Bucket="not-implemented")
    with refused(501, "NotImplemented"):
        client.put_object(Bucket="not-implemented", Key="a", Body=b"", ServerSideEncryption="AES256")
    answer = ours.request("POST", "/not-implemented")
    assert (answer.status, answer.code) == (501, "NotImplemented")


def test_an_entity_in_a_document_is_refused(ours):
    body = b'<!DOCTYPE a [<!ENTITY b "eu-west-1">]><CreateBucketConfiguration>&b;</CreateBucketConfiguration>'
    answer = ours.request("PUT", "/with-entity", body=body)
    assert (answer.status, answer.code) == (400, "MalformedXML")


def test_a_document_that_is_too_long_is_refused(ours):
    answer = ours.request("PUT", "/too-long", body=b" " * (2 * 1024**2 + 1))
    assert (answer.status, answer.code) == (400, "EntityTooLarge")
