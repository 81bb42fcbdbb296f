"""The rows of multipart uploads and of their parts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hca_local.s3.errors import no_such_upload
from hca_local.s3.store import buckets, objects
from hca_local.s3.store.objects import Description

if TYPE_CHECKING:
    from collections.abc import Mapping
    from sqlite3 import Connection

    from hca_local.s3.store.objects import Condition, Content, Removed


class PartReplacedError(Exception):
    """A part was sent once more, so the file that was to be in the object is gone; that of the new part is there."""


@dataclass(frozen=True)
class Upload:
    """A multipart upload in progress. `algorithm` and `checksum_type` are None if the client wants no checksum."""

    id: str
    bucket: str
    key: str
    started: int
    description: Description
    algorithm: str | None
    checksum_type: str | None


@dataclass(frozen=True)
class Part:
    """A part that has arrived."""

    number: int
    file: str
    size: int
    etag: str
    modified: int
    checksums: Mapping[str, str]


def create(connection: Connection, upload: Upload) -> None:
    """Begin an upload. Raises S3Error if there is no bucket."""
    buckets.region(connection, upload.bucket)
    about = upload.description
    connection.execute(
        "INSERT INTO upload VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            upload.id, upload.bucket, upload.key.encode(), upload.started, json.dumps(about.headers),
            json.dumps(about.metadata), json.dumps(about.tags), upload.algorithm, upload.checksum_type,
        ),
    )  # fmt: skip


def find(connection: Connection, bucket: str, key: str, upload: str) -> Upload:
    """Return an upload. Raises S3Error if it isn't there, or is one to another object."""
    row = connection.execute(
        "SELECT started, headers, metadata, tags, algorithm, checksum_type FROM upload"
        " WHERE id = ? AND bucket = ? AND key = ?",
        (upload, bucket, key.encode()),
    ).fetchone()
    if row is None:
        buckets.region(connection, bucket)
        raise no_such_upload(upload)
    headers, metadata, tags = map(json.loads, row[1:4])
    return Upload(upload, bucket, key, row[0], Description(headers, metadata, tags), row[4], row[5])


def put_part(connection: Connection, upload: Upload, part: Part) -> list[str]:
    """Add a part and return the files that nothing needs any more. Raises S3Error if the upload is gone."""
    find(connection, upload.bucket, upload.key, upload.id)
    replaced = connection.execute(
        "DELETE FROM part WHERE upload = ? AND number = ? RETURNING file", (upload.id, part.number)
    ).fetchall()
    connection.execute(
        "INSERT INTO part VALUES (?, ?, ?, ?, ?, ?, ?)",
        (upload.id, part.number, part.file, part.size, part.etag, part.modified, json.dumps(part.checksums)),
    )
    return [row[0] for row in replaced]


def parts(connection: Connection, upload: str, after: int = 0, limit: int = -1) -> list[Part]:
    """Return the parts of an upload whose numbers are above `after`, in order; not more than `limit` if given."""
    rows = connection.execute(
        "SELECT number, file, size, etag, modified, checksums FROM part WHERE upload = ? AND number > ?"
        " ORDER BY number LIMIT ?",
        (upload, after, limit),
    )
    return [
        Part(number, file, size, etag, modified, json.loads(checksums))
        for number, file, size, etag, modified, checksums in rows
    ]


def remove(connection: Connection, upload: Upload) -> list[str]:
    """Remove an upload with its parts and return the files of these. Raises S3Error if it isn't there."""
    find(connection, upload.bucket, upload.key, upload.id)
    files = [row[0] for row in connection.execute("DELETE FROM part WHERE upload = ? RETURNING file", (upload.id,))]
    connection.execute("DELETE FROM upload WHERE id = ?", (upload.id,))
    return files


def complete(
    connection: Connection, upload: Upload, content: Content, condition: Condition, now: int
) -> tuple[Removed | None, list[str]]:
    """Make an upload the object that it is for.

    Raises S3Error if the upload isn't there any more, PartReplacedError if a part isn't.

    Returns the object that was in its place, and the files of parts that are not in the new one.
    """
    files = set(remove(connection, upload))
    used = {segment.file for segment in content.segments}
    if not used <= files:
        raise PartReplacedError
    removed = objects.put(connection, upload.bucket, upload.key, upload.description, content, condition, now)
    return removed, sorted(files - used)
