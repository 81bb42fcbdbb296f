"""Session keys for areas: what they allow, how long they are kept, and that they are found."""

from __future__ import annotations

import json
import time
from contextlib import closing

import pytest

from hca_local.s3.keys import PermanentKeys
from hca_local.store import database
from hca_local.upload.buckets import keys, policy, schema
from hca_local.upload.buckets.values import NAME, SOURCES

AREA = "deadbeef-dead-dead-dead-beeeeeeeeeef"
OTHER = "deadbeef-dead-dead-dead-beeeeeeeeeee"


@pytest.fixture
def store(tmp_path):
    """The path of a database with the table of session keys."""
    path = tmp_path / "store.sqlite3"
    with closing(database.connect(path)) as connection:
        connection.executescript(schema.TABLES)
    return path


@pytest.fixture
def ring(store):
    with closing(database.connect(store)) as records:
        yield keys.Ring(PermanentKeys({"MINE": "secret"}), records)


@pytest.mark.parametrize(
    ("action", "bucket", "key"),
    [
        ("s3:PutObject", NAME, f"{AREA}/a"),
        ("s3:PutObject", NAME, f"{AREA}/a/b c\n*?#ü"),
        ("s3:PutObjectTagging", NAME, f"{AREA}/a"),
        ("s3:ListBucket", NAME, f"{AREA}/"),
        *[("s3:GetObject", bucket, "any/thing") for bucket in SOURCES],
        *[("s3:GetObjectTagging", bucket, "any") for bucket in SOURCES],
        *[("s3:ListBucket", bucket, prefix) for bucket in SOURCES for prefix in ("", "any/")],
    ],
)
def test_what_keys_allow(action, bucket, key):
    assert policy.allows(AREA, action, bucket, key)


@pytest.mark.parametrize(
    ("action", "bucket", "key"),
    [
        ("s3:PutObject", NAME, f"{OTHER}/a"),
        ("s3:PutObject", NAME, AREA),
        ("s3:PutObject", NAME, f"x{AREA}/a"),
        ("s3:PutObject", NAME, f"{AREA.upper()}/a"),
        ("s3:PutObject", NAME, ""),
        ("s3:PutObject", SOURCES[0], f"{AREA}/a"),
        ("s3:PutObjectTagging", NAME, f"{OTHER}/a"),
        ("s3:PutObjectAcl", NAME, f"{AREA}/a"),
        ("s3:GetObject", NAME, f"{AREA}/a"),
        ("s3:GetObjectTagging", NAME, f"{AREA}/a"),
        ("s3:DeleteObject", NAME, f"{AREA}/a"),
        ("s3:AbortMultipartUpload", NAME, f"{AREA}/a"),
        ("s3:ListMultipartUploadParts", NAME, f"{AREA}/a"),
        ("s3:ListBucketMultipartUploads", NAME, f"{AREA}/"),
        ("s3:ListBucket", NAME, ""),
        ("s3:ListBucket", NAME, AREA),
        ("s3:ListBucket", NAME, f"{AREA}/a"),
        ("s3:ListBucket", NAME, f"{OTHER}/"),
        ("s3:GetObject", "somebodys-bucket", "a"),
        ("s3:ListBucket", "somebodys-bucket", f"{AREA}/"),
        ("s3:ListAllMyBuckets", "", ""),
        ("s3:CreateBucket", "new", ""),
        ("s3:DeleteBucket", NAME, ""),
    ],
)
def test_what_keys_do_not_allow(action, bucket, key):
    assert not policy.allows(AREA, action, bucket, key)


def test_the_policy_is_short_enough_for_sts():
    assert len(json.dumps(policy.document(AREA), separators=(",", ":"))) < 2048


def test_keys_are_found_in_the_ring(store, ring):
    before = time.time()
    made = keys.issue(store, AREA, 100)
    assert made.access_key_id.startswith("ASIA")
    assert len(made.access_key_id) == 20
    assert made.access_key_id.isalnum()
    assert before + 99 <= made.expires <= time.time() + 100
    found = ring.find(made.access_key_id)
    assert (found.secret, found.session_token, found.expires) == (made.secret, made.session_token, made.expires)
    assert found.allows("s3:PutObject", NAME, f"{AREA}/a")
    assert not found.allows("s3:PutObject", NAME, f"{OTHER}/a")
    assert made.secret not in repr(made)
    assert made.session_token not in repr(made)


def test_permanent_keys_are_asked_first(store, ring):
    assert ring.find("MINE").secret == "secret"
    assert ring.find("MINE").session_token is None
    assert ring.find("MINE").allows("s3:GetObject", NAME, "a")
    assert ring.find("NOBODYS") is None


def test_every_key_is_another_one(store):
    made = [keys.issue(store, AREA, 100) for _ in range(3)]
    for name in ("access_key_id", "secret", "session_token"):
        assert len({getattr(one, name) for one in made}) == 3


def test_keys_survive_a_restart(store, ring):
    made = keys.issue(store, AREA, 100)
    with closing(database.connect(store)) as records:
        assert keys.Ring(PermanentKeys({}), records).find(made.access_key_id).secret == made.secret


def test_expired_keys_are_kept_for_a_day_to_be_told_so(store, ring):
    expired = keys.issue(store, AREA, -24 * 3600 + 60)
    older = keys.issue(store, AREA, -24 * 3600 - 60)
    keys.issue(store, OTHER, 100)
    assert ring.find(expired.access_key_id).expires == expired.expires
    assert ring.find(older.access_key_id) is None


def test_revoked_keys_are_those_of_one_area(store, ring):
    mine, others = keys.issue(store, AREA, 100), keys.issue(store, OTHER, 100)
    in_use = ring.find(mine.access_key_id)
    keys.revoke(store, AREA)
    assert ring.find(mine.access_key_id) is None
    assert not in_use.allows("s3:PutObject", NAME, f"{AREA}/a")
    assert ring.find(others.access_key_id).allows("s3:PutObject", NAME, f"{OTHER}/a")


def test_the_bucket_is_called_as_clients_expect():
    # They read the stage behind the last "-" (contract §1).
    assert NAME == "org-humancellatlas-upload-local"
