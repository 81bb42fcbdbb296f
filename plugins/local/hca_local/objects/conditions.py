"""Range and conditional requests on one object (RFC 9110, as far as S3 goes)."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


class UnsatisfiableError(Exception):
    """The object has none of the bytes that were asked for."""


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the first byte and the one after the last that the `Range` header asks for, None for the whole object.

    A header that is malformed or has several ranges is ignored, as S3 does. Raises UnsatisfiableError.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.group() == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        length = int(last)
        if not length or not size:
            raise UnsatisfiableError
        return max(size - length, 0), size
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise UnsatisfiableError
    return int(first), min(int(last) + 1, size) if last else size


def precondition(headers: Mapping[str, str], etag: str, modified: float) -> int | None:
    """Return the status that answers a conditional request in place of the object: 304, 412 or None.

    Parameters: `etag` is quoted, `modified` in seconds since 1970.
    """
    if (wanted := headers.get("if-match")) is not None:
        if not _names(wanted, etag):
            return 412
    elif (moment := _moment(headers.get("if-unmodified-since"))) is not None and modified > moment:
        return 412
    if (known := headers.get("if-none-match")) is not None:
        return 304 if _names(known, etag) else None
    moment = _moment(headers.get("if-modified-since"))
    return 304 if moment is not None and modified <= moment else None


def range_applies(headers: Mapping[str, str], etag: str, modified: float) -> bool:
    """Tell whether `If-Range` lets the range count: the object is still the one that the client has a part of."""
    validator = headers.get("if-range")
    if validator is None:
        return True
    if validator.startswith('"'):
        return validator == etag
    return _moment(validator) == modified


def _names(header: str, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return "*" in tags or etag in tags


def _moment(header: str | None) -> float | None:
    if header is None:
        return None
    try:
        return parsedate_to_datetime(header).timestamp()
    except ValueError:
        return None
