"""What files are made of: objects in staging buckets, with the checksums that their metadata promise."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import urlsplit

from hca_core.checksums import Checksums
from hca_local.server.problems import ProblemError, illegal_arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hca_local.store.blobs import Readable
    from hca_local.store.records import BundleFile

T = TypeVar("T")
REGION = "us-east-1"
REPLICA_OF = {"s3": "aws", "gs": "gcp"}
_PREFIX = "hca-dss-"
# What each checksum looks like, once in lower case (contract §4.1).
_SHAPES = {
    "sha1": r"[a-z0-9]{40}",
    "sha256": r"[a-z0-9]{64}",
    "crc32c": r"[a-z0-9]{8}",
    "s3_etag": r"[a-z0-9]{32}(-([2-9]|[1-9]\d{1,3}|10000))?",
}


@dataclass(frozen=True)
class Address:
    """Where a source object is, and the replica that its scheme stands for."""

    replica: str
    bucket: str
    key: str


@dataclass(frozen=True)
class Source:
    """A source object: its checksums as its metadata promise them, its content type, and the ETag it has now."""

    address: Address
    sums: Checksums
    content_type: str
    etag: str


class Sources(Protocol):
    """Where source objects are read from, and where the files of a checkout are put.

    Methods block, so call them in a thread; they may be called in several at a time. All raise ProblemError: 404 for
    what is not there, 422 for what is refused or has changed, 503 without the server.
    """

    def described(self, where: Address) -> Source:
        """Return what is known of the object at `where`; 422 if it lacks a checksum."""

    def read(self, source: Source, take: Callable[[Readable], T]) -> T:
        """Return what `take` makes of the bytes of `source`, if it is still the same. Raises OSError too."""

    def check_bucket(self, bucket: str) -> None:
        """Raise ProblemError unless `bucket` is there."""

    def put(self, bucket: str, key: str, path: Path, file: BundleFile) -> None:
        """Make the bytes of `file`, which are in the file at `path`, an object."""


def address(url: str) -> Address:
    """Return where the object `url` is. Raises ProblemError (400)."""
    parts = urlsplit(url, allow_fragments=False)
    replica = REPLICA_OF.get(parts.scheme)
    if replica is None:
        raise ProblemError(400, "unknown_source_schema", f"{parts.scheme}:// is not a scheme that files are read from")
    key = url.split("://", 1)[1].partition("/")[2]  # as it stands: a key may have ? and # in it
    if not parts.netloc or not key:
        raise illegal_arguments(f"{url!r} names no object, as in s3://bucket/key")
    return Address(replica, parts.netloc, key)


def source(
    where: Address, size: int, content_type: str, etag: str, metadata: Mapping[str, str], tags: Mapping[str, str]
) -> Source:
    """Return the source object at `where`. Raises ProblemError (422) if a checksum is missing or none."""
    told = {name.lower(): value for name, value in metadata.items()}
    told |= {name.lower(): value for name, value in tags.items()}  # tags win
    return Source(where, _sums(told, size), content_type, etag)


def missing(where: Address) -> ProblemError:
    """Return the problem of an object, or a bucket, that is not there."""
    return ProblemError(404, "not_found", f"There is no {shown(where)}.")


def changed(where: Address) -> ProblemError:
    """Return the problem of an object that is not what it was when it was described."""
    return ProblemError(422, "source_changed", f"{shown(where)} was replaced while it was read.")


def shown(where: Address) -> str:
    """Return an object, or a bucket, in words."""
    return f"object {where.key!r} in bucket {where.bucket!r}" if where.key else f"bucket {where.bucket!r}"


def _sums(told: dict[str, str], size: int) -> Checksums:
    """Return the checksums among the metadata `told` of an object of `size` bytes. Raises ProblemError (422)."""
    found = {}
    for name, shape in _SHAPES.items():
        value = told.get(_PREFIX + name)
        if value is None:
            raise ProblemError(422, "missing_checksum", f"missing {_PREFIX}{name}")
        found[name] = value.lower()
        if not re.fullmatch(shape, found[name], re.ASCII):
            raise ProblemError(422, "invalid_checksum", f"{_PREFIX}{name} is not a checksum of that kind: {value!r}")
    return Checksums(size, **found)
