"""What a search compares: the values of a document by field and kind, and the words of a text."""

from __future__ import annotations

import math
import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from hca_local.search import dates

if TYPE_CHECKING:
    from collections.abc import Iterator

# A longer string is not found as a whole, only by its words.
LONGEST_KEYWORD = 256
# What begins with a text lies between the text and the text with this behind it.
LAST_CHARACTER = "\U0010ffff"
ID_FIELD = "_id"

# Dots, colons and apostrophes hold letters together, dots and commas hold digits together (UAX #29).
_WORD = re.compile(r"\w+(?:(?:(?<=[^\W\d_])[.:'’](?=[^\W\d_])|(?<=\d)[.,;'’](?=\d))\w+)*")
_LARGEST_INTEGER = 2**63 - 1


class Kind(StrEnum):
    """What sort of values a field has; a path in documents may have several, each is a field of its own."""

    STRING = "string"  # in lower case
    LONG = "long"  # a string that is too long to be found as a whole
    BOOLEAN = "boolean"  # `true` or `false`
    NUMBER = "number"
    DATE = "date"  # in milliseconds since 1970


Value = str | int | float


def of_document(document: dict[str, Any]) -> set[tuple[str, Kind, Value]]:
    """Return the distinct values of `document` with path and kind; which list element had which is lost.

    The identity of its bundle, `<uuid>.<version>`, is the value of the field `_id`.
    """
    identity = f"{document['uuid']}.{document['manifest']['version']}"
    found: set[tuple[str, Kind, Value]] = {(ID_FIELD, Kind.STRING, folded(identity))}
    for path, leaf in _leaves(document):
        if isinstance(leaf, str):
            found.add((path, *_of_string(leaf)))
        elif isinstance(leaf, bool):
            found.add((path, Kind.BOOLEAN, "true" if leaf else "false"))
        elif isinstance(leaf, int) or (isinstance(leaf, float) and not math.isnan(leaf)):
            found.add((path, Kind.NUMBER, number(leaf)))
    return found


def folded(text: str) -> str:
    """Return `text` as it is compared: in lower case, and storable, which half a surrogate pair is not."""
    text = text.lower()
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def number(given: float) -> int | float:
    """Return a number that the database can hold: one that is too large as the nearest, or as infinite."""
    if abs(given) <= _LARGEST_INTEGER:
        return given
    try:
        return float(given)
    except OverflowError:
        return math.inf if given > 0 else -math.inf


def words(text: str) -> list[str]:
    """Return the words of a folded text, in order, as the standard analyzer of Elasticsearch cuts them."""
    return [word for word in _WORD.findall(text) if word.strip("_")]


def _of_string(text: str) -> tuple[Kind, Value]:
    if len(text) > LONGEST_KEYWORD:
        return Kind.LONG, folded(text)
    moment = dates.moment(text)
    return (Kind.STRING, folded(text)) if moment is None else (Kind.DATE, moment)


def _leaves(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of everything in `document` that is no object or list.

    It keeps a stack of its own: a metadata file may be nested more deeply than Python calls may be.
    """
    stack: list[tuple[str, Any]] = list(document.items())
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict):
            stack += [(f"{path}.{key}", below) for key, below in value.items()]
        elif isinstance(value, list):
            stack += [(path, element) for element in value]
        else:
            yield path, value
