"""Queries on the store. They take microseconds, so the event loop runs them itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hca_local.store.records import BundleFile, BundleHead, FileRecord, Tombstone

if TYPE_CHECKING:
    from sqlite3 import Connection

_FILE = "SELECT key, creator_uid, content_type, size, crc32c, s3_etag, sha1, sha256 FROM files WHERE replica=? AND "
_ONE_FILE = f"{_FILE} key=?"
_LATEST_FILE = f"{_FILE} key>? AND key<? ORDER BY key DESC LIMIT 1"

# A tombstone's key is the bundle's key, or its uuid: what stands before the first dot.
_LIVING = """NOT EXISTS (SELECT 1 FROM tombstones WHERE tombstones.replica=bundles.replica
  AND tombstones.key IN (bundles.key, substr(bundles.key, 1, instr(bundles.key, '.') - 1)))"""
_BUNDLE = "SELECT number, key, creator_uid, file_count FROM bundles WHERE replica=? AND "
_ONE_BUNDLE = f"{_BUNDLE} key=? AND {_LIVING}"
_LATEST_BUNDLE = f"{_BUNDLE} key>? AND key<? AND {_LIVING} ORDER BY key DESC LIMIT 1"
_ANY_BUNDLE = f"{_BUNDLE} key=?"
_ANY_BUNDLES = f"{_BUNDLE} key>? AND key<? ORDER BY key"
_BUNDLE_KEYS = f"{_BUNDLE} key>=? AND key>? AND key<? AND {_LIVING} ORDER BY key LIMIT ?"

_ENTRY = "SELECT name, uuid, version, content_type, size, indexed, crc32c, s3_etag, sha1, sha256 FROM bundle_files "
_ENTRIES = f"{_ENTRY} WHERE bundle=? AND position>=? AND position<? ORDER BY position"
_NAMED_ENTRY = f"{_ENTRY} WHERE bundle=? AND name=?"

_TOMBSTONE = "SELECT email, reason FROM tombstones WHERE replica=? AND key=?"

_LAST_CHARACTER = "\U0010ffff"


class Totals(NamedTuple):
    """How much a store holds, counting what both replicas have once."""

    bundles: int
    files: int
    bytes: int


def file(connection: Connection, replica: str, uuid: str, version: str | None) -> FileRecord | None:
    """Return a version of a file, the latest for None; None if there is none."""
    if version is None:
        # '/' follows '.' in the order of characters: this range is all keys that begin with "<uuid>."
        row = connection.execute(_LATEST_FILE, (replica, f"{uuid}.", f"{uuid}/")).fetchone()
    else:
        row = connection.execute(_ONE_FILE, (replica, f"{uuid}.{version}")).fetchone()
    if row is None:
        return None
    return FileRecord(*split_key(row[0]), *row[1:])


def bundle(connection: Connection, replica: str, uuid: str, version: str | None) -> BundleHead | None:
    """Return a version of a bundle that is not deleted, the latest such for None; None if there is none."""
    if version is None:
        row = connection.execute(_LATEST_BUNDLE, (replica, f"{uuid}.", f"{uuid}/")).fetchone()
    else:
        row = connection.execute(_ONE_BUNDLE, (replica, f"{uuid}.{version}")).fetchone()
    if row is None:
        return None
    return BundleHead(row[0], *split_key(row[1]), row[2], row[3])


def any_bundle(connection: Connection, replica: str, key: str) -> BundleHead | None:
    """Return the bundle version with the key `<uuid>.<version>`, deleted or not; None if there never was one."""
    row = connection.execute(_ANY_BUNDLE, (replica, key)).fetchone()
    return None if row is None else BundleHead(row[0], *split_key(row[1]), row[2], row[3])


def any_bundles(connection: Connection, replica: str, uuid: str) -> list[BundleHead]:
    """Return all versions of the bundle `uuid`, deleted or not, the oldest first."""
    rows = connection.execute(_ANY_BUNDLES, (replica, f"{uuid}.", f"{uuid}/"))
    return [BundleHead(row[0], *split_key(row[1]), row[2], row[3]) for row in rows]


def tombstone(connection: Connection, replica: str, key: str) -> Tombstone | None:
    """Return the tombstone with the key `<uuid>` or `<uuid>.<version>`, or None."""
    row = connection.execute(_TOMBSTONE, (replica, key)).fetchone()
    if row is None:
        return None
    uuid, version = split_key(key)
    return Tombstone(uuid, version or None, *row)


def tombstone_over(connection: Connection, replica: str, bundle: BundleHead) -> Tombstone | None:
    """Return what deleted the version `bundle`: its own tombstone, or that of the whole bundle; None if it lives."""
    own = tombstone(connection, replica, f"{bundle.uuid}.{bundle.version}")
    return own or tombstone(connection, replica, bundle.uuid)


def bundle_files(connection: Connection, number: int, start: int, count: int) -> list[BundleFile]:
    """Return up to `count` manifest entries of the bundle `number`, in order, from position `start` on."""
    return [BundleFile._make(row) for row in connection.execute(_ENTRIES, (number, start, start + count))]


def bundle_file(connection: Connection, number: int, name: str) -> BundleFile | None:
    """Return the manifest entry `name` of the bundle `number`, or None."""
    row = connection.execute(_NAMED_ENTRY, (number, name)).fetchone()
    return None if row is None else BundleFile._make(row)


def bundle_keys(connection: Connection, replica: str, prefix: str, after: str, count: int) -> list[str]:
    """Return up to `count` keys `<uuid>.<version>` of bundles that are not deleted, in key order.

    Parameters: `prefix` is what they begin with; `after` the key to go on behind, empty for the beginning.
    """
    rows = connection.execute(_BUNDLE_KEYS, (replica, prefix, after, prefix + _LAST_CHARACTER, count))
    return [row[1] for row in rows]


def checkout(connection: Connection, replica: str, key: str) -> tuple[int, bool]:
    """Return how many redirects were given for the object `key`, and whether the checkout bucket has it."""
    row = connection.execute(
        "SELECT redirects, ready FROM checkouts WHERE replica=? AND key=?", (replica, key)
    ).fetchone()
    return (row[0], bool(row[1])) if row else (0, False)


def totals(connection: Connection) -> Totals:
    """Count what the store holds; reads every record, so it is for people, not for requests."""
    bundles = connection.execute("SELECT COUNT(*) FROM (SELECT DISTINCT key FROM bundles)").fetchone()[0]
    files = connection.execute("SELECT COUNT(*) FROM (SELECT DISTINCT key FROM files)").fetchone()[0]
    size = connection.execute("SELECT TOTAL(size) FROM (SELECT DISTINCT sha256, size FROM files)").fetchone()[0]
    return Totals(bundles, files, int(size))


def split_key(key: str) -> tuple[str, str]:
    """Return the uuid and the version of the key `<uuid>.<version>`."""
    uuid, _, version = key.partition(".")
    return uuid, version
