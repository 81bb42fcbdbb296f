"""The bucket with the areas on an S3 server that is not the deployment's own, by boto3; session keys are from its STS.

Such a server tells nobody of new objects: the upload service learns of them from its clients.
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import closing
from datetime import UTC
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

from hca_local.policies.documents import VERSION
from hca_local.staging.values import REGION
from hca_local.upload.buckets import policy
from hca_local.upload.buckets.values import NAME, Held, Keys, RefusedError, ReplacedError, UnusableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hca_local.store.blobs import Readable

T = TypeVar("T")
_ROLE = "hca-local-upload"
_SHORTEST_SESSION, _LONGEST_SESSION = 900, 12 * 3600
_DELETED_AT_ONCE = 1000
_NOT_FOUND, _PRECONDITION_FAILED, _FORBIDDEN = 404, 412, 403
# Such an answer is not about an object, but about whoever asks (401, 403) or about now (408, 409, 429).
_NOT_OF_OBJECTS = (401, _FORBIDDEN, 408, 409, 429)


class _AnswerError(Exception):
    """The server answers with an error: its status and its code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{code} (HTTP {status})")
        self.status = status


class RemoteBuckets:
    """The bucket on the S3 server at `endpoint`, with the credentials that boto3 finds for this process; see Buckets.

    STS and IAM are at the same URL, unless AWS_ENDPOINT_URL_STS and AWS_ENDPOINT_URL_IAM say otherwise.
    """

    name = NAME
    tells_of_objects = False

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Make the bucket if it is not there."""
        try:
            if self._asked("head_bucket", Bucket=NAME) is not None:
                return
            region = self._client("s3").meta.region_name
            # us-east-1 is where a bucket is without a constraint, and no value that a constraint may have.
            options = {} if region == REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            self._called("s3", "create_bucket", Bucket=NAME, **options)
        except _AnswerError as error:
            raise self._unusable(f"it refuses the bucket {NAME}: {error}") from error

    def find(self, key: str) -> Held | None:
        """Return the object `key`, None if there is none."""
        head = self._asked("head_object", Bucket=NAME, Key=key)
        tags = head and self._tags(key)
        if head is None or tags is None:
            return None
        modified = head["LastModified"].astimezone(UTC)
        content_type = head.get("ContentType", "")
        return Held(key, head["ContentLength"], _bare(head["ETag"]), content_type, modified, head["Metadata"], tags)

    def listed(self, prefix: str) -> Iterator[Held]:
        """Yield the objects below `prefix`: see Buckets."""
        more: dict[str, str] = {}
        while page := self._asked("list_objects_v2", Bucket=NAME, Prefix=prefix, **more):
            for one in page.get("Contents", ()):
                yield Held(one["Key"], one["Size"], _bare(one["ETag"]), "", one["LastModified"].astimezone(UTC))
            if not page["IsTruncated"]:
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def read(self, held: Held, take: Callable[[Readable], T]) -> T:
        """Return what `take` makes of the bytes of `held`: see Buckets."""
        from botocore.exceptions import BotoCoreError

        try:
            answer = self._asked("get_object", Bucket=NAME, Key=held.key, IfMatch=f'"{held.etag}"')
        except ReplacedError:
            answer = None
        if answer is None:
            raise ReplacedError(held.key)
        try:
            with closing(answer["Body"]) as body:
                return take(body)
        except BotoCoreError as error:
            raise self._unusable(str(error)) from error

    def tag(self, held: Held, tags: Mapping[str, str]) -> None:
        """Give `held` more tags: see Buckets.

        S3 has no condition for that, so it is looked at before and after; from what became another one they go again.
        """
        self._check_same(held)
        self._set_tags(held.key, {**(self._tags(held.key) or {}), **tags})
        try:
            self._check_same(held)
        except ReplacedError:
            found = self._tags(held.key) or {}
            others = {name: value for name, value in found.items() if tags.get(name) != value}
            if others != found:
                self._set_tags(held.key, others)
            raise

    def _tags(self, key: str) -> dict[str, str] | None:
        """Return the tags of the object `key`, None if there is none."""
        found = self._asked("get_object_tagging", Bucket=NAME, Key=key)
        return None if found is None else {tag["Key"]: tag["Value"] for tag in found["TagSet"]}

    def _set_tags(self, key: str, tags: Mapping[str, str]) -> None:
        """Replace the tags of the object `key`. Raises ReplacedError if there is none."""
        tag_set = [{"Key": name, "Value": value} for name, value in tags.items()]
        if self._asked("put_object_tagging", Bucket=NAME, Key=key, Tagging={"TagSet": tag_set}) is None:
            raise ReplacedError(key)

    def _check_same(self, held: Held) -> None:
        head = self._asked("head_object", Bucket=NAME, Key=held.key)
        if head is None or _bare(head["ETag"]) != held.etag:
            raise ReplacedError(held.key)

    def put(
        self, key: str, data: bytes, content_type: str, metadata: Mapping[str, str], tags: Mapping[str, str]
    ) -> Held:
        """Write an object and return it."""
        told = {"ContentType": content_type, "Metadata": dict(metadata), "Tagging": urlencode(tags, quote_via=quote)}
        etag = _bare((self._asked("put_object", Bucket=NAME, Key=key, Body=data, **told) or {}).get("ETag", ""))
        found = self.find(key)
        if found is None or found.etag != etag:
            raise self._unusable(f"the object {key!r} was not there after it was written")
        return found

    def empty(self, prefix: str, is_over: Callable[[], bool]) -> bool:
        """Remove all that is below `prefix`: see Buckets.

        The keys of the area can't be called back. With them somebody may write there until they expire.
        """
        while True:
            if is_over():
                return False
            # Uploads first, so that none of them becomes an object behind the look at these.
            pending = (self._asked("list_multipart_uploads", Bucket=NAME, Prefix=prefix) or {}).get("Uploads", [])
            for one in pending:
                self._asked("abort_multipart_upload", Bucket=NAME, Key=one["Key"], UploadId=one["UploadId"])
            page = self._asked("list_objects_v2", Bucket=NAME, Prefix=prefix, MaxKeys=_DELETED_AT_ONCE) or {}
            keys = [{"Key": one["Key"]} for one in page.get("Contents", ())]
            if keys:
                self._delete(keys)
            if not pending and not keys:
                return True

    def _delete(self, keys: list[dict[str, str]]) -> None:
        told = self._asked("delete_objects", Bucket=NAME, Delete={"Objects": keys, "Quiet": True}) or {}
        for failed in told.get("Errors", ()):
            raise self._unusable(f"it doesn't delete {failed.get('Key')!r}: {failed.get('Code')}")

    def issue(self, area: str, seconds: int) -> Keys:
        """Return new credentials for the area `area`. They are good for `seconds` as far as STS allows that."""
        try:
            told = self._called(
                "sts",
                "assume_role",
                RoleArn=self._role(),
                RoleSessionName=area,
                Policy=_compact(policy.document(area)),
                DurationSeconds=min(max(seconds, _SHORTEST_SESSION), _LONGEST_SESSION),
            )["Credentials"]
        except _AnswerError as error:
            raise self._unusable(
                f"it gives no keys for areas: {error}. They need STS (AssumeRole) and IAM (the role {_ROLE!r}, "
                "made if it isn't there); set AWS_ENDPOINT_URL_STS and AWS_ENDPOINT_URL_IAM if these are elsewhere"
            ) from error
        expires = told["Expiration"].timestamp()
        return Keys(told["AccessKeyId"], told["SecretAccessKey"], told["SessionToken"], expires)

    def _role(self) -> str:
        """Return the ARN of the role that the keys are sessions of; it is made if it is not there."""
        try:
            role = self._called("iam", "get_role", RoleName=_ROLE)["Role"]
        except _AnswerError as error:
            if error.status != _NOT_FOUND:
                raise
            role = self._called(
                "iam", "create_role", RoleName=_ROLE, AssumeRolePolicyDocument=_compact(self._trust()),
                MaxSessionDuration=_LONGEST_SESSION,
            )["Role"]  # fmt: skip
        try:
            self._called(
                "iam", "put_role_policy", RoleName=_ROLE, PolicyName=_ROLE, PolicyDocument=_compact(policy.of_role())
            )  # fmt: skip
        except _AnswerError as error:
            if error.status != _FORBIDDEN:  # then somebody else has made the role, and says what it may do
                raise
        arn: str = role["Arn"]
        return arn

    def _trust(self) -> dict[str, Any]:
        """Return the policy that lets the account of this process, and nobody else, assume the role."""
        try:
            account = self._called("sts", "get_caller_identity")["Account"]
            who = f"arn:aws:iam::{account}:root"
        except _AnswerError:  # Ceph doesn't tell; its users are who buckets belong to
            owner = self._called("s3", "list_buckets")["Owner"]["ID"]
            who = f"arn:aws:iam:::user/{owner}"
        allowed = {"Effect": "Allow", "Principal": {"AWS": [who]}, "Action": ["sts:AssumeRole"]}
        return {"Version": VERSION, "Statement": [allowed]}

    def _asked(self, method: str, **settings: Any) -> Any:
        """Return what S3 answers, None if there is no such thing. Raises ReplacedError, RefusedError, UnusableError."""
        try:
            return self._called("s3", method, **settings)
        except _AnswerError as error:
            if error.status == _NOT_FOUND:
                return None
            if error.status == _PRECONDITION_FAILED:
                raise ReplacedError(settings.get("Key")) from error
            if "Key" in settings and self._is_of_object(error):
                raise RefusedError(f"The S3 server refuses {settings['Key']!r}: {error} to {method}.") from error
            raise self._unusable(f"it answers {error} to {method}") from error

    def _is_of_object(self, error: _AnswerError) -> bool:
        """Tell whether `error` is about the object that was asked for: the bucket can be used with the same keys.

        The code does not always tell: HEAD has none, and keys that have expired are answered with 400 too.
        """
        if not 400 <= error.status < 500 or error.status in _NOT_OF_OBJECTS:
            return False
        try:
            self._called("s3", "head_bucket", Bucket=NAME)
        except (_AnswerError, UnusableError):
            return False
        return True

    def _called(self, service: str, method: str, **settings: Any) -> Any:
        """Return what the server answers. Raises _AnswerError, UnusableError."""
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            return getattr(self._client(service), method)(**settings)
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            raise _AnswerError(status, error.response.get("Error", {}).get("Code", "")) from error
        except (BotoCoreError, ResponseParserError) as error:
            raise self._unusable(str(error)) from error

    def _client(self, service: str) -> Any:
        """Return the client of `service`, which is made at its first use: boto3 takes a third of a second."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._new_client(service)
            return self._clients[service]

    def _new_client(self, service: str) -> Any:
        import boto3
        from botocore.config import Config

        options: dict[str, Any] = {"retries": {"mode": "standard", "total_max_attempts": 3}}
        if service == "s3":
            options |= {
                "signature_version": "s3v4",
                "s3": {"addressing_style": "path"},
                "request_checksum_calculation": "when_required",
                "response_checksum_validation": "when_required",
            }
        endpoint = os.environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") if service != "s3" else None
        session = boto3.session.Session()
        return session.client(
            service, region_name=session.region_name or REGION, endpoint_url=endpoint or self._endpoint,
            config=Config(**options),
        )  # fmt: skip

    def _unusable(self, why: str) -> UnusableError:
        return UnusableError(f"The S3 server at {self._endpoint} can't be used: {why}.")


def _compact(document: Mapping[str, Any]) -> str:
    """Return a document without spaces: Ceph takes no other, and AWS counts its characters."""
    return json.dumps(document, separators=(",", ":"))


def _bare(etag: str) -> str:
    return etag.strip('"')
