"""Makes bundles out of folders, straight in the store: whole bundles or nothing, whether it is being served or not."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from hca_core import versions
from hca_core.errors import HCAError, UsageError
from hca_core.folders import files_of
from hca_local import data_directory, landing, locking, settings
from hca_local.documents import Documents
from hca_local.landing import Ground
from hca_local.store import blobs, database, writing
from hca_local.store.records import BundleFile, FileRecord, blob_key, manifest_entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hca_core.folders import FolderFile
    from hca_local.data_directory import DataDirectory

CREATOR = 0
_UUID = re.compile(r"[a-z0-9]{8}(-[a-z0-9]{4}){3}-[a-z0-9]{12}", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Wanted:
    """A bundle to be made: its identity, the folder it comes from and the files found there."""

    uuid: str
    version: str
    folder: Path
    files: Sequence[FolderFile]


@dataclass(frozen=True)
class Seeded:
    """A bundle that was made."""

    uuid: str
    version: str
    files: int
    bytes: int


def wanted(folders: Sequence[str | Path], uuid: str | None = None, version: str | None = None) -> list[Wanted]:
    """Return the bundles to make out of `folders`: all folders are looked through before anything is written.

    Parameters: `uuid` is for a single folder, each gets a new one otherwise; `version` is now unless given.
    Raises UsageError for identities that can't be, HCAError for folders that can't be bundles.
    """
    if uuid is not None and len(folders) > 1:
        raise UsageError("--uuid is for a single folder: each bundle has its own.")
    if uuid is not None and not _UUID.fullmatch(uuid):
        raise UsageError(f"{uuid!r} is not a uuid.")
    if version is not None and not versions.is_valid(version):
        raise UsageError(f"{version!r} is not a version.", hint="hca dss create-version prints one")
    moment = version or versions.now()
    return [Wanted((uuid or str(uuid4())).lower(), moment, Path(one), files_of(Path(one))) for one in folders]


def prepare(directory: DataDirectory) -> None:
    """Make `directory` an empty store if it is none yet. Raises HCAError."""
    if data_directory.is_store(directory):
        return
    data_directory.make(directory)
    with locking.held(directory.lock):
        data_directory.create_store(directory, sample=False)


def seed(directory: DataDirectory, bundles: Sequence[Wanted], replicas: Sequence[str]) -> Iterator[Seeded]:
    """Make `bundles` one after the other, yielding each when it is in the store for good.

    Raises HCAError; the bundles that were yielded before stay, nothing of the failed one is visible.
    """
    try:
        # Subscribers are told where the deployment was served last; it is there when they are told.
        ground = Ground(directory.blobs, f"http://127.0.0.1:{settings.load(directory.settings).port}")
        with closing(database.connect(directory.store)) as connection:
            for bundle in bundles:
                _check_free(connection, bundle, replicas)
                entries = [_stored(directory, bundle, file) for file in bundle.files]
                blobs.sync(directory.blobs, (blob_key(record) for _, record in entries))
                _record(connection, ground, bundle, entries, replicas)
                yield Seeded(bundle.uuid, bundle.version, len(entries), sum(record.size for _, record in entries))
    except (OSError, sqlite3.Error) as error:
        raise HCAError(f"The bundle could not be made: {error}.") from error


def _stored(directory: DataDirectory, bundle: Wanted, file: FolderFile) -> tuple[BundleFile, FileRecord]:
    """Copy one file into the store and return its manifest entry and record. Raises OSError."""
    with file.path.open("rb") as stream:
        sums = blobs.add_stream(directory.blobs, stream, os.fstat(stream.fileno()).st_size)
    record = FileRecord(
        str(uuid4()), bundle.version, CREATOR, file.content_type, sums.size,
        sums.crc32c, sums.s3_etag, sums.sha1, sums.sha256,
    )  # fmt: skip
    return manifest_entry(file.name, record, file.indexed), record


def _record(
    connection: sqlite3.Connection,
    ground: Ground,
    bundle: Wanted,
    entries: Sequence[tuple[BundleFile, FileRecord]],
    replicas: Sequence[str],
) -> None:
    with database.transaction(connection):
        _check_free(connection, bundle, replicas)
        for replica in replicas:
            writing.add_files(connection, replica, [record for _, record in entries])
            manifest = [entry for entry, _ in entries]
            head = writing.add_bundle(connection, replica, bundle.uuid, bundle.version, CREATOR, manifest)
            landing.bundle_arrived(connection, ground, replica, head, Documents(connection, ground.blobs, head))


def _check_free(connection: sqlite3.Connection, bundle: Wanted, replicas: Sequence[str]) -> None:
    """Raise HCAError if the identity of `bundle` is taken, also by a deleted bundle."""
    key = f"{bundle.uuid}.{bundle.version}"
    for replica in replicas:
        found = connection.execute("SELECT 1 FROM bundles WHERE replica=? AND key=?", (replica, key)).fetchone()
        if found:
            raise HCAError(f"Bundle {bundle.uuid} already has a version {bundle.version} on {replica}.")
