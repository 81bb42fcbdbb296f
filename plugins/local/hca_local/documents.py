"""The documents that the service makes of a bundle: for the search index and for events (contract §10.1, §12).

They are not kept: manifest and metadata files never change, so they are put together again whenever one is needed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hca_local.store import blobs, reading
from hca_local.store.records import blob_key

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from sqlite3 import Connection

    from hca_local.store.records import BundleFile, BundleHead, Tombstone

# A manifest with more files is left out of the index document; so is what they contain.
MOST_INDEXED_FILES = 20_000
_MANIFEST_FORMAT = "0.0.1"


def manifest(bundle: BundleHead, files: Iterable[BundleFile]) -> dict[str, Any]:
    """Return the manifest of `bundle` as the service stores it and as PUT answers it."""
    return {
        "format": _MANIFEST_FORMAT,
        "version": bundle.version,
        "files": [_stored_entry(file) for file in files],
        "creator_uid": bundle.creator_uid,
    }


def index_document(connection: Connection, root: Path, bundle: BundleHead) -> dict[str, Any]:
    """Return what a search sees of `bundle`: its manifest and its indexed JSON files; `root` has the blobs."""
    files = [] if bundle.file_count > MOST_INDEXED_FILES else _files(connection, bundle)
    contents = _contents(root, (file for file in files if file.indexed))
    return {
        "uuid": bundle.uuid,
        "state": "new",
        "shape_descriptor": "v",
        "manifest": manifest(bundle, files),
        "files": contents,
    }


def event_document(connection: Connection, root: Path, bundle: BundleHead) -> dict[str, Any]:
    """Return what the event of the creation of `bundle` tells: its manifest and all of its JSON files."""
    files = _files(connection, bundle)
    return {
        "event_type": "CREATE",
        "bundle_info": {"uuid": bundle.uuid, "version": bundle.version},
        "manifest": manifest(bundle, files),
        "files": _contents(root, files),
    }


def tombstone_index_document(bundle: BundleHead, tombstone: Tombstone) -> dict[str, Any]:
    """Return what a search sees of a deleted `bundle` (contract §10.3)."""
    return {**_stored_tombstone(tombstone), "uuid": bundle.uuid, "manifest": {"version": bundle.version}}


def tombstone_event(tombstone: Tombstone) -> dict[str, Any]:
    """Return the document of the event of a deletion."""
    return {
        "event_type": "TOMBSTONE",
        "bundle_info": {"uuid": tombstone.uuid, "version": tombstone.version},
        **_stored_tombstone(tombstone),
    }


def prepared_name(name: str) -> str:
    """Return the key that the file `name` has in documents: `donor_organism_0.json` is `donor_organism_json`.

    The last part before `_json` goes whether or not it is a number, as in the service: `sequence_file.json` is
    `sequence_json`.
    """
    prepared = name.replace(".", "_")
    if not prepared.endswith("_json"):
        return prepared
    stem = prepared.removesuffix("_json")
    return stem.rpartition("_")[0] + "_json" if "_" in stem else prepared


def _files(connection: Connection, bundle: BundleHead) -> list[BundleFile]:
    return reading.bundle_files(connection, bundle.number, 0, bundle.file_count)


def _stored_entry(file: BundleFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "uuid": file.uuid,
        "version": file.version,
        "content-type": file.content_type,
        "size": file.size,
        "indexed": bool(file.indexed),
        "crc32c": file.crc32c,
        "s3-etag": file.s3_etag,
        "sha1": file.sha1,
        "sha256": file.sha256,
    }


def _stored_tombstone(tombstone: Tombstone) -> dict[str, Any]:
    told = {"email": tombstone.email, "reason": tombstone.reason, "admin_deleted": True}
    return told if tombstone.version is None else {**told, "version": tombstone.version}


def _contents(root: Path, files: Iterable[BundleFile]) -> dict[str, list[Any]]:
    """Return the decoded content of those of `files` that are JSON, in lists by prepared name."""
    found: dict[str, list[Any]] = {}
    for file in files:
        if not file.content_type.startswith("application/json"):
            continue
        try:
            content = json.loads(blobs.path_of(root, blob_key(file)).read_bytes())
        except (ValueError, RecursionError):
            continue  # it says that it is JSON, but is not: the service leaves it out
        found.setdefault(prepared_name(file.name), []).append(content)
    return found
