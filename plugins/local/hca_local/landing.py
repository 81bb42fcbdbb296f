"""What happens when something lands in a replica: it is indexed and journaled, subscribers are told, and the other
replica gets its copy, at once or after the delay that the deployment is set to."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hca_local import documents
from hca_local.documents import Documents
from hca_local.events import journal
from hca_local.search import index
from hca_local.store import reading, writing
from hca_local.store.records import REPLICAS, Tombstone
from hca_local.subscriptions import matching

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from sqlite3 import Connection

    from hca_local.store.records import BundleFile, BundleHead, FileRecord


@dataclass(frozen=True)
class Ground:
    """Where things land: the `blobs` of the deployment, its URL `api` for subscribers, the `delay` between replicas.

    The delay is in seconds.
    """

    blobs: Path
    api: str
    delay: int = 0


def file(connection: Connection, ground: Ground, replica: str, record: FileRecord) -> None:
    """Add a file version to `replica`, whose bytes are in place. Raises sqlite3.IntegrityError if it is there."""
    writing.add_files(connection, replica, [record])
    _replicate(connection, ground, replica, "file", f"{record.uuid}.{record.version}")


def bundle(
    connection: Connection,
    ground: Ground,
    replica: str,
    uuid: str,
    version: str,
    creator_uid: int,
    files: Sequence[BundleFile],
) -> BundleHead:
    """Add a bundle version to `replica` and return it. Raises sqlite3.IntegrityError if it is there."""
    head = writing.add_bundle(connection, replica, uuid, version, creator_uid, files)
    told = Documents(connection, ground.blobs, head)
    bundle_arrived(connection, ground, replica, head, told)
    if ground.delay:
        _replicate(connection, ground, replica, "bundle", f"{uuid}.{version}")
    else:
        _add_copy(connection, ground, other(replica), head, files, told)
    return head


def tombstone(connection: Connection, ground: Ground, replica: str, stone: Tombstone) -> None:
    """Delete a bundle, or one version of it, in `replica`. Raises sqlite3.IntegrityError if that was done before."""
    _entomb(connection, ground, replica, stone)
    _replicate(connection, ground, replica, "tombstone", writing.tombstone_key(stone))


def collection(connection: Connection, ground: Ground, replica: str, key: str, owner: str, document: str) -> None:
    """Put a version of a collection into `replica`, over one that may be there."""
    connection.execute("INSERT OR REPLACE INTO collections VALUES (?,?,?,?)", (replica, key, owner, document))
    _replicate(connection, ground, replica, "collection", key)


def collection_tombstone(connection: Connection, ground: Ground, replica: str, uuid: str) -> None:
    """Delete all versions of a collection in `replica`."""
    connection.execute("INSERT OR IGNORE INTO collection_tombstones VALUES (?,?)", (replica, uuid))
    _replicate(connection, ground, replica, "collection_tombstone", uuid)


def bundle_arrived(connection: Connection, ground: Ground, replica: str, head: BundleHead, told: Documents) -> None:
    """Make the bundle version `head` with the documents `told`, which is in `replica` now, found and known."""
    stone = reading.tombstone_over(connection, replica, head)
    if stone is not None:  # its uuid was deleted before this version came
        index.put(connection, head.number, documents.tombstone_index_document(head, stone))
        return
    index.put(connection, head.number, told.index)
    journal.record(connection, replica, f"{head.uuid}.{head.version}", len(told.encoded_event))
    matching.bundle_event(connection, replica, head, told, ground.api)


def replicate_due(connection: Connection, ground: Ground) -> float | None:
    """Copy what is due to the other replica; return when the next is due, in seconds since 1970, None for nothing."""
    now = time.time()
    rows = connection.execute(
        "SELECT number, source, kind, key FROM replications WHERE due<=? ORDER BY number", (now,)
    ).fetchall()
    for number, source, kind, key in rows:
        _COPIES[kind](connection, ground, source, other(source), key)
        connection.execute("DELETE FROM replications WHERE number=?", (number,))
    found: float | None = connection.execute("SELECT MIN(due) FROM replications").fetchone()[0]
    return found


def other(replica: str) -> str:
    """Return the replica that `replica` is copied to."""
    return REPLICAS[1 - REPLICAS.index(replica)]


def _replicate(connection: Connection, ground: Ground, source: str, kind: str, key: str) -> None:
    if ground.delay:
        row = (time.time() + ground.delay, source, kind, key)
        connection.execute("INSERT INTO replications (due, source, kind, key) VALUES (?,?,?,?)", row)
    else:
        _COPIES[kind](connection, ground, source, other(source), key)


def _copy_file(connection: Connection, ground: Ground, source: str, target: str, key: str) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO files SELECT ?, key, creator_uid, content_type, size, crc32c, s3_etag, sha1, sha256 "
        "FROM files WHERE replica=? AND key=?",
        (target, source, key),
    )


def _copy_bundle(connection: Connection, ground: Ground, source: str, target: str, key: str) -> None:
    head = reading.any_bundle(connection, source, key)
    if head is not None:
        files = reading.bundle_files(connection, head.number, 0, head.file_count)
        _add_copy(connection, ground, target, head, files, Documents(connection, ground.blobs, head))


def _add_copy(
    connection: Connection, ground: Ground, target: str, head: BundleHead, files: Sequence[BundleFile], told: Documents
) -> None:
    """Add to `target` what the other replica has, unless somebody has put a bundle of that name there."""
    if reading.any_bundle(connection, target, f"{head.uuid}.{head.version}"):
        return
    copied = writing.add_bundle(connection, target, head.uuid, head.version, head.creator_uid, files)
    bundle_arrived(connection, ground, target, copied, told)


def _copy_tombstone(connection: Connection, ground: Ground, source: str, target: str, key: str) -> None:
    stone = reading.tombstone(connection, source, key)
    if stone is not None and reading.tombstone(connection, target, key) is None:
        _entomb(connection, ground, target, stone)


def _copy_collection(connection: Connection, ground: Ground, source: str, target: str, key: str) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO collections SELECT ?, key, owner, document FROM collections WHERE replica=? AND key=?",
        (target, source, key),
    )


def _copy_collection_tombstone(connection: Connection, ground: Ground, source: str, target: str, uuid: str) -> None:
    connection.execute("INSERT OR IGNORE INTO collection_tombstones VALUES (?,?)", (target, uuid))


_COPIES: dict[str, Callable[[Connection, Ground, str, str, str], None]] = {
    "file": _copy_file,
    "bundle": _copy_bundle,
    "tombstone": _copy_tombstone,
    "collection": _copy_collection,
    "collection_tombstone": _copy_collection_tombstone,
}


def _entomb(connection: Connection, ground: Ground, replica: str, stone: Tombstone) -> None:
    """Put a tombstone over versions that lived until now, in index, journal and subscribers' eyes as well."""
    if stone.version is None:
        heads = reading.any_bundles(connection, replica, stone.uuid)
    else:
        head = reading.any_bundle(connection, replica, writing.tombstone_key(stone))
        heads = [head] if head else []
    dying = [head for head in heads if reading.tombstone_over(connection, replica, head) is None]
    writing.add_tombstone(connection, replica, stone)
    for head in dying:
        index.put(connection, head.number, documents.tombstone_index_document(head, stone))
        journal.forget(connection, replica, f"{head.uuid}.{head.version}")
        matching.tombstone_event(connection, replica, head, stone, ground.api)
