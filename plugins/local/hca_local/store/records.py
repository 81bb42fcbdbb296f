"""The values that the store keeps. Rows are named tuples: a page of 500 of them is read for every bundle request."""

from __future__ import annotations

from typing import NamedTuple

REPLICAS = ("aws", "gcp")


class FileRecord(NamedTuple):
    """One version of a file: who made it, its content type and the checksums that name its bytes."""

    uuid: str
    version: str
    creator_uid: int
    content_type: str
    size: int
    crc32c: str
    s3_etag: str
    sha1: str
    sha256: str


class BundleFile(NamedTuple):
    """One entry of a bundle's manifest; file facts are copied into it, as the service does."""

    name: str
    uuid: str
    version: str
    content_type: str
    size: int
    indexed: bool
    crc32c: str
    s3_etag: str
    sha1: str
    sha256: str


class BundleHead(NamedTuple):
    """One version of a bundle without its files; `number` is the store's own key for it."""

    number: int
    uuid: str
    version: str
    creator_uid: int
    file_count: int


class Tombstone(NamedTuple):
    """The deletion of a bundle, or of one version of it where `version` is set."""

    uuid: str
    version: str | None
    email: str
    reason: str


def blob_key(record: FileRecord | BundleFile) -> str:
    """Return the object key of the bytes of `record`: `blobs/<sha256>.<sha1>.<s3_etag>.<crc32c>`."""
    return f"blobs/{record.sha256}.{record.sha1}.{record.s3_etag}.{record.crc32c}"


def manifest_entry(name: str, file: FileRecord, indexed: bool) -> BundleFile:
    """Return the manifest entry that puts `file` into a bundle as `name`."""
    return BundleFile(
        name, file.uuid, file.version, file.content_type, file.size, indexed,
        file.crc32c, file.s3_etag, file.sha1, file.sha256,
    )  # fmt: skip
