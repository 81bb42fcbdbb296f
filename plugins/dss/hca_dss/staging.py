"""The bucket that files are staged in on their way to the service, as boto3 reaches it; every ETag is checked."""

from __future__ import annotations

import re
from base64 import b64encode
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from hca_core import __version__
from hca_core.errors import (
    ConfigError,
    HCAError,
    IntegrityError,
    LoginError,
    NetworkError,
    NotFoundError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hca_core.http import Policy

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_PIECE = 1024 * 1024


def bucket_name(given: str) -> str:
    """Return the name of a bucket that was given as a name or as `s3://name`. Raises UsageError."""
    scheme, separator, rest = given.partition("://")
    name = rest.rstrip("/") if separator else given
    if separator and scheme != "s3":
        raise UsageError(f"files are staged in S3, not in {scheme}: {given}")
    if "/" in name:
        raise UsageError(f"{given!r} is more than a bucket's name", hint=f"--staging-bucket {name.partition('/')[0]}")
    if not _BUCKET.fullmatch(name):
        raise UsageError(f"{given!r} can't be the name of a bucket")
    return name


class Body:
    """Bytes to be sent that tells, while they are read, how many have gone."""

    def __init__(self, data: memoryview, told: Callable[[int], None]) -> None:
        self._data = data
        self._at = 0
        self._told = told

    def __len__(self) -> int:
        return len(self._data)

    def read(self, size: int = -1) -> memoryview:
        """Return the next piece, whatever its size: the small ones that an HTTP library asks for cost much time."""
        piece = self._data[self._at : self._at + _PIECE]
        self._at += len(piece)
        self._told(len(piece))
        return piece

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go back to the beginning, for another try; what had gone has not."""
        self._told(offset - self._at)
        self._at = offset
        return offset

    def tell(self) -> int:
        """Return how many bytes have been read."""
        return self._at


class Staging:
    """A bucket. Keys, endpoint and region are those that boto3 finds; may be used by several threads.

    Raises HCAError whenever S3 or boto3 refuses.
    """

    def __init__(self, bucket: str, policy: Policy, connections: int) -> None:
        self.bucket = bucket
        with self._told():
            self._s3 = _client(policy, connections)
        self.endpoint = str(self._s3.meta.endpoint_url)

    def check(self) -> None:
        """Ask for the bucket, so that what is wrong is told before anything is sent."""
        with self._told():
            self._s3.head_bucket(Bucket=self.bucket)

    def url(self, key: str) -> str:
        """Return the address that the service reads an object from."""
        return f"s3://{self.bucket}/{key}"

    def put(self, key: str, body: Any, md5: bytes, content_type: str, tags: Mapping[str, str]) -> str:
        """Store an object with its tags and return its ETag."""
        with self._told():
            answer = self._s3.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=body,
                ContentMD5=b64encode(md5).decode(),
                ContentType=content_type,
                Tagging=urlencode(tags, quote_via=quote),
            )
        return _checked(answer, md5.hex(), key)

    def begin(self, key: str, content_type: str) -> str:
        """Begin an object in parts and return the id of this upload."""
        with self._told():
            answer = self._s3.create_multipart_upload(Bucket=self.bucket, Key=key, ContentType=content_type)
        return str(answer["UploadId"])

    def parts(self, key: str, upload_id: str) -> dict[int, str] | None:
        """Return the ETags of the parts that are there by their numbers; None if there is no such upload."""
        found: dict[int, str] = {}
        try:
            with self._told():
                pages = self._s3.get_paginator("list_parts").paginate(Bucket=self.bucket, Key=key, UploadId=upload_id)
                for page in pages:
                    found |= {part["PartNumber"]: part["ETag"].strip('"') for part in page.get("Parts", [])}
        except NotFoundError:
            return None
        except LoginError:
            return {}  # keys that may write parts need not be allowed to list them
        return found

    def put_part(self, key: str, upload_id: str, number: int, body: Any, md5: bytes) -> str:
        """Store one part and return its ETag."""
        with self._told():
            answer = self._s3.upload_part(
                Bucket=self.bucket,
                Key=key,
                UploadId=upload_id,
                PartNumber=number,
                Body=body,
                ContentMD5=b64encode(md5).decode(),
            )
        return _checked(answer, md5.hex(), f"part {number} of {key}")

    def complete(self, key: str, upload_id: str, parts: Sequence[str], expected: str) -> str:
        """Make an object of its parts, given by their ETags, and return the ETag that it has, which is `expected`."""
        listed = [{"PartNumber": number, "ETag": f'"{etag}"'} for number, etag in enumerate(parts, 1)]
        try:
            with self._told():
                answer = self._s3.complete_multipart_upload(
                    Bucket=self.bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": listed}
                )
        except NotFoundError:
            answer = {}  # an earlier try was done, only its answer was lost
        if not answer.get("ETag", "").strip('"'):  # some servers leave it empty
            answer = self._head(key)
        return _checked(answer, expected, key)

    def tag(self, key: str, tags: Mapping[str, str]) -> None:
        """Give an object its tags."""
        listed = [{"Key": name, "Value": value} for name, value in tags.items()]
        with self._told():
            self._s3.put_object_tagging(Bucket=self.bucket, Key=key, Tagging={"TagSet": listed})

    def etag(self, key: str) -> str | None:
        """Return the ETag of an object, None if there is none."""
        try:
            return str(self._head(key)["ETag"]).strip('"')
        except NotFoundError:
            return None

    def abort(self, key: str, upload_id: str) -> None:
        """Drop what is there of an upload in parts, if it still exists."""
        try:
            with self._told():
                self._s3.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload_id)
        except NotFoundError:
            pass

    def _head(self, key: str) -> Any:
        with self._told():
            return self._s3.head_object(Bucket=self.bucket, Key=key)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell in one sentence what boto3 raises."""
        import boto3.exceptions
        from botocore import exceptions

        try:
            yield
        except exceptions.ClientError as error:
            raise self._refusal(error) from error
        except (exceptions.BotoCoreError, boto3.exceptions.Boto3Error, ValueError) as error:
            raise _failure(error) from error

    def _refusal(self, error: Any) -> HCAError:
        """Return the error for an answer of S3."""
        code = str(error.response.get("Error", {}).get("Code", ""))
        message = " ".join(str(error.response.get("Error", {}).get("Message", "")).split())[:200]
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        said = f"{code}: {message}" if message and message != code else code
        if code == "NoSuchBucket" or (status == 404 and error.operation_name == "HeadBucket"):
            return NotFoundError(f"there is no bucket {self.bucket!r}", hint=f"aws s3 mb s3://{self.bucket} makes one")
        where = f"S3 ({error.operation_name} in the bucket {self.bucket!r})"
        # The answer to HEAD has no body: 400 is all that it says of keys that have expired.
        if status in (401, 403) or code in _BAD_KEYS or (status == 400 and error.operation_name.startswith("Head")):
            hint = "'aws sts get-caller-identity' tells whose keys these are; AWS_PROFILE names others"
            return LoginError(f"{where} refuses these keys ({said})", hint)
        if status == 404:
            return NotFoundError(f"{where} does not have it ({said})")
        if code in ("BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch"):
            return IntegrityError(f"{where} got other bytes than were sent ({said})")
        if status in (408, 429) or status >= 500:
            return NetworkError(f"{where} gave up ({said})")
        return HCAError(f"{where} refuses the request ({said}, HTTP {status})")


_BAD_KEYS = frozenset(
    {"ExpiredToken", "InvalidToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "TokenRefreshRequired"}
)


def _client(policy: Policy, connections: int) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=policy.connect_timeout,
        read_timeout=policy.read_timeout,
        retries={"mode": "standard", "total_max_attempts": max(1, int(policy.tries))},
        max_pool_connections=connections,
        user_agent_extra=f"hca/{__version__}",
        # Every request carries the MD5 of its body and every ETag is compared with it, so no bytes go wrong unnoticed.
        # What boto3 would add, more checksums and over http a signature of the body, costs a third of the time.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"payload_signing_enabled": False},
    )
    session = boto3.session.Session()
    if session.get_credentials() is None:
        hint = "aws configure, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        raise LoginError("there are no keys for the staging bucket (AWS credentials)", hint)
    client = session.client("s3", config=config)
    client.meta.events.register("before-sign.s3", _send_at_once)
    return client


def _send_at_once(request: Any, **_: Any) -> None:
    """Send small bodies without asking for leave (Expect: 100-continue), which takes longer than sending them."""
    if not isinstance(request.data, Body):
        del request.headers["Expect"]


def _failure(error: Exception) -> HCAError:
    """Return the error for what boto3 could not even ask, or got no answer to."""
    from botocore import exceptions

    text = " ".join(str(error).split())[:300].rstrip(".")
    if isinstance(error, (exceptions.NoRegionError, exceptions.InvalidRegionError)):
        return ConfigError(f"S3 can't be asked: {text}", hint="set AWS_DEFAULT_REGION, or region in ~/.aws/config")
    keys = (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.CredentialRetrievalError,
        exceptions.UnauthorizedSSOTokenError,
        exceptions.TokenRetrievalError,
        exceptions.SSOTokenLoadError,
    )
    if isinstance(error, keys):
        return LoginError(
            f"the keys for the staging bucket can't be had: {text}", hint="aws configure, or aws sso login"
        )
    if isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError)):
        return NetworkError(
            f"S3 can't be reached: {text}", hint="check the network, and AWS_ENDPOINT_URL_S3 if it is set"
        )
    return ConfigError(f"S3 can't be asked: {text}", hint="check ~/.aws/config and the AWS_ variables")


def _checked(answer: Mapping[str, Any], expected: str, what: str) -> str:
    """Return the ETag that S3 answered. Raises IntegrityError if it is not the `expected` one.

    Objects encrypted with keys of KMS or of the customer have ETags that say nothing about their content; there the
    MD5 that was sent along is all there is.
    """
    etag = str(answer.get("ETag", "")).strip('"')
    opaque = answer.get("ServerSideEncryption", "AES256") != "AES256" or "SSECustomerAlgorithm" in answer
    if etag != expected and not opaque:
        raise IntegrityError(f"{what}: expected the ETag {expected}, S3 has {etag or 'none'}")
    return etag
