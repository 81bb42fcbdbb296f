"""The tags of objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_local.s3 import answers
from hca_local.s3.answers import Answer
from hca_local.s3.errors import S3Error, malformed_xml
from hca_local.s3.store import objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hca_local.s3.call import Call
    from hca_local.s3.xml import Node

_MOST_TAGS = 10
_LONGEST_KEY = 128
_LONGEST_VALUE = 256


async def get(call: Call) -> Answer:
    """GetObjectTagging."""
    found = objects.find(call.store.records, call.bucket, call.key)
    tags: list[Node] = [("Tag", [("Key", key), ("Value", value)]) for key, value in found.description.tags.items()]
    return answers.document("Tagging", [("TagSet", tags)])


async def put(call: Call) -> Answer:
    """PutObjectTagging."""
    sets = (await call.document("Tagging")).all("TagSet")
    if len(sets) != 1:
        raise malformed_xml()
    pairs = [(tag.find("Key"), tag.find("Value")) for tag in sets[0].all("Tag")]
    tags = checked([(key or "", value or "") for key, value in pairs])
    await call.store.write(lambda connection: objects.set_tags(connection, call.bucket, call.key, tags))
    return Answer(200)


async def delete(call: Call) -> Answer:
    """DeleteObjectTagging."""
    await call.store.write(lambda connection: objects.set_tags(connection, call.bucket, call.key, {}))
    return Answer(204)


def checked(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return tags that are as S3 allows them. Raises S3Error."""
    if len(pairs) > _MOST_TAGS:
        raise S3Error(400, "BadRequest", f"Object tags cannot be greater than {_MOST_TAGS}")
    for key, value in pairs:
        if not 0 < _length(key) <= _LONGEST_KEY:
            raise S3Error(400, "InvalidTag", "The TagKey you have provided is invalid", TagKey=key)
        if _length(value) > _LONGEST_VALUE:
            raise S3Error(400, "InvalidTag", "The TagValue you have provided is invalid", TagKey=key, TagValue=value)
    tags = dict(pairs)
    if len(tags) < len(pairs):
        raise S3Error(400, "InvalidTag", "Cannot provide multiple Tags with the same key")
    return tags


def _length(text: str) -> int:
    """Return the length as S3 counts it: in units of UTF-16."""
    return len(text.encode("utf-16-le")) // 2
