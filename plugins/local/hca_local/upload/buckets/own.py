"""The bucket with the areas on the deployment's own S3 server: what is on the same disk needs no request."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from hca_local.s3.call import now
from hca_local.s3.errors import S3Error
from hca_local.s3.operations import tagging
from hca_local.s3.store import buckets, listing, objects, uploads
from hca_local.s3.store.joined import Joined
from hca_local.s3.store.objects import Condition, Content, Description, Segment
from hca_local.staging.values import REGION
from hca_local.upload.buckets import keys
from hca_local.upload.buckets.values import NAME, Held, RefusedError, ReplacedError, UnusableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from hca_local.s3.store.objects import Removed, StoredObject
    from hca_local.s3.store.store import Store
    from hca_local.store.blobs import Readable
    from hca_local.upload.buckets.values import Keys

T = TypeVar("T")
_PAGE = 1000
_REMOVED_AT_ONCE = 200


class _Batch(NamedTuple):
    """What was removed in one transaction: how many uploads, object versions, and files of parts."""

    uploads: int
    removed: list[Removed]
    files: list[str]


class OwnBuckets:
    """The bucket in `store`; see Buckets. The session keys are in the deployment's store at the path `records`."""

    name = NAME
    tells_of_objects = True

    def __init__(self, store: Store, records: Path) -> None:
        self._store = store
        self._session_keys = records
        self._records = f"{store.path.absolute().as_uri()}?mode=ro"

    def prepare(self) -> None:
        """Make the bucket if it is not there."""
        self._write(lambda connection: buckets.create(connection, NAME, REGION, now()))

    def find(self, key: str) -> Held | None:
        """Return the object `key`, None if there is none."""
        with self._reading() as connection:
            found = _found(connection, key)
        return None if found is None else _held(key, found)

    def listed(self, prefix: str) -> Iterator[Held]:
        """Yield the objects below `prefix`: see Buckets."""
        after: str | None = ""
        while after is not None:
            with self._reading() as connection:
                page = listing.page(connection, listing.Wanted(NAME, prefix, "", after, _PAGE))
            for entry in page.entries:
                yield Held(entry.key, entry.size, entry.etag, "", _moment(entry.modified))
            after = page.last

    def read(self, held: Held, take: Callable[[Readable], T]) -> T:
        """Return what `take` makes of the bytes of `held`: see Buckets."""
        with self._reading() as connection:
            found = _same(connection, held)
            paths = [self._store.files.path(one.file) for one in objects.segments(connection, found.number)]
        try:
            with closing(Joined(paths)) as body:
                return take(body)
        except FileNotFoundError as error:  # files go with their object
            raise ReplacedError(held.key) from error

    def tag(self, held: Held, tags: Mapping[str, str]) -> None:
        """Give `held` more tags: see Buckets."""

        def write(connection: sqlite3.Connection) -> None:
            wanted = {**_same(connection, held).description.tags, **tags}
            try:
                objects.set_tags(connection, NAME, held.key, tagging.checked([*wanted.items()]))
            except S3Error as error:
                raise RefusedError(f"{held.key!r} can't have more tags: {error.message}") from error

        self._write(write)

    def put(
        self, key: str, data: bytes, content_type: str, metadata: Mapping[str, str], tags: Mapping[str, str]
    ) -> Held:
        """Write an object and return it."""
        description = Description({"content-type": content_type}, dict(metadata), dict(tags))
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        content = Content((Segment(self._new_file(data), len(data)),), etag)

        def write(connection: sqlite3.Connection) -> tuple[Removed | None, StoredObject]:
            removed = objects.put(connection, NAME, key, description, content, Condition(), now())
            return removed, objects.find(connection, NAME, key)

        try:
            removed, found = self._write(write)
        except Exception:
            self._store.discard_from_thread([], [segment.file for segment in content.segments])
            raise
        self._store.discard_from_thread([removed])
        return _held(key, found)

    def _new_file(self, data: bytes) -> str:
        name = self._store.files.new_name()
        try:
            with open(self._store.files.path(name), "xb", opener=_private) as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            self._store.discard_from_thread([], [name])
            raise UnusableError(f"The buckets can't be written: {error}") from error
        self._store.files.added()
        return name

    def empty(self, prefix: str, is_over: Callable[[], bool]) -> bool:
        """Remove all that is below `prefix`: see Buckets. The keys of the area are worthless from now on.

        A request that was allowed before may have written something behind the first look, so there is always one more.
        """
        with self._telling():
            keys.revoke(self._session_keys, prefix.partition("/")[0])
        found_nothing = 0
        while found_nothing < 2:
            if is_over():
                return False
            batch = self._write(lambda connection: _remove_some(connection, prefix))
            self._store.discard_from_thread(batch.removed, batch.files)
            found_nothing = 0 if batch.uploads or batch.removed else found_nothing + 1
        return True

    def issue(self, area: str, seconds: int) -> Keys:
        """Return new credentials for the area `area` that are good for `seconds`."""
        with self._telling():
            return keys.issue(self._session_keys, area, seconds)

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._telling():
            return self._store.submit(work).result()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._telling(), closing(sqlite3.connect(self._records, uri=True)) as connection:
            yield connection

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Let the body's errors be those of Buckets."""
        try:
            yield
        except S3Error as error:
            raise UnusableError(f"The bucket {NAME} can't be used: {error.message}") from error
        except (sqlite3.Error, OSError) as error:
            raise UnusableError(f"The buckets can't be used: {error}") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _remove_some(connection: sqlite3.Connection, prefix: str) -> _Batch:
    """Remove uploads below `prefix` first, so that none of them can become an object any more, then objects."""
    files = []
    pending = listing.pending_uploads(connection, NAME, prefix, ("", None), _REMOVED_AT_ONCE)
    for one in pending:
        files += uploads.remove(connection, uploads.find(connection, NAME, one.key, one.id))
    page = listing.page(connection, listing.Wanted(NAME, prefix, "", "", _REMOVED_AT_ONCE))
    found = [entry.key for entry in page.entries]
    return _Batch(len(pending), objects.delete_many(connection, NAME, found) if found else [], files)


def _found(connection: sqlite3.Connection, key: str) -> StoredObject | None:
    try:
        return objects.find(connection, NAME, key)
    except S3Error:  # neither the object nor, before the first area, the bucket is there
        return None


def _same(connection: sqlite3.Connection, held: Held) -> StoredObject:
    found = _found(connection, held.key)
    if found is None or found.etag != held.etag:
        raise ReplacedError(held.key)
    return found


def _held(key: str, found: StoredObject) -> Held:
    about = found.description
    content_type = about.headers.get("content-type", "binary/octet-stream")
    return Held(key, found.size, found.etag, content_type, _moment(found.modified), about.metadata, about.tags)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
