"""The rows of objects."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from hca_local.s3.errors import no_such_key, precondition_failed
from hca_local.s3.store import buckets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from sqlite3 import Connection


class Segment(NamedTuple):
    """A file with a part of the bytes of an object."""

    file: str
    size: int


class Stretch(NamedTuple):
    """Bytes of a file: `length` from `start` on."""

    file: str
    start: int
    length: int


class Removed(NamedTuple):
    """An object version that is not there any more, and the files that were its bytes."""

    number: int
    files: list[str]


@dataclass(frozen=True)
class Description:
    """What a client says about an object: standard headers, metadata of its own, tags."""

    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Content:
    """The bytes of an object. `etag` has no quotes; `checksums` are in base64, by algorithm."""

    segments: tuple[Segment, ...]
    etag: str
    checksums: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return sum(segment.size for segment in self.segments)


@dataclass(frozen=True)
class StoredObject:
    """An object as it was read; `number` names this version of it."""

    number: int
    size: int
    etag: str
    modified: int
    description: Description
    checksums: Mapping[str, str]

    @property
    def quoted_etag(self) -> str:
        """The ETag as headers have it."""
        return f'"{self.etag}"'


@dataclass(frozen=True)
class Condition:
    """When an object may be written: never over another one, or only over the one with an ETag."""

    absent: bool = False
    etag: str | None = None


def find(connection: Connection, bucket: str, key: str) -> StoredObject:
    """Return an object. Raises S3Error if it or its bucket isn't there."""
    row = connection.execute(
        "SELECT number, size, etag, modified, headers, metadata, tags, checksums FROM object"
        " WHERE bucket = ? AND key = ?",
        (bucket, key.encode()),
    ).fetchone()
    if row is None:
        buckets.region(connection, bucket)
        raise no_such_key(key)
    number, size, etag, modified = row[:4]
    headers, metadata, tags, checksums = map(json.loads, row[4:])
    return StoredObject(number, size, etag, modified, Description(headers, metadata, tags), checksums)


def segments(connection: Connection, number: int) -> list[Segment]:
    """Return the files of an object version, in order."""
    rows = connection.execute("SELECT file, size FROM segment WHERE object = ? ORDER BY position", (number,))
    return [Segment(*row) for row in rows]


def stretches(segments: Iterable[Segment], start: int, end: int) -> Iterator[Stretch]:
    """Yield where the bytes from `start` to `end` are in an object that consists of `segments`."""
    begin = 0
    for file, size in segments:
        first, last = max(start, begin), min(end, begin + size)
        if first < last:
            yield Stretch(file, first - begin, last - first)
        begin += size


def put(
    connection: Connection, bucket: str, key: str, description: Description, content: Content, condition: Condition,
    now: int,
) -> Removed | None:  # fmt: skip
    """Write an object and return the one that was in its place. Raises S3Error."""
    buckets.region(connection, bucket)
    _check(connection, bucket, key, condition)
    removed = delete(connection, bucket, key)
    number = connection.execute(
        "INSERT INTO object (bucket, key, size, etag, modified, headers, metadata, tags, checksums)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            bucket, key.encode(), content.size, content.etag, now, json.dumps(description.headers),
            json.dumps(description.metadata), json.dumps(description.tags), json.dumps(content.checksums),
        ),
    ).lastrowid  # fmt: skip
    rows = ((segment.file, number, position, segment.size) for position, segment in enumerate(content.segments))
    connection.executemany("INSERT INTO segment VALUES (?, ?, ?, ?)", rows)
    return removed


def delete(connection: Connection, bucket: str, key: str) -> Removed | None:
    """Remove an object if it is there, and return it."""
    row = connection.execute(
        "SELECT number FROM object WHERE bucket = ? AND key = ?", (bucket, key.encode())
    ).fetchone()
    if row is None:
        return None
    files = [segment.file for segment in segments(connection, row[0])]
    connection.execute("DELETE FROM segment WHERE object = ?", row)
    connection.execute("DELETE FROM object WHERE number = ?", row)
    return Removed(row[0], files)


def delete_many(connection: Connection, bucket: str, keys: Iterable[str]) -> list[Removed]:
    """Remove those objects that are there, and return them. Raises S3Error if there is no bucket."""
    buckets.region(connection, bucket)
    return [removed for key in keys if (removed := delete(connection, bucket, key))]


def set_tags(connection: Connection, bucket: str, key: str, tags: Mapping[str, str]) -> None:
    """Replace the tags of an object. Raises S3Error if it isn't there."""
    number = find(connection, bucket, key).number
    connection.execute("UPDATE object SET tags = ? WHERE number = ?", (json.dumps(tags), number))


def _check(connection: Connection, bucket: str, key: str, condition: Condition) -> None:
    if not condition.absent and condition.etag is None:
        return
    row = connection.execute("SELECT etag FROM object WHERE bucket = ? AND key = ?", (bucket, key.encode())).fetchone()
    if condition.absent and row is not None:
        raise precondition_failed("If-None-Match")
    if condition.etag is not None:
        if row is None:
            raise no_such_key(key)
        if condition.etag not in ("*", row[0]):
            raise precondition_failed("If-Match")
