"""Who sends a request: the checks of key, token, time and signature."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hca_local.s3 import signature
from hca_local.s3.errors import S3Error, access_denied

if TYPE_CHECKING:
    from hca_local.s3.keys import Key, KeyRing
    from hca_local.s3.request import Request
    from hca_local.s3.signature import Claim

_SKEW_SECONDS = 15 * 60


@dataclass(frozen=True)
class Caller:
    """Who sent a request, and how it was signed."""

    key: Key
    claim: Claim


def authenticate(request: Request, keys: KeyRing, now: float) -> Caller:
    """Return who sent `request`. Raises S3Error if that isn't proved."""
    claim = signature.claim(request)
    key = keys.find(claim.access_key_id)
    if key is None:
        raise _unknown_key(claim)
    _check_token(claim, key)
    if key.expires is not None and now >= key.expires:
        raise S3Error(400, "ExpiredToken", "The provided token has expired.")
    expected = signature.expected(request, claim, key.secret)
    if not hmac.compare_digest(expected.encode(), claim.signature.encode()):
        raise S3Error(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
            AWSAccessKeyId=claim.access_key_id,
        )
    _check_time(claim, now)
    return Caller(key, claim)


def _check_token(claim: Claim, key: Key) -> None:
    """Check the session token: the one of the key, or none if it has none. Raises S3Error."""
    if claim.token is None and key.session_token is not None:
        raise _unknown_key(claim)  # AWS too knows such a key only together with its token
    if not hmac.compare_digest((claim.token or "").encode(), (key.session_token or "").encode()):
        raise S3Error(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")


def _check_time(claim: Claim, now: float) -> None:
    """Check that the request was signed about now, or that its presigned URL is still good. Raises S3Error."""
    try:
        signed = datetime.strptime(claim.timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise access_denied("The date of the request is not valid") from None
    if claim.lifetime is None:
        if abs(now - signed) > _SKEW_SECONDS:
            raise S3Error(
                403, "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
                RequestTime=claim.timestamp, ServerTime=_iso(now), MaxAllowedSkewMilliseconds=_SKEW_SECONDS * 1000,
            )  # fmt: skip
    elif signed - now > _SKEW_SECONDS:
        raise access_denied("Request is not valid yet", ServerTime=_iso(now))
    elif now >= signed + claim.lifetime:
        raise access_denied(
            "Request has expired", Expires=_iso(signed + claim.lifetime), ServerTime=_iso(now),
        )  # fmt: skip


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _unknown_key(claim: Claim) -> S3Error:
    return S3Error(
        403,
        "InvalidAccessKeyId",
        "The AWS Access Key Id you provided does not exist in our records.",
        AWSAccessKeyId=claim.access_key_id,
    )
