"""Changes to the store. Call them inside `database.transaction`, after the bytes are in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_local.store.records import BundleHead, Tombstone

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from sqlite3 import Connection

    from hca_local.store.records import BundleFile, FileRecord


def add_files(connection: Connection, replica: str, files: Iterable[FileRecord]) -> None:
    """Add file versions to `replica`. Raises sqlite3.IntegrityError if one is there already."""
    connection.executemany(
        "INSERT INTO files VALUES (?,?,?,?,?,?,?,?,?)",
        ((replica, f"{file.uuid}.{file.version}", *file[2:]) for file in files),
    )


def add_bundle(
    connection: Connection, replica: str, uuid: str, version: str, creator_uid: int, files: Sequence[BundleFile]
) -> BundleHead:
    """Add a bundle version with its manifest to `replica` and return it.

    Raises sqlite3.IntegrityError if it is there already or if two of `files` have one name.
    """
    cursor = connection.execute(
        "INSERT INTO bundles (replica, key, creator_uid, file_count) VALUES (?,?,?,?)",
        (replica, f"{uuid}.{version}", creator_uid, len(files)),
    )
    number = cursor.lastrowid
    connection.executemany(
        "INSERT INTO bundle_files VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
        ((number, position, *file) for position, file in enumerate(files)),
    )
    assert number is not None  # noqa: S101 - a row was inserted
    return BundleHead(number, uuid, version, creator_uid, len(files))


def add_tombstone(connection: Connection, replica: str, tombstone: Tombstone) -> None:
    """Mark a bundle, or one version of it, as deleted in `replica`. Raises sqlite3.IntegrityError if it is already."""
    row = (replica, tombstone_key(tombstone), tombstone.email, tombstone.reason)
    connection.execute("INSERT INTO tombstones VALUES (?,?,?,?)", row)


def mark_checkouts(connection: Connection, marks: Iterable[tuple[str, str, int, bool]]) -> None:
    """Set redirects and readiness of objects in the checkout bucket: (replica, key, redirects, ready) each."""
    connection.executemany("INSERT OR REPLACE INTO checkouts VALUES (?,?,?,?)", marks)


def tombstone_key(tombstone: Tombstone) -> str:
    """Return the key of `tombstone`: the uuid of its bundle, with the version where it is for one version."""
    return tombstone.uuid if tombstone.version is None else f"{tombstone.uuid}.{tombstone.version}"
