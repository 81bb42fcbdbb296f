"""Listings of objects: order, prefixes, delimiters, pages."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

KEYS = ["a", "a/", "a/1", "a/2", "a/b/3", "a0", "b", "b/1", "c d", "ä", "z", "ﬃ", "𝄞", "A", "a//x"]


@pytest.fixture(scope="module")
def filled(plain):
    """A bucket with KEYS."""
    name = "test-of-listings"
    plain.create_bucket(Bucket=name)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda key: plain.put_object(Bucket=name, Key=key, Body=key.encode()), KEYS))
    yield name
    plain.delete_objects(Bucket=name, Delete={"Objects": [{"Key": key} for key in KEYS]})
    plain.delete_bucket(Bucket=name)


def expected(prefix: str, delimiter: str, after: str = "") -> tuple[list[str], list[str]]:
    """Return the keys and the common prefixes that a listing must have, made in the plainest way."""
    keys, prefixes = [], set()
    for key in sorted(KEYS, key=str.encode):
        if not key.startswith(prefix):
            continue
        rest = key[len(prefix) :]
        if delimiter and delimiter in rest:
            prefixes.add(prefix + rest.partition(delimiter)[0] + delimiter)
        elif key.encode() > after.encode():
            keys.append(key)
    return keys, sorted((one for one in prefixes if one.encode() > after.encode()), key=str.encode)


CASES = [("", ""), ("", "/"), ("a", "/"), ("a/", "/"), ("a/", ""), ("absent", ""), ("ä", ""), ("", "a"), ("", "b/")]


@pytest.mark.parametrize(("prefix", "delimiter"), CASES)
@pytest.mark.parametrize("size", [1, 2, 1000])
@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_pages_are_the_listing(plain, filled, prefix, delimiter, size, operation):
    pages = plain.get_paginator(operation).paginate(
        Bucket=filled, Prefix=prefix, Delimiter=delimiter, PaginationConfig={"PageSize": size}
    )
    keys, prefixes = [], []
    for page in pages:
        found = (
            [one["Key"] for one in page.get("Contents", ())],
            [one["Prefix"] for one in page.get("CommonPrefixes", ())],
        )
        assert len(found[0]) + len(found[1]) <= size
        keys += found[0]
        prefixes += found[1]
    assert (keys, prefixes) == expected(prefix, delimiter)


@pytest.mark.parametrize("after", ["a", "a/1", "b", "zz", "a/zzz"])
def test_a_listing_can_start_anywhere(plain, filled, after):
    found = [one["Key"] for one in plain.list_objects_v2(Bucket=filled, StartAfter=after).get("Contents", ())]
    assert found == expected("", "", after)[0]
    found = [one["Key"] for one in plain.list_objects(Bucket=filled, Marker=after).get("Contents", ())]
    assert found == expected("", "", after)[0]


def test_an_entry_tells_size_and_etag(plain, filled):
    (entry,) = plain.list_objects_v2(Bucket=filled, Prefix="c d")["Contents"]
    head = plain.head_object(Bucket=filled, Key="c d")
    assert (entry["Size"], entry["ETag"], entry["LastModified"].replace(microsecond=0)) == (
        3, head["ETag"], head["LastModified"],
    )  # fmt: skip


def test_a_page_of_nothing(plain, filled):
    page = plain.list_objects_v2(Bucket=filled, MaxKeys=0)
    assert (page["KeyCount"], page["IsTruncated"], page.get("Contents")) == (0, False, None)


def test_a_token_that_nobody_gave(ours, connect, refused):
    client = connect(ours)
    client.create_bucket(Bucket="no-such-token")
    with refused(400, "InvalidArgument"):
        client.list_objects_v2(Bucket="no-such-token", ContinuationToken="ö?")


def test_no_bucket_no_listing(plain, refused):
    with refused(404, "NoSuchBucket"):
        plain.list_objects_v2(Bucket="no-such-bucket-here")
    with refused(404, "NoSuchBucket"):
        plain.list_objects(Bucket="no-such-bucket-here")


def test_random_listings_against_the_plainest_way(tmp_path):
    """The same without a server, with many more keys and orders."""
    from hca_local.s3.store import database, listing

    rng = random.Random(7)
    connection = database.opened(tmp_path / "records.sqlite3")
    connection.execute("INSERT INTO bucket VALUES ('b', 'us-east-1', 0)")
    keys = sorted({"".join(rng.choices("ab/ü", k=rng.randint(1, 6))) for _ in range(300)}, key=str.encode)
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO object (bucket, key, size, etag, modified, headers, metadata, tags, checksums)"
        " VALUES ('b', ?, 0, '', 0, '{}', '{}', '{}', '{}')",
        [(key.encode(),) for key in keys],
    )
    connection.execute("COMMIT")
    for _ in range(200):
        prefix = "".join(rng.choices("ab/ü", k=rng.randint(0, 2)))
        delimiter, after = rng.choice(["", "/", "a", "b/", "ü"]), rng.choice(["", rng.choice(keys)])
        wanted: list[str] = []
        for key in (key for key in keys if key.startswith(prefix)):
            head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
            item = prefix + head + found if found else key
            if item.encode() > after.encode() and item not in wanted:
                wanted.append(item)
        got: list[str] = []
        last: str | None = after
        while last is not None:
            page = listing.page(connection, listing.Wanted("b", prefix, delimiter, last, rng.randint(1, 20)))
            got += sorted([entry.key for entry in page.entries] + page.prefixes, key=str.encode)
            last = page.last
        assert got == wanted, (prefix, delimiter, after)
    connection.close()
