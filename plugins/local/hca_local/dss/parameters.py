"""Checks the parameters of a request against the API description, in the words of the service's own validator."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hca_core import versions
from hca_local.server.problems import ProblemError, illegal_arguments

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VERSION_FORMAT = "DSS_VERSION"
_BOOLEANS = {"true": True, "false": False}
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)


@dataclass(frozen=True)
class Parameter:
    """A parameter in path or query: its type, and its limits as the description spells them."""

    name: str
    place: str
    required: bool
    type: str
    default: Any
    limits: Mapping[str, Any]


def checked(parameters: Iterable[Parameter], path: Mapping[str, str], query: Mapping[str, str]) -> dict[str, Any]:
    """Return the typed values of `parameters`; those that were not given have their default or None.

    Raises ProblemError (400 illegal_arguments). Keys of `query` that no parameter has are ignored.
    """
    return {parameter.name: _value(parameter, path if parameter.place == "path" else query) for parameter in parameters}


def _value(parameter: Parameter, given: Mapping[str, str]) -> Any:
    text = given.get(parameter.name)
    if text is None:
        if parameter.required:
            raise illegal_arguments(f"Missing {parameter.place} parameter '{parameter.name}'")
        return parameter.default
    value = _typed(parameter.type, text)
    if value is None:
        raise illegal_arguments(
            f"Wrong type, expected '{parameter.type}' for {parameter.place} parameter '{parameter.name}'"
        )
    if parameter.limits:
        _check_limits(value, parameter.limits)
    return value


def _typed(wanted: str, text: str) -> str | int | bool | None:
    if wanted == "integer":
        return int(text) if _INTEGER.fullmatch(text) else None
    if wanted == "boolean":
        return _BOOLEANS.get(text.lower())
    return text


def _check_limits(value: Any, limits: Mapping[str, Any]) -> None:
    if "enum" in limits and value not in limits["enum"]:
        raise illegal_arguments(f"{value!r} is not one of {limits['enum']!r}")
    if "minimum" in limits and value < limits["minimum"]:
        raise illegal_arguments(f"{value!r} is less than the minimum of {limits['minimum']!r}")
    if "maximum" in limits and value > limits["maximum"]:
        raise illegal_arguments(f"{value!r} is greater than the maximum of {limits['maximum']!r}")
    if "pattern" in limits and not re.search(limits["pattern"], value):
        raise illegal_arguments(f"{value!r} does not match {limits['pattern']!r}")
    if limits.get("format") == VERSION_FORMAT:
        check_version(value)


def check_version(text: str) -> None:
    """Raise ProblemError (400 illegal_version) unless `text` is a version as the service writes it (contract §1)."""
    if versions.is_valid(text):
        return
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ProblemError(400, "illegal_version", f"{text!r} is not a moment in time") from error
    utc = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    raise ProblemError(400, "illegal_version", f"{text!r} must be written as {versions.format(utc)!r}")
