"""Staging buckets on the deployment's own S3 server: what is on the same disk needs no request."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, TypeVar

from hca_local.s3.call import now
from hca_local.s3.errors import S3Error
from hca_local.s3.store import buckets, objects
from hca_local.s3.store.joined import Joined
from hca_local.s3.store.objects import Condition, Content, Description, Segment
from hca_local.server.problems import ProblemError
from hca_local.staging import values
from hca_local.staging.values import Address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hca_local.s3.store.store import Store
    from hca_local.staging.values import Source
    from hca_local.store.blobs import Readable
    from hca_local.store.records import BundleFile

T = TypeVar("T")


class OwnSources:
    """The buckets of `store`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._records = f"{store.path.absolute().as_uri()}?mode=ro"

    def described(self, where: Address) -> Source:
        """Return what is known of the object at `where`: see Sources."""
        with self._reading(where) as connection:
            found = objects.find(connection, where.bucket, where.key)
        about = found.description
        content_type = about.headers.get("content-type", "binary/octet-stream")
        return values.source(where, found.size, content_type, found.etag, about.metadata, about.tags)

    def read(self, source: Source, take: Callable[[Readable], T]) -> T:
        """Return what `take` makes of the bytes of `source`: see Sources."""
        where = source.address
        with self._reading(where) as connection:
            found = objects.find(connection, where.bucket, where.key)
            paths = [self._store.files.path(one.file) for one in objects.segments(connection, found.number)]
        if found.etag != source.etag:
            raise values.changed(where)
        try:
            with closing(Joined(paths)) as body:
                return take(body)
        except FileNotFoundError as error:
            raise values.changed(where) from error

    def check_bucket(self, bucket: str) -> None:
        """Raise ProblemError unless `bucket` is there: see Sources."""
        with self._reading(Address("", bucket, "")) as connection:
            buckets.region(connection, bucket)

    def put(self, bucket: str, key: str, path: Path, file: BundleFile) -> None:
        """Make the bytes of `file` an object: see Sources. The object is another name of the same bytes."""
        name = self._store.files.new_name()
        target = self._store.files.path(name)
        try:
            os.link(path, target)
        except OSError:  # no links on this file system, or no more of them to this file
            shutil.copyfile(path, target)
        self._store.files.added()
        content = Content((Segment(name, file.size),), file.s3_etag)
        description = Description({"content-type": file.content_type})
        # The files of an object that was there are removed at the next start: somebody may be reading them.
        self._store.submit(
            lambda connection: objects.put(connection, bucket, key, description, content, Condition(), now())
        ).result()

    @contextmanager
    def _reading(self, where: Address) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._records, uri=True)) as connection:
                yield connection
        except S3Error as error:
            raise values.missing(where) from error
        except sqlite3.Error as error:
            title = f"The buckets can't be read: {error}"
            raise ProblemError(503, "service_unavailable", title) from error
