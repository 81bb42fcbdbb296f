"""Staging buckets on an S3 server that is not the deployment's own, read with boto3."""

from __future__ import annotations

import threading
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from hca_local.server.problems import ProblemError
from hca_local.staging import values
from hca_local.staging.values import REGION, Address, shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hca_local.staging.values import Source
    from hca_local.store.blobs import Readable
    from hca_local.store.records import BundleFile

T = TypeVar("T")
_MISSING = {"404", "NoSuchKey", "NoSuchBucket", "NotFound"}


class RemoteSources:
    """The buckets of the S3 server at `endpoint`, with the credentials that boto3 finds for this process."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
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
        session = boto3.session.Session()
        return session.client(
            "s3", region_name=session.region_name or REGION, endpoint_url=self.endpoint, config=config
        )

    def described(self, where: Address) -> Source:
        """Return what is known of the object at `where`: see Sources."""
        head = self._called("head_object", where, Bucket=where.bucket, Key=where.key)
        tags = self._called("get_object_tagging", where, Bucket=where.bucket, Key=where.key)["TagSet"]
        tagged = {tag["Key"]: tag["Value"] for tag in tags}
        return values.source(where, head["ContentLength"], head["ContentType"], head["ETag"], head["Metadata"], tagged)

    def read(self, source: Source, take: Callable[[Readable], T]) -> T:
        """Return what `take` makes of the bytes of `source`: see Sources."""
        from botocore.exceptions import BotoCoreError

        where = source.address
        answer = self._called("get_object", where, Bucket=where.bucket, Key=where.key, IfMatch=source.etag)
        try:
            with closing(answer["Body"]) as body:
                return take(body)
        except BotoCoreError as error:
            raise self._unusable(error) from error

    def check_bucket(self, bucket: str) -> None:
        """Raise ProblemError unless `bucket` is there: see Sources."""
        self._called("head_bucket", Address("", bucket, ""), Bucket=bucket)

    def put(self, bucket: str, key: str, path: Path, file: BundleFile) -> None:
        """Make the bytes of `file` an object: see Sources."""
        where = Address("", bucket, key)
        self._called("upload_file", where, str(path), bucket, key, ExtraArgs={"ContentType": file.content_type})

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
            raise ProblemError(422, "destination_refused", f"{shown(where)} can't be written: {error}") from error
        except BotoCoreError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> ProblemError:
        return ProblemError(503, "service_unavailable", f"The S3 server at {self.endpoint} can't be used: {error}")


def _problem(where: Address, code: str) -> ProblemError:
    if code in _MISSING:
        return values.missing(where)
    if code in ("412", "PreconditionFailed"):
        return values.changed(where)
    return ProblemError(422, "source_refused", f"{shown(where)} can't be read: the S3 server answers {code}.")
