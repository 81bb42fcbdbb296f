"""Checks parameters and body of a request against the API description, in the words of the service's validator."""

from __future__ import annotations

import json
import re
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from hca_local.fusillade import errors
from hca_local.server import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import jsonschema
    from starlette.types import Receive

    from hca_local.fusillade.description import Operation, Parameter

MOST_BYTES = 256 * 1024
_LONGEST_TEXT = 2048
_LONGEST_DETAIL = 400
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)


def parameters(operation: Operation, path: Mapping[str, str], query: Mapping[str, str]) -> dict[str, Any]:
    """Return the typed values of the parameters; those that were not given are None. Raises FusilladeError (400)."""
    found = {}
    for parameter in operation.parameters:
        text = (path if parameter.place == "path" else query).get(parameter.name)
        found[parameter.name] = _value(parameter, text)
    return found


async def body(operation: Operation, headers: Mapping[str, str], receive: Receive) -> Any:
    """Return the decoded body, {} if none is required and none came, None for an operation without one.

    Raises FusilladeError: 413 if it is too large, 415 if its content type is not JSON, 400 if it breaks the
    description.
    """
    if operation.body is None:
        return None
    try:
        content = await requests.body(receive, MOST_BYTES)
    except requests.TooLargeError as error:
        raise errors.of_status(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error)) from error
    content_type = headers.get("content-type", "")
    if content and content_type and "json" not in content_type:
        detail = f"Invalid Content-type ({content_type[:100]}), JSON data was expected"
        raise errors.of_status(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)
    if not content:
        if operation.body_required:
            raise errors.bad_request("A JSON body is needed.")
        return {}
    found = _decoded(content)
    _check(operation.body, found, "body")
    return found


def needed(body: Mapping[str, Any], name: str) -> Any:
    """Return the value of `name`, which the description doesn't require and the service does.

    Raises FusilladeError (400).
    """
    if name not in body:
        raise errors.bad_request(f"'{name}' is a required property - 'body'")
    return body[name]


def _value(parameter: Parameter, text: str | None) -> Any:
    if text is None:
        if parameter.required:
            raise errors.bad_request(f"Missing {parameter.place} parameter '{parameter.name}'")
        return None
    value: str | int = text
    if parameter.schema["type"] == "integer":
        if not _INTEGER.fullmatch(text):
            raise errors.bad_request(
                f"Wrong type, expected 'integer' for {parameter.place} parameter '{parameter.name}'"
            )
        value = int(text)
    _check(parameter.schema, value, parameter.name)
    return value


def _decoded(content: bytes) -> Any:
    """Return what a body says. Raises FusilladeError (400), also for what JSON can say but nothing can keep."""
    try:
        found = json.loads(content, parse_constant=_no_number)
        # Half a character can be written in JSON (\ud800), but not be stored or sent.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise errors.bad_request(f"The body is not valid JSON: {error}") from error
    return found


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is not a number")


def _check(schema: dict[str, Any], value: Any, name: str) -> None:
    """Raise FusilladeError (400) unless `value` is as `schema` says; `name` is what the error calls it."""
    for error in _validator()(schema).iter_errors(value):
        # The message begins with what was sent, which may be long.
        told = error.message if len(error.message) <= _LONGEST_DETAIL else f"... {error.message[-_LONGEST_DETAIL:]}"
        where = ".".join(str(part) for part in error.absolute_path) or name
        raise errors.bad_request(f"{told} - '{where}'")


@cache
def _validator() -> Callable[[dict[str, Any]], jsonschema.protocols.Validator]:
    """Return the validator of JSON schema, with patterns that end where the text does."""
    import jsonschema  # costs a fifth of a second, which a deployment that nobody asks need not spend

    def pattern(
        _: object, wanted: str, text: object, schema: Mapping[str, Any]
    ) -> Iterator[jsonschema.ValidationError]:
        if isinstance(text, str) and len(text) > schema.get("maxLength", _LONGEST_TEXT):
            return  # `maxLength` refuses it; the search in a long text could take very long
        # `$` also matches before a line feed at the end, which no name may have.
        if isinstance(text, str) and not re.search(re.sub(r"\$$", r"\\Z", wanted), text):
            yield jsonschema.ValidationError(f"{text!r} does not match {wanted!r}")

    extended: Callable[[dict[str, Any]], jsonschema.protocols.Validator]
    extended = jsonschema.validators.extend(jsonschema.Draft4Validator, {"pattern": pattern})  # type: ignore[no-untyped-call]
    return extended
