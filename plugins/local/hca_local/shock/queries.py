"""The query language (contract §7): what a value in the query of a URL asks for, as conditions of the database."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from hca_local.shock import leaves

_RANGE = re.compile(r"([\[\]])(.*);(.*)([\[\]])", re.DOTALL)
_INTEGER = re.compile(r"[+-]?[0-9]+")
LARGEST = 2**63 - 1
# Above every character that text can have behind a prefix.
_LAST = "\U0010ffff"

# A value of one kind, and a condition on it.
_TEXT_IS = f"kind={leaves.TEXT} AND value=?"
_NUMBER_IS = f"kind={leaves.NUMBER} AND value=?"


@dataclass(frozen=True)
class Condition:
    """A condition on `node`, a number of shock_nodes, in SQL; `values` stand for its question marks."""

    sql: str
    values: tuple[Any, ...]


class LoneMarkError(ValueError):
    """A value is nothing but the mark of a negation or of a wildcard."""


def condition(path: str, value: str, *, quirks: bool) -> Condition:
    """Return what the parameter `path`=`value` asks for.

    `true`, `false` and numbers with a point are text here as they are in the service: no boolean and no such number is
    ever found. A client that knew it otherwise would be wrong there.
    Parameters: `path` is that of a field from the root of a node; `quirks` leaves times without an offset in numbers,
    which end with Z, the text that the service takes them for. Raises LoneMarkError.
    """
    path = leaves.clean(path)
    if value == "":
        return _among(path, [("1", ())])
    negated, wanted = value.startswith("!"), leaves.clean(value.removeprefix("!"))
    if wanted in ("", "*"):
        raise LoneMarkError(value)
    found = _missing(path) if wanted == "null" else _among(path, _tests(wanted, quirks=quirks))
    return Condition(f"NOT ({found.sql})", found.values) if negated else found


def is_user(path: str, identity: str) -> Condition:
    """Return the condition that a user, "public" too, is in the list at `path`; nobody is if `identity` is empty."""
    return _among(path, [(_TEXT_IS, (identity,))])


def integer(text: str) -> int | None:
    """Return the integer that `text` is, None if it is none that the service can read."""
    if not _INTEGER.fullmatch(text) or len(text) > 30:  # longer ones only cost time
        return None
    number = int(text)
    return number if -LARGEST - 1 <= number <= LARGEST else None


def _tests(wanted: str, *, quirks: bool) -> list[tuple[str, tuple[Any, ...]]]:
    """Return the conditions of which one value has to meet one."""
    limits = _RANGE.fullmatch(wanted)
    if limits:
        return [_range(*limits.groups(), quirks=quirks)]
    if wanted.startswith("*") or wanted.endswith("*"):
        return [_wildcard(wanted)]
    number = integer(wanted)
    return [(_TEXT_IS, (wanted,)), *([] if number is None else [(_NUMBER_IS, (number,))])]


def _wildcard(wanted: str) -> tuple[str, tuple[Any, ...]]:
    """Return the condition of a text that begins or ends or goes on with a star.

    What is between the stars is taken as it is. The service reads a regular expression there, which can take for ever.
    """
    text = wanted.removeprefix("*").removesuffix("*")
    if not wanted.startswith("*"):
        return f"kind={leaves.TEXT} AND value>=? AND value<=?", (text, text + _LAST)
    if not wanted.endswith("*"):
        # substr takes a length of 0 for none, but then the text would be a lone star.
        return f"kind={leaves.TEXT} AND substr(value, -length(?))=?", (text, text)
    return f"kind={leaves.TEXT} AND instr(value, ?)>0", (text,)


def _range(opens: str, first: str, last: str, closes: str, *, quirks: bool) -> tuple[str, tuple[Any, ...]]:
    """Return the condition of a value between two others: both integers, both times, or else both text."""
    kind: int = leaves.TEXT
    limits: tuple[Any, Any] = first, last
    for other, read in ((leaves.NUMBER, integer), (leaves.DATE, lambda text: _time(text, quirks=quirks))):
        found = read(first), read(last)
        if None not in found:
            kind, limits = other, found
    above = ">=" if opens == "[" else ">"
    below = "<=" if closes == "]" else "<"
    return f"kind={kind} AND value{above}? AND value{below}?", limits


def _time(text: str, *, quirks: bool) -> float | None:
    return None if quirks and text.endswith("Z") else leaves.seconds(text)


def _among(path: str, tests: list[tuple[str, tuple[Any, ...]]]) -> Condition:
    """Return the condition that a value at `path` meets one of `tests`."""
    select = "SELECT node FROM shock_leaves WHERE path=? AND "
    selects = " UNION ALL ".join(select + test for test, _ in tests)
    return Condition(f"node IN ({selects})", tuple(one for _, values in tests for one in (path, *values)))


def _missing(path: str) -> Condition:
    """Return the condition that there is nothing at `path`, or null, or the word."""
    there = _among(path, [("1", ())])
    null = _among(path, [(f"kind={leaves.NULL}", ()), (_TEXT_IS, ("null",))])
    return Condition(f"(NOT {there.sql} OR {null.sql})", (*there.values, *null.values))
