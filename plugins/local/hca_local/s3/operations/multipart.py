"""Multipart uploads. Each part is a file of its own, and stays one when the parts become an object."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from hca_local.s3 import answers, bodies, digests
from hca_local.s3.answers import Answer
from hca_local.s3.call import now
from hca_local.s3.errors import S3Error, invalid_argument, invalid_request, malformed_xml
from hca_local.s3.operations import descriptions
from hca_local.s3.operations.buckets import OWNER
from hca_local.s3.operations.listing import encoder
from hca_local.s3.operations.objects import require_length
from hca_local.s3.store import buckets, listing, objects, uploads
from hca_local.s3.store.objects import Content, Segment
from hca_local.s3.store.uploads import Part, Upload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hca_local.s3.bodies import Received
    from hca_local.s3.call import Call
    from hca_local.s3.xml import Element, Node

_MOST_PARTS = 10_000
_SMALLEST_PART = 5 * 1024**2
_LARGEST_PAGE = 1000
_NO_SUCH_UPLOAD = "NoSuchUpload"
_COMPOSITE, _FULL_OBJECT = "COMPOSITE", "FULL_OBJECT"


async def create(call: Call) -> Answer:
    """CreateMultipartUpload."""
    algorithm = call.headers.get("x-amz-checksum-algorithm", "").lower() or None
    if algorithm:
        bodies.check_algorithm(algorithm)
    upload = Upload(
        secrets.token_urlsafe(24), call.bucket, call.key, now(), descriptions.given(call), algorithm,
        _checksum_type(call, algorithm),
    )  # fmt: skip
    await call.store.write(lambda connection: uploads.create(connection, upload))
    headers = {}
    if upload.algorithm and upload.checksum_type:
        headers = {
            "x-amz-checksum-algorithm": upload.algorithm.upper(),
            "x-amz-checksum-type": upload.checksum_type,
        }
    content = [("Bucket", call.bucket), ("Key", call.key), ("UploadId", upload.id)]
    return answers.document("InitiateMultipartUploadResult", content, headers)


def _checksum_type(call: Call, algorithm: str | None) -> str | None:
    kind = call.headers.get("x-amz-checksum-type", "").upper()
    if algorithm is None:
        if kind:
            raise invalid_request("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm.")
        return None
    if kind not in ("", _COMPOSITE, _FULL_OBJECT):
        raise invalid_request("Value for x-amz-checksum-type header is invalid.")
    if kind == _FULL_OBJECT and algorithm.startswith("sha"):
        raise invalid_request(f"The FULL_OBJECT checksum type cannot be used with the {algorithm} checksum algorithm.")
    return kind or _COMPOSITE


async def put_part(call: Call) -> Answer:
    """UploadPart."""
    upload, number = find_upload(call), part_number(call)
    wanted = bodies.declared(call.request, call.caller, algorithm=upload.algorithm)
    require_length(wanted)
    file, received = await bodies.to_file(wanted, call.receive, call.store)
    await keep_part(call, upload, number, file, received)
    return Answer(200, {"etag": f'"{received.md5}"', **_checksum_headers(received)})


def _checksum_headers(received: Received) -> dict[str, str]:
    return {f"x-amz-checksum-{name}": value for name, value in received.checksums.items()}


def find_upload(call: Call) -> Upload:
    """Return the upload that the request names. Raises S3Error."""
    return uploads.find(call.store.records, call.bucket, call.key, call.query["uploadId"])


def part_number(call: Call) -> int:
    """Return the number of the part that the request brings. Raises S3Error."""
    text = call.query.get("partNumber", "")
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= _MOST_PARTS):
        message = f"Part number must be an integer between 1 and {_MOST_PARTS}, inclusive"
        raise invalid_argument("partNumber", text, message)
    return int(text)


async def keep_part(call: Call, upload: Upload, number: int, file: str, received: Received) -> Part:
    """Make the bytes in `file` a part of `upload`. Raises S3Error."""
    part = Part(number, file, received.size, received.md5, now(), received.checksums)
    try:
        replaced = await call.store.write(lambda connection: uploads.put_part(connection, upload, part))
    except Exception:
        await call.store.discard([], [file])
        raise
    await call.store.discard([], replaced)
    return part


async def complete(call: Call) -> Answer:
    """CompleteMultipartUpload: the parts become an object by a change of rows, their bytes stay where they are."""
    named = (await call.document("CompleteMultipartUpload")).all("Part")
    content = None
    while content is None:
        try:
            content = await _put_together(call, named)
        except uploads.PartReplacedError:
            continue  # it came once more in this moment: clients repeat what takes long
        except S3Error as error:
            if error.code != _NO_SUCH_UPLOAD:
                raise
            return _completed(call, _already_there(call, named, error))
    call.created(call.bucket, call.key)
    return _completed(call, content)


async def _put_together(call: Call, named: Sequence[Element]) -> Content:
    """Make the parts that the client names an object and return its content.

    Raises S3Error, PartReplacedError, OSError.
    """
    upload = find_upload(call)
    condition = descriptions.condition(call)
    parts = _chosen(uploads.parts(call.store.records, upload.id), named)
    content = Content(tuple(Segment(part.file, part.size) for part in parts), _etag([part.etag for part in parts]))
    declared_size = call.headers.get("x-amz-mp-object-size", str(content.size))
    if declared_size != str(content.size):
        raise invalid_request(f"The provided 'x-amz-mp-object-size' header does not match {content.size}, the size.")
    content = replace(content, checksums=await _checksums(call, upload, parts))
    removed, unused = await call.store.write(
        lambda connection: uploads.complete(connection, upload, content, condition, now())
    )
    await call.store.discard([removed], unused)
    return content


def _already_there(call: Call, named: Sequence[Element], otherwise: S3Error) -> Content:
    """Return the content of the object that a former request has made of the parts that the client names.

    S3 too answers a repeated request like the first one: a client that lost the answer can't know of it. It remembers
    the upload; here the parts are known again by the ETag that they give the object. Raises `otherwise` if the object
    is not made of them.
    """
    try:
        found = objects.find(call.store.records, call.bucket, call.key)
        expected = _etag([(element.find("ETag") or "").strip('"') for element in named])
    except (S3Error, ValueError):
        raise otherwise from None
    if found.etag != expected:
        raise otherwise
    return Content(tuple(objects.segments(call.store.records, found.number)), found.etag, found.checksums)


def _completed(call: Call, content: Content) -> Answer:
    checksums = descriptions.checksum_headers(content.checksums)
    found: list[Node] = [
        ("Location", f"http://{call.headers.get('host', '')}/{call.bucket}/{call.key}"),
        ("Bucket", call.bucket),
        ("Key", call.key),
        ("ETag", f'"{content.etag}"'),
        *((f"Checksum{name.upper()}", value) for name, value in content.checksums.items()),
        *([("ChecksumType", checksums["x-amz-checksum-type"])] if checksums else []),
    ]
    return answers.document("CompleteMultipartUploadResult", found)


def _chosen(parts: Sequence[Part], named: Sequence[Element]) -> list[Part]:
    """Return those of `parts` that the client names. Raises S3Error."""
    numbers = [element.find("PartNumber") or "" for element in named]
    if not numbers or not all(number.isascii() and number.isdecimal() and len(number) < 6 for number in numbers):
        raise malformed_xml()
    order = [int(number) for number in numbers]
    if order != sorted(set(order)):
        message = "The list of parts was not in ascending order. The parts list must be specified in order."
        raise S3Error(400, "InvalidPartOrder", message)
    by_number = {part.number: part for part in parts}
    chosen = [_same(by_number.get(number), element) for number, element in zip(order, named, strict=True)]
    for part in chosen[:-1]:
        if part.size < _SMALLEST_PART:
            raise S3Error(
                400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed object size.",
                ProposedSize=part.size, MinSizeAllowed=_SMALLEST_PART, PartNumber=part.number, ETag=part.etag,
            )  # fmt: skip
    return chosen


def _same(part: Part | None, element: Element) -> Part:
    """Return `part` if it is the one that the client means. Raises S3Error."""
    etag = (element.find("ETag") or "").strip('"')
    if part is None or part.etag != etag or not _has_named_checksums(part, element):
        raise S3Error(
            400, "InvalidPart",
            "One or more of the specified parts could not be found. The part may not have been uploaded, "
            "or the specified entity tag may not match the part's entity tag.",
            PartNumber=element.find("PartNumber"), ETag=etag,
        )  # fmt: skip
    return part


def _has_named_checksums(part: Part, element: Element) -> bool:
    named = ((name, element.find(f"Checksum{name.upper()}")) for name in digests.ADDITIONAL)
    return all(value is None or part.checksums.get(name) == value for name, value in named)


def _etag(etags: Sequence[str]) -> str:
    """Return the ETag of an object whose parts have `etags`. Raises ValueError if these are none."""
    joined = b"".join(bytes.fromhex(etag) for etag in etags)
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(etags)}"


async def _checksums(call: Call, upload: Upload, parts: Sequence[Part]) -> dict[str, str]:
    """Return the checksum of the whole object that was ordered with the upload. Raises S3Error, OSError."""
    if upload.algorithm is None:
        return {}
    if upload.checksum_type == _COMPOSITE:
        value = digests.composite([part.checksums[upload.algorithm] for part in parts], upload.algorithm)
    else:
        paths = [call.store.files.path(part.file) for part in parts]
        value = (await call.store.in_thread(digests.of_files, paths, [upload.algorithm])).base64(upload.algorithm)
    given = call.headers.get(f"x-amz-checksum-{upload.algorithm}", value)
    if given.partition("-")[0] != value.partition("-")[0]:
        message = f"The {upload.algorithm.upper()} you specified did not match the calculated checksum."
        raise S3Error(400, "BadDigest", message)
    return {upload.algorithm: value}


async def abort(call: Call) -> Answer:
    """AbortMultipartUpload."""
    upload = find_upload(call)
    files = await call.store.write(lambda connection: uploads.remove(connection, upload))
    await call.store.discard([], files)
    return Answer(204)


async def list_parts(call: Call) -> Answer:
    """ListParts."""
    upload = find_upload(call)
    limit = call.number("max-parts", _LARGEST_PAGE, _LARGEST_PAGE)
    marker = call.number("part-number-marker", 0, _MOST_PARTS)
    parts = uploads.parts(call.store.records, upload.id, marker, limit + 1)
    shown = parts[:limit]
    content: list[Node] = [
        ("Bucket", call.bucket),
        ("Key", call.key),
        ("UploadId", upload.id),
        ("Initiator", OWNER[1]),
        OWNER,
        ("StorageClass", "STANDARD"),
        ("PartNumberMarker", marker),
        ("NextPartNumberMarker", shown[-1].number if shown else marker),
        ("MaxParts", limit),
        ("IsTruncated", "true" if len(parts) > len(shown) else "false"),
    ]
    if upload.algorithm and upload.checksum_type:
        content += [("ChecksumAlgorithm", upload.algorithm.upper()), ("ChecksumType", upload.checksum_type)]
    return answers.document("ListPartsResult", [*content, *(("Part", _shown_part(part)) for part in shown)])


def _shown_part(part: Part) -> list[Node]:
    return [
        ("PartNumber", part.number),
        ("LastModified", answers.xml_date(part.modified)),
        ("ETag", f'"{part.etag}"'),
        ("Size", part.size),
        *((f"Checksum{name.upper()}", value) for name, value in part.checksums.items()),
    ]


async def list_uploads(call: Call) -> Answer:
    """ListMultipartUploads."""
    buckets.region(call.store.records, call.bucket)
    if call.query.get("delimiter"):
        raise invalid_request("This server lists multipart uploads without delimiters only.")
    limit = call.number("max-uploads", _LARGEST_PAGE, _LARGEST_PAGE)
    prefix, key_marker = call.query.get("prefix", ""), call.query.get("key-marker", "")
    id_marker = call.query.get("upload-id-marker") or None
    found = listing.pending_uploads(call.store.records, call.bucket, prefix, (key_marker, id_marker), limit + 1)
    shown = found[:limit]
    encoded = encoder(call)
    content: list[Node] = [
        ("Bucket", call.bucket),
        ("KeyMarker", encoded(key_marker)),
        ("UploadIdMarker", id_marker or ""),
        ("Prefix", encoded(prefix)),
        ("MaxUploads", limit),
        ("IsTruncated", "true" if len(found) > len(shown) else "false"),
    ]
    if "encoding-type" in call.query:
        content.append(("EncodingType", "url"))
    if len(found) > len(shown) and shown:
        content += [("NextKeyMarker", encoded(shown[-1].key)), ("NextUploadIdMarker", shown[-1].id)]
    items: list[Node] = [
        (
            "Upload",
            [
                ("Key", encoded(upload.key)),
                ("UploadId", upload.id),
                ("Initiator", OWNER[1]),
                OWNER,
                ("StorageClass", "STANDARD"),
                ("Initiated", answers.xml_date(upload.started)),
            ],
        )
        for upload in shown
    ]
    return answers.document("ListMultipartUploadsResult", [*content, *items])
