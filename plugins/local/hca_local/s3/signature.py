"""AWS Signature Version 4: what a request claims about its signer, and the signature that it should have."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from hca_local.s3.errors import S3Error, access_denied, invalid_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_local.s3.request import Request

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_SIGNATURE_PARAMETER = "X-Amz-Signature"
_FIELD = re.compile(r"\s*(Credential|SignedHeaders|Signature)\s*=\s*([^,\s]*)\s*", re.ASCII)
_TIMESTAMP = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_LONGEST_EXPIRY = 7 * 24 * 3600


@dataclass(frozen=True)
class Claim:
    """What a request says about its signature.

    `scope` is `<date>/<region>/s3/aws4_request`; `payload` stands for the body in the signature; `lifetime` are the
    seconds for which a presigned URL is good, None if the signature is in a header.
    """

    access_key_id: str
    scope: str
    timestamp: str
    signed_headers: tuple[str, ...]
    signature: str
    payload: str
    token: str | None
    lifetime: int | None


def claim(request: Request) -> Claim:
    """Return what `request` claims. Raises S3Error if it is unsigned, or signed in a way that isn't understood."""
    query, headers = request.query, request.headers
    in_query = "X-Amz-Algorithm" in query or _SIGNATURE_PARAMETER in query
    if in_query and "authorization" in headers:
        raise invalid_request("Only one auth mechanism allowed; use either the query parameters or a header.")
    if in_query:
        return _of_query(request)
    if "authorization" in headers:
        return _of_header(request)
    if "Signature" in query and "AWSAccessKeyId" in query:
        raise _unsupported()
    raise access_denied()


def expected(request: Request, claimed: Claim, secret: str) -> str:
    """Return the signature that `request` has if `secret` signed it."""
    canonical = hashlib.sha256(_canonical_request(request, claimed)).hexdigest()
    text = f"{ALGORITHM}\n{claimed.timestamp}\n{claimed.scope}\n{canonical}"
    return sign(signing_key(claimed, secret), text)


def signing_key(claimed: Claim, secret: str) -> bytes:
    """Return the key that is made of `secret` for the scope of `claimed`."""
    key = f"AWS4{secret}".encode()
    for part in claimed.scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def sign(key: bytes, text: str) -> str:
    """Return the signature of `text`."""
    return hmac.digest(key, text.encode(), "sha256").hex()


def _of_header(request: Request) -> Claim:
    algorithm, _, rest = request.headers["authorization"].partition(" ")
    if algorithm != ALGORITHM:
        raise _unsupported()
    fields = {match[1]: match[2] for part in rest.split(",") if (match := _FIELD.fullmatch(part))}
    if len(fields) != 3:
        raise _malformed("It needs Credential, SignedHeaders and Signature.")
    access_key_id, scope = _credential(fields["Credential"], _malformed)
    timestamp = request.headers.get("x-amz-date", "")
    if not _TIMESTAMP.fullmatch(timestamp):
        raise access_denied("AWS authentication requires a valid x-amz-date header")
    payload = request.headers.get("x-amz-content-sha256")
    if payload is None:
        raise invalid_request("Missing required header for this request: x-amz-content-sha256")
    return _checked(
        request,
        Claim(
            access_key_id, scope, timestamp, tuple(fields["SignedHeaders"].split(";")), fields["Signature"], payload,
            request.headers.get("x-amz-security-token"), None,
        ),
        _malformed,
    )  # fmt: skip


def _of_query(request: Request) -> Claim:
    query = request.query
    needed = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders")
    missing = [name for name in (*needed, _SIGNATURE_PARAMETER) if name not in query]
    if missing or query["X-Amz-Algorithm"] != ALGORITHM:
        raise _wrong_query(f"Query-string authentication needs {', '.join(missing) or 'the algorithm ' + ALGORITHM}.")
    access_key_id, scope = _credential(query["X-Amz-Credential"], _wrong_query)
    lifetime = query["X-Amz-Expires"]
    if not (lifetime.isascii() and lifetime.isdecimal() and len(lifetime) < 8):
        raise _wrong_query("X-Amz-Expires should be a number of seconds.")
    if int(lifetime) > _LONGEST_EXPIRY:
        raise _wrong_query(f"X-Amz-Expires must be less than a week (in seconds); that is {_LONGEST_EXPIRY}.")
    if not _TIMESTAMP.fullmatch(query["X-Amz-Date"]):
        raise _wrong_query("X-Amz-Date must be in the ISO8601 Long Format yyyyMMdd'T'HHmmss'Z'.")
    return _checked(
        request,
        Claim(
            access_key_id, scope, query["X-Amz-Date"], tuple(query["X-Amz-SignedHeaders"].split(";")),
            query[_SIGNATURE_PARAMETER], request.headers.get("x-amz-content-sha256", UNSIGNED_PAYLOAD),
            query.get("X-Amz-Security-Token"), int(lifetime),
        ),
        _wrong_query,
    )  # fmt: skip


def _credential(text: str, error: Callable[[str], S3Error]) -> tuple[str, str]:
    """Return the access key id and the scope in a credential. Any region will do: this server is in all of them."""
    access_key_id, _, scope = text.partition("/")
    parts = scope.split("/")
    if len(parts) != 4 or parts[2:] != ["s3", "aws4_request"]:
        raise error("The Credential must be <id>/<YYYYMMDD>/<region>/s3/aws4_request.")
    return access_key_id, scope


def _checked(request: Request, claimed: Claim, error: Callable[[str], S3Error]) -> Claim:
    """Return `claimed` if all of the request is signed that must be. Raises S3Error."""
    if claimed.timestamp[:8] != claimed.scope[:8]:
        raise error("The date in the Credential is not the date of the request.")
    if "host" not in claimed.signed_headers:
        raise error("The Host header must be signed.")
    unsigned = [
        name
        for name in request.headers
        if name.startswith("x-amz-") and name not in claimed.signed_headers and name != "x-amz-content-sha256"
    ]
    if unsigned:
        raise access_denied(
            "There were headers present in the request which were not signed", HeadersNotSigned=", ".join(unsigned)
        )
    return claimed


def _canonical_request(request: Request, claimed: Claim) -> bytes:
    pairs = sorted((_quoted(name), _quoted(value)) for name, value in request.pairs if name != _SIGNATURE_PARAMETER)
    head = [request.method, quote(request.path, safe="/-_.~"), "&".join(f"{name}={value}" for name, value in pairs)]
    headers = b"".join(_canonical_header(request, name) for name in claimed.signed_headers)
    tail = [";".join(claimed.signed_headers), claimed.payload]
    return b"\n".join(["\n".join(head).encode(), headers, "\n".join(tail).encode("latin-1")])


def _canonical_header(request: Request, name: str) -> bytes:
    wanted = name.encode("latin-1")
    values = (b" ".join(value.split()) for header, value in request.raw_headers if header == wanted)
    return wanted + b":" + b",".join(values) + b"\n"


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")


def _malformed(message: str) -> S3Error:
    return S3Error(400, "AuthorizationHeaderMalformed", f"The authorization header is malformed. {message}")


def _wrong_query(message: str) -> S3Error:
    return S3Error(400, "AuthorizationQueryParametersError", message)


def _unsupported() -> S3Error:
    return invalid_request(f"The authorization mechanism you have provided is not supported. Please use {ALGORITHM}.")
