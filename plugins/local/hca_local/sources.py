"""The objects that files are made of: in the staging buckets of an S3 server, read with boto3.

`gs://` addresses are looked up on the same server: an embedded deployment has one object store for both clouds.
"""

from __future__ import annotations

import re
import threading
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from hca_core.checksums import Checksums
from hca_local.server.problems import ProblemError, illegal_arguments

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hca_local.store.blobs import Readable

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
_MISSING = {"404", "NoSuchKey", "NoSuchBucket", "NotFound"}


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


@dataclass(frozen=True)
class AccessKey:
    """An access key of the S3 server."""

    key_id: str
    secret: str


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


class Sources:
    """Reads source objects at `endpoint`, and puts the files of a checkout there.

    `key` opens the deployment's own S3 server; None leaves it to boto3 to find the credentials of this process.
    Methods block, so call them in a thread; they may be called in several at a time.
    """

    def __init__(self, endpoint: str, key: AccessKey | None) -> None:
        self.endpoint = endpoint
        self._key = key
        self._lock = threading.Lock()

    @cached_property
    def _s3(self) -> Any:
        import boto3  # a third of a second, which a deployment that is only read from need not spend
        from botocore.config import Config

        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            retries={"mode": "standard", "total_max_attempts": 3},
            max_pool_connections=32,
        )
        given = {"aws_access_key_id": self._key.key_id, "aws_secret_access_key": self._key.secret} if self._key else {}
        session = boto3.session.Session(region_name=REGION, **given)
        return session.client("s3", endpoint_url=self.endpoint, config=config)

    def described(self, where: Address) -> Source:
        """Return what is known of the object at `where`.

        Raises ProblemError: 404 if there is none, 422 if it can't be read or lacks a checksum, 503 without the server.
        """
        head = self._called("head_object", where, Bucket=where.bucket, Key=where.key)
        tags = self._called("get_object_tagging", where, Bucket=where.bucket, Key=where.key)["TagSet"]
        told = {name.lower(): value for name, value in head["Metadata"].items()}
        told |= {tag["Key"].lower(): tag["Value"] for tag in tags}  # tags win
        return Source(where, _sums(told, head["ContentLength"]), head["ContentType"], head["ETag"])

    def read(self, source: Source, take: Callable[[Readable], T]) -> T:
        """Return what `take` makes of the bytes of `source`, if it is still the same. Raises ProblemError."""
        from botocore.exceptions import BotoCoreError

        where = source.address
        answer = self._called("get_object", where, Bucket=where.bucket, Key=where.key, IfMatch=source.etag)
        try:
            with closing(answer["Body"]) as body:
                return take(body)
        except BotoCoreError as error:
            raise self._unusable(error) from error

    def check_bucket(self, bucket: str) -> None:
        """Raise ProblemError unless `bucket` is there."""
        self._called("head_bucket", Address("", bucket, ""), Bucket=bucket)

    def put(self, bucket: str, key: str, path: Path, content_type: str) -> None:
        """Copy the file at `path` to an object. Raises ProblemError."""
        where = Address("", bucket, key)
        self._called("upload_file", where, str(path), bucket, key, ExtraArgs={"ContentType": content_type})

    def _called(self, method: str, where: Address, *arguments: Any, **settings: Any) -> Any:
        from boto3.exceptions import S3UploadFailedError
        from botocore.exceptions import BotoCoreError, ClientError

        with self._lock:
            s3 = self._s3
        try:
            return getattr(s3, method)(*arguments, **settings)
        except ClientError as error:
            raise _problem(where, error.response.get("Error", {}).get("Code", "")) from error
        except S3UploadFailedError as error:
            raise ProblemError(422, "destination_refused", f"{_shown(where)} can't be written: {error}") from error
        except BotoCoreError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> ProblemError:
        return ProblemError(503, "service_unavailable", f"The S3 server at {self.endpoint} can't be used: {error}")


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


def _problem(where: Address, code: str) -> ProblemError:
    if code in _MISSING:
        return ProblemError(404, "not_found", f"There is no {_shown(where)}.")
    if code in ("412", "PreconditionFailed"):
        return ProblemError(422, "source_changed", f"{_shown(where)} was replaced while it was read.")
    return ProblemError(422, "source_refused", f"{_shown(where)} can't be read: the S3 server answers {code}.")


def _shown(where: Address) -> str:
    return f"object {where.key!r} in bucket {where.bucket!r}" if where.key else f"bucket {where.bucket!r}"
