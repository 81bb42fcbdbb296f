"""The documents that the service makes of a bundle: for the search index and for events (contract §10.1, §12).

They are not kept: manifest and metadata files never change, so they are put together again whenever one is needed.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hca_local.events.encoding import encoded
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
_NOT_JSON = object()


def manifest(bundle: BundleHead, files: Iterable[BundleFile]) -> dict[str, Any]:
    """Return the manifest of `bundle` as the service stores it and as PUT answers it."""
    return {
        "format": _MANIFEST_FORMAT,
        "version": bundle.version,
        "files": [_stored_entry(file) for file in files],
        "creator_uid": bundle.creator_uid,
    }


class Documents:
    """The documents of one bundle version, each put together when it is first asked for.

    Its copy in the other replica has the same ones. `root` has the blobs. Properties raise OSError.
    """

    def __init__(self, connection: Connection, root: Path, bundle: BundleHead) -> None:
        self._connection = connection
        self._root = root
        self._bundle = bundle
        self._decoded: dict[str, Any] = {}

    @cached_property
    def index(self) -> dict[str, Any]:
        """What a search sees: the manifest and the indexed JSON files."""
        files = [] if self._bundle.file_count > MOST_INDEXED_FILES else self._files
        return {
            "uuid": self._bundle.uuid,
            "state": "new",
            "shape_descriptor": "v",
            "manifest": manifest(self._bundle, files),
            "files": self._contents(file for file in files if file.indexed),
        }

    @cached_property
    def event(self) -> dict[str, Any]:
        """What the event of the creation tells: the manifest and all JSON files."""
        return {
            "event_type": "CREATE",
            "bundle_info": {"uuid": self._bundle.uuid, "version": self._bundle.version},
            "manifest": manifest(self._bundle, self._files),
            "files": self._contents(self._files),
        }

    @cached_property
    def encoded_event(self) -> bytes:
        """The event as it stands in the journal."""
        return encoded(self.event)

    @cached_property
    def _files(self) -> list[BundleFile]:
        return reading.bundle_files(self._connection, self._bundle.number, 0, self._bundle.file_count)

    def _contents(self, files: Iterable[BundleFile]) -> dict[str, list[Any]]:
        """Return the decoded content of those of `files` that are JSON, in lists by prepared name."""
        found: dict[str, list[Any]] = {}
        for file in files:
            if file.content_type.startswith("application/json"):
                content = self._content(blob_key(file))
                if content is not _NOT_JSON:
                    found.setdefault(prepared_name(file.name), []).append(content)
        return found

    def _content(self, key: str) -> Any:
        if key not in self._decoded:
            try:
                self._decoded[key] = json.loads(blobs.path_of(self._root, key).read_bytes(), parse_constant=_refused)
            except (ValueError, RecursionError):
                self._decoded[key] = _NOT_JSON  # it says that it is, but is not: the service leaves it out
        return self._decoded[key]


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


def _refused(constant: str) -> None:
    """Refuse NaN and its like, which Python reads and JSON does not have."""
    raise ValueError(f"{constant} is not JSON")
