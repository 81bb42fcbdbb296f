"""What a query can find in a node: the values of its document, by their paths (contract §7)."""

from __future__ import annotations

import math
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_local.shock.nodes import Doc

Leaf = tuple[str, int, str | int | float]  # path, kind, value

# The kinds of values, in the order in which the service's database sorts them.
NULL, NUMBER, TEXT, OBJECT, ARRAY, BOOLEAN, DATE = range(7)

_FIELDS = (
    "id", "version", "file", "attributes", "indexes", "version_parts", "tags", "linkage", "priority", "created_on",
    "last_modified", "expiration", "type", "parts", "locations", "restore",
)  # fmt: skip
# The service keeps these as dates; dates in attributes are text for it.
_DATES = re.compile(
    r"(created_on|last_modified|expiration|file\.(locked\.)?created_on|indexes\..*\.created_on|locations\.requestedDate)"
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_PARTS = "parts.parts"
_LARGEST = 2**63 - 1


def of(doc: Doc) -> set[Leaf]:
    """Return the values of a node, those of its access lists too, although nobody sees them in it.

    What contains others is there as well, without its content: a query may ask whether a field exists.
    """
    found = _of("acl", _access(doc))
    for name in _FIELDS:
        found |= _of(name, doc.get(name))
    return found


def paths(path: str, value: Any) -> Iterator[tuple[str, int]]:
    """Yield the path of each value below `path`, and how deep it is."""
    waiting = [(path, value, 0)]
    while waiting:
        path, value, depth = waiting.pop()
        yield path, depth
        if isinstance(value, dict):
            waiting.extend((f"{path}.{key}", one, depth + 1) for key, one in value.items())
        elif isinstance(value, list):
            waiting.extend((path, one, depth + 1) for one in value)


def seconds(text: str) -> float | None:
    """Return the time that `text` tells as RFC 3339 does, or as YYYY-MM-DD, in seconds since 1970; None if neither."""
    try:
        if _DAY.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
        return datetime.fromisoformat(text).timestamp() if _INSTANT.fullmatch(text) else None
    except ValueError:
        return None


def clean(text: str) -> str:
    """Return `text` as the database can hold it: halves of characters, which JSON can write, become `?`."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _access(doc: Doc) -> dict[str, Any]:
    """Return who may do what in the form that the service's database has: public is a user among others."""
    access = doc["acl"]
    shown: dict[str, Any] = {"owner": access["owner"]}
    for right, everybody in access["public"].items():
        shown[right] = [*access[right], "public"] if everybody else access[right]
    return shown


def _of(path: str, value: Any) -> set[Leaf]:
    """Return the values below `path`. A stack, for nobody knows how deep attributes go."""
    found: set[Leaf] = set()
    waiting = [(path, value)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            found.add((path, OBJECT, ""))
            waiting.extend((f"{path}.{clean(key)}", one) for key, one in value.items())
        elif isinstance(value, list):
            found.add((path, ARRAY, ""))
            # The parts of an upload are lists in a list, which no query can reach; there may be 100,000.
            if path != _PARTS:
                waiting.extend((path, one) for one in value)
        else:
            found.add(_leaf(path, value))
    return found


def _leaf(path: str, value: Any) -> Leaf:
    if isinstance(value, str):
        instant = seconds(value) if _DATES.fullmatch(path) else None
        return (path, TEXT, clean(value)) if instant is None else (path, DATE, instant)
    if isinstance(value, bool):
        return path, BOOLEAN, int(value)
    if isinstance(value, int):
        return path, NUMBER, value if abs(value) <= _LARGEST else _rounded(value)
    if isinstance(value, float) and not math.isnan(value):
        return path, NUMBER, value
    return path, NULL, ""


def _rounded(value: int) -> float:
    """Return an integer that is too large for the database as nearly as it can hold it."""
    try:
        return float(value)
    except OverflowError:  # not infinity: that could not be sent to anybody
        return sys.float_info.max if value > 0 else -sys.float_info.max
