"""Copies: of whole objects by a second name for their files, of stretches into parts by copying bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from hca_local.objects import conditions
from hca_local.s3 import answers, bodies, digests
from hca_local.s3.call import now
from hca_local.s3.errors import invalid_argument, invalid_request, precondition_failed
from hca_local.s3.operations import descriptions, multipart
from hca_local.s3.operations.objects import keep
from hca_local.s3.store import buckets, objects
from hca_local.s3.store.objects import Content, Description, Segment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hca_local.s3.answers import Answer
    from hca_local.s3.bodies import Received
    from hca_local.s3.call import Call
    from hca_local.s3.store.files import Files
    from hca_local.s3.store.objects import StoredObject, Stretch

_IF = "x-amz-copy-source-if-"
_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{1,15})", re.ASCII)
_BLOCK = 1024 * 1024


@dataclass(frozen=True)
class _Source:
    """The object that is copied."""

    bucket: str
    key: str
    found: StoredObject
    segments: list[Segment]


async def copy(call: Call) -> Answer:
    """CopyObject."""
    buckets.region(call.store.records, call.bucket)
    source = _source(call)
    if source.found.size > bodies.LARGEST_OBJECT:
        raise invalid_request(
            "The specified copy source is larger than the maximum allowable size for a copy source: "
            f"{bodies.LARGEST_OBJECT}"
        )
    description, condition = _description(call, source), descriptions.condition(call)
    with call.store.files.being_read(source.found.number):
        content = await call.store.in_thread(_content, source, call.store.files, _algorithm(call))
    await keep(call, description, content, condition)
    checksums = [(f"Checksum{name.upper()}", value) for name, value in content.checksums.items()]
    result = [("LastModified", answers.xml_date(now())), ("ETag", f'"{content.etag}"'), *checksums]
    return answers.document("CopyObjectResult", result)


def _source(call: Call) -> _Source:
    """Return the object that the request wants to be copied. Raises S3Error."""
    text = call.headers["x-amz-copy-source"]
    path, _, version = text.partition("?versionId=")
    try:
        bucket, _, key = unquote(path, errors="strict").removeprefix("/").partition("/")
    except UnicodeDecodeError:
        raise invalid_argument("x-amz-copy-source", text, "Copy Source is not encoded in UTF-8") from None
    if not bucket or not key:
        message = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
        raise invalid_argument("x-amz-copy-source", text, message)
    if version not in ("", "null"):
        raise invalid_argument("x-amz-copy-source", text, "Invalid version id specified")
    call.require("s3:GetObject", bucket, key)
    found = objects.find(call.store.records, bucket, key)
    asked = {"if-" + name.removeprefix(_IF): value for name, value in call.headers.items() if name.startswith(_IF)}
    if conditions.precondition(asked, found.quoted_etag, found.modified) is not None:
        raise precondition_failed(next(name for name in call.headers if name.startswith(_IF)))
    return _Source(bucket, key, found, objects.segments(call.store.records, found.number))


def _description(call: Call, source: _Source) -> Description:
    """Return what the copy is described by: as the source, or as the request says. Raises S3Error."""
    directive = _directive(call, "x-amz-metadata-directive")
    given, kept = descriptions.given(call), source.found.description
    if directive == "COPY" and (source.bucket, source.key) == (call.bucket, call.key):
        raise invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without changing the "
            "object's metadata, storage class, website redirect location or encryption attributes."
        )
    if directive == "COPY":
        given = replace(given, headers=kept.headers, metadata=kept.metadata)
    if _directive(call, "x-amz-tagging-directive") == "COPY":
        if kept.tags:
            call.require("s3:GetObjectTagging", source.bucket, source.key)
            call.require("s3:PutObjectTagging", call.bucket, call.key)
        given = replace(given, tags=kept.tags)
    return given


def _directive(call: Call, name: str) -> str:
    value = call.headers.get(name, "COPY")
    if value not in ("COPY", "REPLACE"):
        raise invalid_argument(name, value, f"Unknown {name}.")
    return value


def _algorithm(call: Call) -> str | None:
    """Return the checksum that the copy is to have. Raises S3Error."""
    name = call.headers.get("x-amz-checksum-algorithm", "").lower() or None
    if name:
        bodies.check_algorithm(name)
    return name


def _content(source: _Source, files: Files, algorithm: str | None) -> Content:
    """Return the bytes of `source` under new names. Raises OSError.

    The copy of an object in parts is not one in parts: its ETag is the MD5 of the whole, for which it must be read.
    """
    kept = {} if algorithm or "-" in source.found.etag else dict(source.found.checksums)
    computed = {algorithm} if algorithm else set(source.found.checksums) - set(kept)
    etag = source.found.etag
    if "-" in etag or computed:
        summed = digests.of_files([files.path(segment.file) for segment in source.segments], {"md5", *computed})
        etag = summed.digest("md5").hex()
        kept = {name: summed.base64(name) for name in computed}
    segments = tuple(Segment(files.link(segment.file), segment.size) for segment in source.segments)
    return Content(segments, etag, kept)


async def copy_part(call: Call) -> Answer:
    """UploadPartCopy."""
    upload, number = multipart.find_upload(call), multipart.part_number(call)
    source = _source(call)
    start, end = _stretch(call, source.found.size)
    with call.store.files.being_read(source.found.number):
        stretches = objects.stretches(source.segments, start, end)
        file, received = await call.store.in_thread(_copied, call.store.files, stretches, upload.algorithm)
    part = await multipart.keep_part(call, upload, number, file, received)
    checksums = [(f"Checksum{name.upper()}", value) for name, value in part.checksums.items()]
    result = [("LastModified", answers.xml_date(part.modified)), ("ETag", f'"{part.etag}"'), *checksums]
    return answers.document("CopyPartResult", result)


def _stretch(call: Call, size: int) -> tuple[int, int]:
    """Return first byte and byte after the last of the source that are wanted. Raises S3Error."""
    text = call.headers.get("x-amz-copy-source-range")
    if text is None:
        return 0, size
    match = _RANGE.fullmatch(text)
    if match is None or int(match[1]) > int(match[2]):
        message = "The x-amz-copy-source-range value must be of the form bytes=first-last"
        raise invalid_argument("x-amz-copy-source-range", text, message)
    if int(match[2]) >= size:
        message = f"Range specified is not valid for source object of size: {size}"
        raise invalid_argument("x-amz-copy-source-range", text, message)
    return int(match[1]), int(match[2]) + 1


def _copied(files: Files, stretches: Iterable[Stretch], algorithm: str | None) -> tuple[str, Received]:
    """Copy bytes to a new file and return its name. Raises OSError."""
    name = files.new_name()
    intake = bodies.FileIntake(bodies.undeclared(algorithm), files.path(name))
    try:
        for file, start, length in stretches:
            with open(files.path(file), "rb") as stream:
                stream.seek(start)
                while length and (block := stream.read(min(_BLOCK, length))):
                    intake.feed([block])
                    length -= len(block)
        received = intake.finish()
    except BaseException:
        intake.abandon()
        raise
    files.added()
    return name, received
