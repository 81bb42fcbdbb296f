"""Listings in the order of S3, in pages, without reading the whole bucket."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from sqlite3 import Connection


class Entry(NamedTuple):
    """An object in a listing."""

    key: str
    size: int
    etag: str
    modified: int


class PendingUpload(NamedTuple):
    """A multipart upload in a listing."""

    key: str
    id: str
    started: int


@dataclass(frozen=True)
class Wanted:
    """What of a bucket is to be listed: keys that begin with `prefix` and come behind `after`, `limit` at most.

    Keys that have `delimiter` behind the prefix are put together to common prefixes that end with it.
    """

    bucket: str
    prefix: str
    delimiter: str
    after: str
    limit: int


@dataclass
class Page:
    """A page of a listing. `last` is what the next page comes behind, None if there is no next one."""

    entries: list[Entry] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    last: str | None = None


def page(connection: Connection, wanted: Wanted) -> Page:
    """Return a page of objects."""
    found = Page()
    last = None
    for item in _items(connection, wanted):
        if len(found.entries) + len(found.prefixes) == wanted.limit:
            found.last = last
            break
        if isinstance(item, Entry):
            found.entries.append(item)
            last = item.key
        else:
            found.prefixes.append(item)
            last = item
    return found


def _items(connection: Connection, wanted: Wanted) -> Iterator[Entry | str]:
    """Yield objects and common prefixes, in order. A common prefix takes one look-up, however much is below it."""
    prefix, delimiter, after = wanted.prefix.encode(), wanted.delimiter.encode(), wanted.after.encode()
    start: bytes | None = max(prefix, after + b"\0" if after else b"")
    while start is not None:
        common = None
        with closing(_rows(connection, wanted.bucket, start)) as rows:
            for key, size, etag, modified in rows:
                if not key.startswith(prefix):
                    break
                common = _common_prefix(key, prefix, delimiter)
                if common:
                    break
                yield Entry(key.decode(), size, etag, modified)
        if not common:
            return
        if common > after:
            yield common.decode()
        start = _behind(common)


def _rows(connection: Connection, bucket: str, start: bytes) -> Generator[tuple[bytes, int, str, int]]:
    yield from connection.execute(
        "SELECT key, size, etag, modified FROM object WHERE bucket = ? AND key >= ? ORDER BY key", (bucket, start)
    )


def _common_prefix(key: bytes, prefix: bytes, delimiter: bytes) -> bytes | None:
    if not delimiter:
        return None
    end = key.find(delimiter, len(prefix))
    return key[: end + len(delimiter)] if end >= 0 else None


def _behind(prefix: bytes) -> bytes:
    """Return the first string behind all that begin with `prefix`; UTF-8 never has a byte that can't be raised."""
    return prefix[:-1] + bytes([prefix[-1] + 1])


def pending_uploads(
    connection: Connection, bucket: str, prefix: str, after: tuple[str, str | None], limit: int
) -> list[PendingUpload]:
    """Return the uploads to keys with `prefix` that come behind the key and the upload `after`, by key and id.

    Without an upload it is all those to this key that are left out.
    """
    key, upload = after
    rows = connection.execute(
        "SELECT key, id, started FROM upload WHERE bucket = ? AND key >= ? AND (key > ? OR (key = ? AND id > ?))"
        " ORDER BY key, id",
        (bucket, prefix.encode(), key.encode(), key.encode(), upload if upload is not None else "\U0010ffff"),
    )
    found: list[PendingUpload] = []
    with closing(rows):
        for row in rows:
            if len(found) == limit or not row[0].startswith(prefix.encode()):
                break
            found.append(PendingUpload(row[0].decode(), row[1], row[2]))
    return found
