"""The bucket that files are staged in on their way to the service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hca_core.errors import UsageError
from hca_core.s3.bucket import Bucket
from hca_core.s3.connecting import connect
from hca_core.s3.telling import Words

if TYPE_CHECKING:
    from hca_core.http import Policy

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")


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


def opened(bucket: str, policy: Policy, connections: int) -> Bucket:
    """Return a bucket, with the keys, endpoint and region that boto3 finds. Raises HCAError."""
    words = Words(
        what=f"staging bucket {bucket!r}",
        refused="'aws sts get-caller-identity' tells whose keys these are; AWS_PROFILE names others",
        missing=f"aws s3 mb s3://{bucket} makes one",
    )
    return Bucket(bucket, connect(policy, connections, words), words)
