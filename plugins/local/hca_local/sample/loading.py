"""Puts the sample dataset into a store that is being created."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_core import checksums
from hca_local import checking_out, landing
from hca_local.checking_out import Job
from hca_local.identity import issuer
from hca_local.landing import Ground
from hca_local.sample import dataset, identities, values
from hca_local.store import blobs, writing
from hca_local.store.records import REPLICAS, FileRecord, Tombstone, manifest_entry

if TYPE_CHECKING:
    from pathlib import Path
    from sqlite3 import Connection

    from hca_local.sample.values import Dataset, SampleFile


def load(connection: Connection, blob_root: Path) -> None:
    """Put the sample dataset into both replicas.

    Call it inside the transaction that creates the store: blobs are written in place and without waiting for the
    disk, which is safe only because the records that name them are not visible before that transaction commits.
    Raises OSError, sqlite3.Error.
    """
    sample = dataset.build()
    records = _write_blobs(sample, blob_root)
    for replica in REPLICAS:
        writing.add_files(connection, replica, records.values())
    ground = Ground(blob_root, "")
    for bundle in sample.bundles:
        entries = [manifest_entry(name, records[file.uuid, file.version], file.indexed) for name, file in bundle.files]
        landing.bundle(connection, ground, REPLICAS[0], bundle.uuid, bundle.version, values.CREATOR, entries)
    for stone in sample.tombstones:
        tombstone = Tombstone(stone.uuid, stone.version, issuer.FIRST_USER, stone.reason)
        landing.tombstone(connection, ground, REPLICAS[0], tombstone)
    fqid = ".".join(identities.PUBLISHED[identities.CHECKED_OUT])
    checking_out.succeed(connection, Job(identities.CHECKOUT_JOB, REPLICAS[0], fqid, None, None, "RUNNING", ""))


def _write_blobs(sample: Dataset, root: Path) -> dict[tuple[str, str], FileRecord]:
    """Write the bytes of all files and return their records by uuid and version."""
    records = {}
    made: set[Path] = set()
    for file in sample.files():
        sums = checksums.of_bytes(file.content)
        path = blobs.path_of(root, blobs.key_of(sums))
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        path.write_bytes(file.content)
        records[file.uuid, file.version] = _record(file, sums)
    return records


def _record(file: SampleFile, sums: checksums.Checksums) -> FileRecord:
    return FileRecord(
        file.uuid, file.version, values.CREATOR, file.content_type, sums.size,
        sums.crc32c, sums.s3_etag, sums.sha1, sums.sha256,
    )  # fmt: skip
