"""The rows of buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_local.s3.errors import S3Error, no_such_bucket

if TYPE_CHECKING:
    from sqlite3 import Connection

US_EAST_1 = "us-east-1"


def create(connection: Connection, name: str, region: str, now: int) -> None:
    """Make a bucket. Raises S3Error if there is one already, unless it is in us-east-1, where S3 lets that pass."""
    row = connection.execute("SELECT region FROM bucket WHERE name = ?", (name,)).fetchone()
    if row is None:
        connection.execute("INSERT INTO bucket VALUES (?, ?, ?)", (name, region, now))
    elif (row[0], region) != (US_EAST_1, US_EAST_1):
        message = "Your previous request to create the named bucket succeeded and you already own it."
        raise S3Error(409, "BucketAlreadyOwnedByYou", message, BucketName=name)


def delete(connection: Connection, name: str) -> list[str]:
    """Remove an empty bucket with the uploads to it and return the files that nothing needs any more.

    Raises S3Error.
    """
    region(connection, name)
    if connection.execute("SELECT 1 FROM object WHERE bucket = ? LIMIT 1", (name,)).fetchone():
        raise S3Error(409, "BucketNotEmpty", "The bucket you tried to delete is not empty.", BucketName=name)
    uploads = "SELECT id FROM upload WHERE bucket = ?"
    files = [row[0] for row in connection.execute(f"SELECT file FROM part WHERE upload IN ({uploads})", (name,))]  # noqa: S608
    connection.execute(f"DELETE FROM part WHERE upload IN ({uploads})", (name,))  # noqa: S608
    connection.execute("DELETE FROM upload WHERE bucket = ?", (name,))
    connection.execute("DELETE FROM bucket WHERE name = ?", (name,))
    return files


def region(connection: Connection, name: str) -> str:
    """Return the region of a bucket. Raises S3Error if it isn't there."""
    row = connection.execute("SELECT region FROM bucket WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise no_such_bucket(name)
    found: str = row[0]
    return found


def all_of_them(connection: Connection) -> list[tuple[str, int]]:
    """Return name and time of creation of all buckets, by name."""
    return connection.execute("SELECT name, created FROM bucket ORDER BY name").fetchall()
