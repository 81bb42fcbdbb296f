"""Puts what examples need into the S3 server of a deployment that is being created."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

from hca_core import checksums
from hca_local.s3.call import now
from hca_local.s3.store import buckets, objects
from hca_local.s3.store.objects import Condition, Content, Description, Segment
from hca_local.s3.store.store import Store
from hca_local.sample import identities
from hca_local.staging.values import REGION
from hca_local.store import database

if TYPE_CHECKING:
    from pathlib import Path
    from sqlite3 import Connection


def load(root: Path) -> None:
    """Make the buckets and source objects of published examples in the S3 server's directory `root`.

    Raises OSError, sqlite3.Error.
    """
    with closing(Store(root)) as store, database.transaction(store.records):
        for bucket in identities.BUCKETS:
            buckets.create(store.records, bucket, REGION, now())
        for (bucket, key), content in identities.SOURCES.items():
            _put(store, store.records, bucket, key, content)


def _put(store: Store, connection: Connection, bucket: str, key: str, content: bytes) -> None:
    name = store.files.new_name()
    with open(store.files.path(name), "xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    sums = checksums.of_bytes(content)
    told = {"sha1": sums.sha1, "sha256": sums.sha256, "crc32c": sums.crc32c, "s3_etag": sums.s3_etag}
    description = Description(
        headers={"content-type": "application/json"}, tags={f"hca-dss-{kind}": value for kind, value in told.items()}
    )
    whole = Content((Segment(name, len(content)),), sums.s3_etag)
    objects.put(connection, bucket, key, description, whole, Condition(), now())
