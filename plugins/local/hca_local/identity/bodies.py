"""Reads the bodies of requests of applications and browsers: small forms and small JSON objects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from starlette.requests import Request

_MOST_BYTES = 64 * 1024
_MOST_FIELDS = 100
_FORM = "application/x-www-form-urlencoded"


class MalformedError(Exception):
    """A body or a query that can't be understood; `status` is the HTTP status for it."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


async def form(request: Request) -> dict[str, str]:
    """Return the fields of a form. Raises MalformedError."""
    content = await _read(request)
    if _media_type(request) != _FORM:
        raise MalformedError(f"The body must be a form: send Content-Type: {_FORM}.", 415)
    try:
        return fields(content.decode("ascii"))
    except UnicodeDecodeError:
        raise MalformedError("The body is not a form: it has characters that a form would encode.") from None


async def form_or_object(request: Request) -> dict[str, str]:
    """Return the fields of a form, or those of a JSON object that are texts. Raises MalformedError."""
    if _media_type(request) != "application/json":
        return await form(request)
    try:
        document = json.loads(await _read(request))
        texts = {name: value for name, value in document.items() if isinstance(value, str)}
        "".join(texts.values()).encode()  # JSON can name halves of characters, which nothing else takes
    except (ValueError, AttributeError, RecursionError):
        raise MalformedError("The body is not a JSON object of readable texts.") from None
    return texts


def fields(encoded: str) -> dict[str, str]:
    """Return the values in a query or a form by name. Raises MalformedError, also for a name that comes twice.

    Who reads the first of two values and who reads the last disagree about what was asked; so nobody asks like that.
    """
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise MalformedError(f"The fields are not UTF-8, or more than {_MOST_FIELDS}.") from None
    found = dict(pairs)
    if len(found) < len(pairs):
        raise MalformedError("One name comes several times.")
    return found


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _read(request: Request) -> bytes:
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > _MOST_BYTES:
            raise MalformedError(f"The body is too large: it may have {_MOST_BYTES} bytes.", 413)
    return bytes(content)
