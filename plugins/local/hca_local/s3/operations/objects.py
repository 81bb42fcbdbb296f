"""The operations on objects, but for copying."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_local.objects import conditions
from hca_local.s3 import answers, bodies
from hca_local.s3.answers import Answer, Bytes
from hca_local.s3.call import now
from hca_local.s3.errors import S3Error, invalid_request, malformed_xml, precondition_failed
from hca_local.s3.operations import descriptions
from hca_local.s3.store import buckets, objects
from hca_local.s3.store.objects import Content, Segment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hca_local.s3.call import Call
    from hca_local.s3.store.objects import Condition, Description, StoredObject
    from hca_local.s3.xml import Node

_MOST_DELETED = 1000


async def keep(call: Call, description: Description, content: Content, condition: Condition) -> None:
    """Write the object of a request, whose bytes are in place; they go again if it can't be. Raises S3Error.

    The sender must still be allowed to: the bytes may have taken long to come, and its key may be gone by now.
    """
    try:
        call.require("s3:PutObject", call.bucket, call.key)
        removed = await call.store.write(
            lambda connection: objects.put(
                connection, call.bucket, call.key, description, content, condition, now()
            )
        )  # fmt: skip
    except Exception:
        await call.store.discard([], [segment.file for segment in content.segments])
        raise
    call.created(call.bucket, call.key)
    await call.store.discard([removed])


async def put(call: Call) -> Answer:
    """PutObject."""
    buckets.region(call.store.records, call.bucket)
    description, condition = descriptions.given(call), descriptions.condition(call)
    wanted = bodies.declared(call.request, call.caller)
    require_length(wanted)
    file, received = await bodies.to_file(wanted, call.receive, call.store)
    content = Content((Segment(file, received.size),), received.md5, received.checksums)
    await keep(call, description, content, condition)
    return Answer(200, {"etag": f'"{content.etag}"', **descriptions.checksum_headers(content.checksums)})


def require_length(wanted: bodies.Declared) -> None:
    """Check that a request says how long its body is. Raises S3Error."""
    if wanted.size is None:
        raise S3Error(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")


async def get(call: Call) -> Answer:
    """GetObject and HeadObject."""
    found = objects.find(call.store.records, call.bucket, call.key)
    status = conditions.precondition(call.headers, found.quoted_etag, found.modified)
    if status == 412:
        raise precondition_failed("If-Match" if "if-match" in call.headers else "If-Unmodified-Since")
    headers = descriptions.shown(found, call)
    if status == 304:
        return Answer(304, {name: headers[name] for name in ("etag", "last-modified")})
    segments = objects.segments(call.store.records, found.number)
    chosen = _selection(call, found, segments)
    if "partNumber" in call.query and "-" in found.etag:
        headers["x-amz-mp-parts-count"] = str(len(segments))
    if chosen is None and call.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
        headers |= descriptions.checksum_headers(found.checksums)
    start, end = chosen or (0, found.size)
    headers["content-length"] = str(end - start)
    if chosen is not None:
        headers["content-range"] = f"bytes {start}-{end - 1}/{found.size}"
    stream = Bytes(list(objects.stretches(segments, start, end)), call.store.files.being_read(found.number))
    return Answer(200 if chosen is None else 206, headers, stream=stream)


def _selection(call: Call, found: StoredObject, segments: Sequence[Segment]) -> tuple[int, int] | None:
    """Return first byte and byte after the last that are wanted, None for all. Raises S3Error."""
    wanted = call.headers.get("range")
    if "partNumber" in call.query:
        if wanted is not None:
            raise invalid_request("Cannot specify both Range header and partNumber query parameter")
        return _part(call, found, segments)
    if not conditions.range_applies(call.headers, found.quoted_etag, found.modified):
        return None
    try:
        return conditions.byte_range(wanted, found.size)
    except conditions.UnsatisfiableError:
        raise S3Error(
            416, "InvalidRange", "The requested range is not satisfiable",
            RangeRequested=wanted, ActualObjectSize=found.size,
        ) from None  # fmt: skip


def _part(call: Call, found: StoredObject, segments: Sequence[Segment]) -> tuple[int, int] | None:
    """Return the bytes of the part that is wanted; an object that wasn't uploaded in parts is one. Raises S3Error."""
    number = call.number("partNumber", 0, 10_000)
    sizes = [segment.size for segment in segments] if "-" in found.etag else [found.size]
    if not 1 <= number <= len(sizes):
        raise S3Error(416, "InvalidPartNumber", "The requested partnumber is not satisfiable")
    start = sum(sizes[: number - 1])
    return (start, start + sizes[number - 1]) if found.size else None


async def delete(call: Call) -> Answer:
    """DeleteObject. One that isn't there is as good as deleted."""
    removed = await call.store.write(lambda connection: objects.delete_many(connection, call.bucket, [call.key]))
    await call.store.discard(removed)
    return Answer(204)


async def delete_many(call: Call) -> Answer:
    """DeleteObjects."""
    root = await call.document("Delete")
    keys = [element.find("Key") or "" for element in root.all("Object")]
    if not 0 < len(keys) <= _MOST_DELETED or "" in keys:
        raise malformed_xml()
    buckets.region(call.store.records, call.bucket)
    allowed = [key for key in keys if call.caller.key.allows("s3:DeleteObject", call.bucket, key)]
    removed = await call.store.write(lambda connection: objects.delete_many(connection, call.bucket, allowed))
    await call.store.discard(removed)
    results: list[Node] = [
        ("Error", [("Key", key), ("Code", "AccessDenied"), ("Message", "Access Denied")])
        for key in keys
        if key not in set(allowed)
    ]
    if root.find("Quiet") != "true":
        results += [("Deleted", [("Key", key)]) for key in allowed]
    return answers.document("DeleteResult", results)
