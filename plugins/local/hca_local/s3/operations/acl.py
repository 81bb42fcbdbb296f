"""Access control lists. There are none here: who has the key of the deployment is the owner of everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_local.s3.answers import Answer
from hca_local.s3.store import buckets, objects
from hca_local.s3.xml import NAMESPACE

if TYPE_CHECKING:
    from hca_local.s3.call import Call

# Those that give nobody but the owner anything. A request may bring them without s3:PutObjectAcl, as at AWS: there too
# they change nothing where the bucket owner owns all objects.
_OWNERS = ("", "private", "bucket-owner-full-control")
_GRANT = "x-amz-grant-"
# The writer of documents has no attributes; this is the one place that needs one, and nothing in it changes.
_DOCUMENT = f"""<?xml version="1.0" encoding="UTF-8"?>
<AccessControlPolicy xmlns="{NAMESPACE}"><Owner><ID>hca-local</ID><DisplayName>hca-local</DisplayName></Owner>\
<AccessControlList><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">\
<ID>hca-local</ID><DisplayName>hca-local</DisplayName></Grantee><Permission>FULL_CONTROL</Permission></Grant>\
</AccessControlList></AccessControlPolicy>"""


async def of_bucket(call: Call) -> Answer:
    """GetBucketAcl."""
    buckets.region(call.store.records, call.bucket)
    return _answer()


async def of_object(call: Call) -> Answer:
    """GetObjectAcl."""
    objects.find(call.store.records, call.bucket, call.key)
    return _answer()


def check(call: Call) -> None:
    """Check that the sender may give the object that it brings the ACL of the request. Raises S3Error."""
    grants = any(name.startswith(_GRANT) for name in call.headers)
    if grants or call.headers.get("x-amz-acl", "") not in _OWNERS:
        call.require("s3:PutObjectAcl", call.bucket, call.key)


def _answer() -> Answer:
    return Answer(200, {"content-type": "application/xml"}, _DOCUMENT.encode())
