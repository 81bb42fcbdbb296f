"""What requests say about an object, and what answers say about it again."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from hca_local.s3 import answers
from hca_local.s3.errors import S3Error, invalid_argument, not_implemented
from hca_local.s3.operations import acl, tagging
from hca_local.s3.store.objects import Condition, Description

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hca_local.s3.call import Call
    from hca_local.s3.store.objects import StoredObject

_STANDARD = ("cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires")
_METADATA = "x-amz-meta-"
_MOST_METADATA = 2048
_OVERRIDE = "response-"
# What a client must not believe to have got.
_REFUSED = (
    "x-amz-server-side-encryption",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-legal-hold",
    "x-amz-website-redirect-location",
    "x-amz-write-offset-bytes",
)


def given(call: Call) -> Description:
    """Return what a request says about the object that it brings. Raises S3Error, also if it may not say that."""
    headers = call.headers
    refused = [name for name in headers if name.startswith(_REFUSED)]
    if refused:
        raise not_implemented(f"the header {refused[0]}")
    acl.check(call)
    if headers.get("x-amz-tagging"):
        call.require("s3:PutObjectTagging", call.bucket, call.key)
    return Description(standard_headers(headers), metadata(headers), tags(headers))


def standard_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return those headers that are kept and come back as they were."""
    kept = {name: headers[name] for name in _STANDARD if headers.get(name)}
    # This one is about the request, not the object.
    encodings = [one.strip() for one in kept.pop("content-encoding", "").split(",")]
    encoding = ",".join(one for one in encodings if one and one != "aws-chunked")
    if encoding:
        kept["content-encoding"] = encoding
    return {"content-type": "binary/octet-stream", **kept}


def metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the client's own metadata by name. Raises S3Error if there is too much of it."""
    found = {name.removeprefix(_METADATA): value for name, value in headers.items() if name.startswith(_METADATA)}
    size = sum(len(name) + len(value) for name, value in found.items())
    if size > _MOST_METADATA:
        message = "Your metadata headers exceed the maximum allowed metadata size"
        raise S3Error(400, "MetadataTooLarge", message, Size=size, MaxSizeAllowed=_MOST_METADATA)
    return found


def tags(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the tags in the header for them. Raises S3Error."""
    text = headers.get("x-amz-tagging", "")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), errors="strict")
    except ValueError:
        message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters."
        raise invalid_argument("x-amz-tagging", text, message) from None
    return tagging.checked(pairs)


def condition(call: Call) -> Condition:
    """Return when the request wants its object to be written. Raises S3Error."""
    absent, etag = call.headers.get("if-none-match"), call.headers.get("if-match")
    if absent not in (None, "*"):
        raise not_implemented("If-None-Match with an ETag on a write")
    return Condition(absent is not None, etag.strip('"') if etag is not None else None)


def shown(found: StoredObject, call: Call) -> dict[str, str]:
    """Return the headers that tell about an object."""
    about = found.description
    headers = {
        "etag": found.quoted_etag,
        "last-modified": answers.http_date(found.modified),
        "accept-ranges": "bytes",
        **about.headers,
        **{_METADATA + name: value for name, value in about.metadata.items()},
    }
    if about.tags:
        headers["x-amz-tagging-count"] = str(len(about.tags))
    for name in _STANDARD:
        value = call.query.get(_OVERRIDE + name)
        if value is not None:
            headers[name] = value.encode().decode("latin-1")
    return headers


def checksum_headers(checksums: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that tell the checksums of an object."""
    headers = {f"x-amz-checksum-{name}": value for name, value in checksums.items()}
    if headers:
        is_composite = any("-" in value for value in checksums.values())
        headers["x-amz-checksum-type"] = "COMPOSITE" if is_composite else "FULL_OBJECT"
    return headers
