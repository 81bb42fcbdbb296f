"""Reads the JSON body of a request and checks it against the API description."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from hca_local.dss.parameters import VERSION_FORMAT, check_version
from hca_local.server import problems, requests

if TYPE_CHECKING:
    from collections.abc import Mapping

    import jsonschema
    from starlette.types import Receive

    from hca_local.dss.description import Operation

# The gateway of the service takes no more.
MOST_BYTES = 10 * 1024 * 1024
_MANY_BYTES = 64 * 1024
_LONGEST_TITLE = 400


async def checked(operation: Operation, headers: Mapping[str, str], receive: Receive) -> Any:
    """Return the decoded body of a request, {} for none where none is required.

    Raises ProblemError: 413 if it is too large, 415 if its content type is not JSON, 400 if it breaks the description.
    """
    if operation.body is None:
        return None
    try:
        content = await requests.body(receive, MOST_BYTES)
    except requests.TooLargeError as error:
        raise problems.of_status(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error)) from error
    content_type = headers.get("content-type", "")
    if content and content_type and "json" not in content_type:
        title = f"Invalid Content-type ({content_type}), JSON data was expected"
        raise problems.of_status(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, title)
    if not content and not operation.body_required:
        return {}
    if len(content) < _MANY_BYTES:
        return _accepted(operation.body, content)
    # Thousands of files take a second to check, and others wait meanwhile.
    return await asyncio.to_thread(_accepted, operation.body, content)


def _accepted(schema: dict[str, Any], content: bytes) -> Any:
    body = _decoded(content) if content else None
    _check(schema, body)
    return body


def _decoded(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise problems.illegal_arguments(f"The body is not valid JSON: {error}") from error


def _check(schema: dict[str, Any], body: Any) -> None:
    import jsonschema  # costs a fifth of a second, which a deployment that is only read from need not spend

    for error in jsonschema.Draft4Validator(schema, format_checker=_formats()).iter_errors(body):
        if isinstance(error.cause, problems.ProblemError):
            raise error.cause
        # The message begins with what was sent, which may be long.
        told = error.message if len(error.message) <= _LONGEST_TITLE else f"... {error.message[-_LONGEST_TITLE:]}"
        where = "".join(f"[{part!r}]" for part in error.absolute_path)
        raise problems.illegal_arguments(f"{told} at {where}" if where else told)


@cache
def _formats() -> jsonschema.FormatChecker:
    """Return the checker of the one format that the description has beside those of JSON schema."""
    import jsonschema

    checker = jsonschema.FormatChecker(())

    @checker.checks(VERSION_FORMAT, raises=problems.ProblemError)
    def check(text: object) -> bool:
        if isinstance(text, str):
            check_version(text)
        return True

    return checker
