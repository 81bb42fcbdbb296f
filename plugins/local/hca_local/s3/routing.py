"""Which operation a request is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from hca_local.s3.answers import Answer
from hca_local.s3.call import Call
from hca_local.s3.errors import S3Error, not_implemented
from hca_local.s3.operations import acl, buckets, copying, listing, multipart, objects, tagging

if TYPE_CHECKING:
    from hca_local.s3.request import Request


class Operation(NamedTuple):
    """What a request does: the action that must be allowed (none if it checks that itself), and the doing."""

    action: str | None
    run: Callable[[Call], Awaitable[Answer]]


# Parameters that choose the operation; a request has one of them at most. Those that no route names are of
# operations which aren't there; all other parameters (`x-id` of newer clients, ...) choose nothing.
_CHOOSING = {
    "abac", "accelerate", "acl", "analytics", "append", "attributes", "cors", "delete", "encryption",
    "intelligent-tiering", "inventory", "legal-hold", "lifecycle", "location", "logging", "metadataConfiguration",
    "metadataTable", "metrics", "notification", "object-lock", "ownershipControls", "policy", "policyStatus",
    "publicAccessBlock", "renameObject", "replication", "requestPayment", "restore", "retention", "select", "session",
    "tagging", "torrent", "uploadId", "uploads", "versioning", "versions", "website",
}  # fmt: skip
_SERVICE, _BUCKET, _OBJECT = "service", "bucket", "object"
_COPY = "copy"
_ROUTES = {
    ("GET", _SERVICE, ""): Operation("s3:ListAllMyBuckets", buckets.list_all),
    ("PUT", _BUCKET, ""): Operation("s3:CreateBucket", buckets.create),
    ("HEAD", _BUCKET, ""): Operation("s3:ListBucket", buckets.head),
    ("DELETE", _BUCKET, ""): Operation("s3:DeleteBucket", buckets.delete),
    ("GET", _BUCKET, ""): Operation("s3:ListBucket", listing.version_1),
    ("GET", _BUCKET, "list-type"): Operation("s3:ListBucket", listing.version_2),
    ("GET", _BUCKET, "location"): Operation("s3:GetBucketLocation", buckets.location),
    ("GET", _BUCKET, "versioning"): Operation("s3:GetBucketVersioning", buckets.versioning),
    ("GET", _BUCKET, "acl"): Operation("s3:GetBucketAcl", acl.of_bucket),
    ("GET", _BUCKET, "uploads"): Operation("s3:ListBucketMultipartUploads", multipart.list_uploads),
    ("POST", _BUCKET, "delete"): Operation(None, objects.delete_many),
    ("GET", _OBJECT, ""): Operation("s3:GetObject", objects.get),
    ("HEAD", _OBJECT, ""): Operation("s3:GetObject", objects.get),
    ("PUT", _OBJECT, ""): Operation("s3:PutObject", objects.put),
    ("DELETE", _OBJECT, ""): Operation("s3:DeleteObject", objects.delete),
    ("PUT", _OBJECT, _COPY): Operation("s3:PutObject", copying.copy),
    ("GET", _OBJECT, "acl"): Operation("s3:GetObjectAcl", acl.of_object),
    ("GET", _OBJECT, "tagging"): Operation("s3:GetObjectTagging", tagging.get),
    ("PUT", _OBJECT, "tagging"): Operation("s3:PutObjectTagging", tagging.put),
    ("DELETE", _OBJECT, "tagging"): Operation("s3:DeleteObjectTagging", tagging.delete),
    ("POST", _OBJECT, "uploads"): Operation("s3:PutObject", multipart.create),
    ("PUT", _OBJECT, "uploadId"): Operation("s3:PutObject", multipart.put_part),
    ("PUT", _OBJECT, "uploadId" + _COPY): Operation("s3:PutObject", copying.copy_part),
    ("POST", _OBJECT, "uploadId"): Operation("s3:PutObject", multipart.complete),
    ("DELETE", _OBJECT, "uploadId"): Operation("s3:AbortMultipartUpload", multipart.abort),
    ("GET", _OBJECT, "uploadId"): Operation("s3:ListMultipartUploadParts", multipart.list_parts),
}


def find(request: Request) -> Operation:
    """Return the operation that `request` asks for. Raises S3Error if there is none."""
    level = _OBJECT if request.key else _BUCKET if request.bucket else _SERVICE
    choice = "".join(sorted(_CHOOSING & request.query.keys()))
    if level == _BUCKET and not choice and request.query.get("list-type") == "2":
        choice = "list-type"
    if level == _OBJECT and "x-amz-copy-source" in request.headers:
        choice += _COPY
    if request.query.get("versionId", "null") != "null":
        raise S3Error(404, "NoSuchVersion", "The specified version does not exist.", Key=request.key)
    operation = _ROUTES.get((request.method, level, choice))
    if operation is None:
        raise not_implemented(f"{request.method} of a {level}" + (f" with {choice}" if choice else ""))
    return operation
