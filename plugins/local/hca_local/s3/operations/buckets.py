"""The operations on buckets as such."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_local.s3 import answers, names, xml
from hca_local.s3.answers import Answer
from hca_local.s3.call import now
from hca_local.s3.errors import S3Error
from hca_local.s3.store import buckets

if TYPE_CHECKING:
    from hca_local.s3.call import Call
    from hca_local.s3.xml import Node

OWNER: Node = ("Owner", [("ID", "hca-local"), ("DisplayName", "hca-local")])


async def list_all(call: Call) -> Answer:
    """ListBuckets."""
    found: list[Node] = [
        ("Bucket", [("Name", name), ("CreationDate", answers.xml_date(created))])
        for name, created in buckets.all_of_them(call.store.records)
    ]
    return answers.document("ListAllMyBucketsResult", [OWNER, ("Buckets", found)])


async def create(call: Call) -> Answer:
    """CreateBucket."""
    body = await call.body()
    region = xml.read(body, "CreateBucketConfiguration").find("LocationConstraint") if body.strip() else None
    if not names.is_bucket_name(call.bucket):
        raise S3Error(400, "InvalidBucketName", "The specified bucket is not valid.", BucketName=call.bucket)
    await call.store.write(
        lambda connection: buckets.create(connection, call.bucket, region or buckets.US_EAST_1, now())
    )
    return Answer(200, {"location": f"/{call.bucket}"})


async def head(call: Call) -> Answer:
    """HeadBucket."""
    return Answer(200, {"x-amz-bucket-region": buckets.region(call.store.records, call.bucket)})


async def delete(call: Call) -> Answer:
    """DeleteBucket."""
    files = await call.store.write(lambda connection: buckets.delete(connection, call.bucket))
    await call.store.discard([], files)
    return Answer(204)


async def location(call: Call) -> Answer:
    """GetBucketLocation. For us-east-1 S3 says nothing."""
    region = buckets.region(call.store.records, call.bucket)
    told = "" if region == buckets.US_EAST_1 else region
    return answers.document("LocationConstraint", told)


async def versioning(call: Call) -> Answer:
    """GetBucketVersioning: it never was on."""
    buckets.region(call.store.records, call.bucket)
    return answers.document("VersioningConfiguration", [])
