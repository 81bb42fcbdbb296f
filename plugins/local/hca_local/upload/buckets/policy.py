"""What the keys of an area allow (contract §4): a policy document, which other servers get and our own evaluates."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hca_local.policies import evaluation
from hca_local.policies.context import context_of
from hca_local.policies.documents import VERSION, identity_policy
from hca_local.upload.buckets.values import NAME, SOURCES

if TYPE_CHECKING:
    from hca_local.policies.documents import Policy

_ARN = "arn:aws:s3:::"


def document(area: str) -> dict[str, Any]:
    """Return the policy of the keys of an area: they write and list there, and read the sources of copies.

    There is no s3:PutObjectAcl in it. The ACL bucket-owner-full-control, which clients send, needs none: see acl.py of
    the S3 server.
    """
    return {
        "Version": VERSION,
        "Statement": [
            _statement(["s3:PutObject", "s3:PutObjectTagging"], [f"{NAME}/{area}/*"]),
            {
                **_statement(["s3:ListBucket"], [NAME]),
                "Condition": {"StringEquals": {"s3:prefix": [f"{area}/"]}},
            },
            _statement(["s3:GetObject", "s3:GetObjectTagging"], [f"{bucket}/*" for bucket in SOURCES]),
            _statement(["s3:ListBucket"], list(SOURCES)),
        ],
    }


def of_role() -> dict[str, Any]:
    """Return the policy of the role that the keys are sessions of: what `document` says, for all areas."""
    return {
        "Version": VERSION,
        "Statement": [
            _statement(["s3:PutObject", "s3:PutObjectTagging"], [f"{NAME}/*"]),
            _statement(["s3:GetObject", "s3:GetObjectTagging"], [f"{bucket}/*" for bucket in SOURCES]),
            _statement(["s3:ListBucket"], [NAME, *SOURCES]),
        ],
    }


def _statement(actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": [_ARN + resource for resource in resources]}


def allows(area: str, action: str, bucket: str, key: str) -> bool:
    """Tell whether the keys of `area` may do `action`: see hca_local.s3.keys.Allows."""
    is_listing = action == "s3:ListBucket"  # the key is its prefix then
    context = context_of({"s3:prefix": key} if is_listing else {})
    resource = f"{_ARN}{bucket}" if is_listing or not key else f"{_ARN}{bucket}/{key}"
    request = evaluation.Request(action, resource, context)
    decision = evaluation.evaluate([evaluation.Source(area, "session", _policy(area))], request)
    return decision.outcome == evaluation.ALLOWED


@lru_cache(maxsize=256)
def _policy(area: str) -> Policy:
    return identity_policy(document(area))
