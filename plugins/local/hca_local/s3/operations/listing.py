"""The listings of objects, in the two versions that S3 has."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote

from hca_local.s3 import answers
from hca_local.s3.errors import invalid_argument
from hca_local.s3.operations.buckets import OWNER
from hca_local.s3.store import buckets, listing

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_local.s3.answers import Answer
    from hca_local.s3.call import Call
    from hca_local.s3.store.listing import Entry, Page
    from hca_local.s3.xml import Node

_LARGEST_PAGE = 1000


async def version_1(call: Call) -> Answer:
    """ListObjects."""
    marker = call.query.get("marker", "")
    page, limit = _page(call, marker)
    encoded = encoder(call)
    head: list[Node] = [("Marker", encoded(marker))]
    # S3 tells the next marker only where the client can't know it: a common prefix may be the last on the page.
    if page.last is not None and call.query.get("delimiter"):
        head.append(("NextMarker", encoded(page.last)))
    return answers.document("ListBucketResult", [*_common(call, page, limit), *head, *_items(page, encoded, True)])


async def version_2(call: Call) -> Answer:
    """ListObjectsV2."""
    token, start_after = call.query.get("continuation-token"), call.query.get("start-after", "")
    page, limit = _page(call, start_after if token is None else _position(token))
    encoded = encoder(call)
    head: list[Node] = [("KeyCount", len(page.entries) + len(page.prefixes))]
    if token is not None:
        head.append(("ContinuationToken", token))
    if start_after:
        head.append(("StartAfter", encoded(start_after)))
    if page.last is not None:
        head.append(("NextContinuationToken", urlsafe_b64encode(page.last.encode()).decode()))
    with_owner = call.query.get("fetch-owner") == "true"
    items = _items(page, encoded, with_owner)
    return answers.document("ListBucketResult", [*_common(call, page, limit), *head, *items])


def encoder(call: Call) -> Callable[[str], str]:
    """Return what writes keys as the request wants them: encoded like parts of a URL, or as they are."""
    kind = call.query.get("encoding-type")
    if kind is None:
        return str
    if kind.lower() != "url":
        raise invalid_argument("encoding-type", kind, "Invalid Encoding Method specified in Request")
    return quote


def _page(call: Call, after: str) -> tuple[Page, int]:
    buckets.region(call.store.records, call.bucket)
    limit = call.number("max-keys", _LARGEST_PAGE, _LARGEST_PAGE)
    if not limit:
        return listing.Page(), 0
    prefix, delimiter = call.query.get("prefix", ""), call.query.get("delimiter", "")
    return listing.page(call.store.records, listing.Wanted(call.bucket, prefix, delimiter, after, limit)), limit


def _common(call: Call, page: Page, limit: int) -> list[Node]:
    """Return the elements that both versions begin with."""
    encoded = encoder(call)
    head: list[Node] = [("Name", call.bucket), ("Prefix", encoded(call.query.get("prefix", ""))), ("MaxKeys", limit)]
    if call.query.get("delimiter"):
        head.append(("Delimiter", encoded(call.query["delimiter"])))
    if "encoding-type" in call.query:
        head.append(("EncodingType", "url"))
    return [*head, ("IsTruncated", "true" if page.last is not None else "false")]


def _items(page: Page, encoded: Callable[[str], str], with_owner: bool) -> list[Node]:
    found: list[Node] = [("Contents", _entry(entry, encoded, with_owner)) for entry in page.entries]
    return [*found, *(("CommonPrefixes", [("Prefix", encoded(prefix))]) for prefix in page.prefixes)]


def _entry(entry: Entry, encoded: Callable[[str], str], with_owner: bool) -> list[Node]:
    return [
        ("Key", encoded(entry.key)),
        ("LastModified", answers.xml_date(entry.modified)),
        ("ETag", f'"{entry.etag}"'),
        ("Size", entry.size),
        *([OWNER] if with_owner else []),
        ("StorageClass", "STANDARD"),
    ]


def _position(token: str) -> str:
    """Return what the page comes behind, from the token that an earlier page gave. Raises S3Error."""
    try:
        return urlsafe_b64decode(token).decode()
    except (binascii.Error, ValueError):
        raise invalid_argument("continuation-token", token, "The continuation token provided is incorrect") from None
