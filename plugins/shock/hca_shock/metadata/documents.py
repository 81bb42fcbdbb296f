"""JSON documents as values: find, set, remove and merge in them, and tell two of them apart. No function changes one.

A path is the names of nested objects with dots between them ("sample.organism"); a number stands for a place in a list
("reads.0"), and a dot that is part of a name is written with a backslash before it.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

from hca_core.errors import NotFoundError, UsageError

_PIECE = re.compile(r"((?:[^.\\]|\\.)+)(\.|$)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MISSING: Any = object()


def steps(path: str) -> list[str]:
    """Return the names that a path consists of. Raises UsageError if it is none."""
    found: list[str] = []
    at = 0
    while at <= len(path):
        piece = _PIECE.match(path, at)
        if piece is None:
            raise UsageError(
                f"{path!r} is no path in a document: names with dots between them, as in sample.organism",
                r"write \. for a dot that is part of a name",
            )
        found.append(_ESCAPED.sub(r"\1", piece[1]))
        at = piece.end() if piece[2] else len(path) + 1
    return found


def joined(names: list[str]) -> str:
    """Return the path that consists of these names."""
    return ".".join(name.replace("\\", "\\\\").replace(".", "\\.") for name in names)


def find(document: Any, path: str) -> Any:
    """Return what lies at a path. Raises NotFoundError if nothing does, UsageError."""
    names = steps(path)
    for number, name in enumerate(names):
        document = _below(document, name)
        if document is _MISSING:
            raise NotFoundError(f"the document has nothing at {joined(names[: number + 1])!r}")
    return document


def with_value(document: Any, path: str, value: Any) -> Any:
    """Return the document with a value at a path; objects on the way are made where there is nothing.

    Raises UsageError if something else than an object or list lies on the way, or the place is not in the list.
    """
    names = steps(path)
    return _put(document, names, 0, value)


def without(document: Any, path: str) -> Any:
    """Return the document without what lies at a path. Raises NotFoundError if nothing does, UsageError."""
    find(document, path)
    return _cut(document, steps(path))


def merged(document: Any, patch: Any) -> Any:
    """Return the document changed by a merge patch (RFC 7396): its objects are merged, its nulls remove."""
    if not isinstance(patch, dict):
        return patch
    result = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def encoded(document: Any) -> bytes:
    """Return a document as JSON. Raises UsageError if JSON has no word for something in it."""
    try:
        return json.dumps(document, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"the document can't be written as JSON: {_told(error)}") from error


def difference(sent: Any, echoed: Any) -> tuple[str, Any, Any] | None:
    """Return the first place where two documents differ, as path and both values; None if they say the same.

    Numbers are compared by their value: a server that keeps them as float64 writes 1.0 as 1.
    """
    waiting: list[tuple[list[str], Any, Any]] = [([], sent, echoed)]
    while waiting:
        names, one, other = waiting.pop()
        if isinstance(one, dict) and isinstance(other, dict):
            keys = [*one, *(key for key in other if key not in one)]
            inner = [([*names, key], one.get(key, _MISSING), other.get(key, _MISSING)) for key in keys]
        elif isinstance(one, list) and isinstance(other, list):
            length = range(max(len(one), len(other)))
            inner = [([*names, str(at)], _item(one, at), _item(other, at)) for at in length]
        elif not _same(one, other):
            return joined(names), one, other
        else:
            continue
        waiting += reversed(inner)
    return None


def inexact(document: Any) -> tuple[str, int] | None:
    """Return the first number that a server which keeps float64 gives back as another one, as path and value.

    None if there is none. What Python has as a float comes back as it is; only integers can be too long. A server
    writes the fewest digits that mean the same float64, so that 2**60, which is one, loses its last digits all the
    same.
    """
    waiting: list[tuple[list[str], Any]] = [([], document)]
    while waiting:
        names, value = waiting.pop()
        if isinstance(value, dict):
            waiting += reversed([([*names, str(key)], inner) for key, inner in value.items()])
        elif isinstance(value, (list, tuple)):
            waiting += reversed([([*names, str(at)], inner) for at, inner in enumerate(value)])
        elif isinstance(value, int) and not isinstance(value, bool) and not _is_kept(value):
            return joined(names), value
    return None


def shown(value: Any) -> str:
    """Return a value as a piece of a sentence."""
    if value is _MISSING:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _put(document: Any, names: list[str], at: int, value: Any) -> Any:
    if at == len(names):
        return value
    name = names[at]
    if isinstance(document, list):
        place = _place(document, name)
        if place is None:
            where = joined(names[:at]) or "the top"
            raise UsageError(f"the list at {where!r} has {len(document)} items, and none with the number {name!r}")
        return [*document[:place], _put(document[place], names, at + 1, value), *document[place + 1 :]]
    if document is not None and not isinstance(document, dict):
        where = joined(names[:at]) or "the top"
        raise UsageError(f"at {where!r} lies {shown(document)}, in which {name!r} can't be set")
    before = document or {}
    return {**before, name: _put(before.get(name), names, at + 1, value)}


def _cut(document: Any, names: list[str]) -> Any:
    """Return a document without what lies at a path of it."""
    name, rest = names[0], names[1:]
    if isinstance(document, list):
        place = int(name)
        kept = [_cut(document[place], rest)] if rest else []
        return [*document[:place], *kept, *document[place + 1 :]]
    if rest:
        return {**document, name: _cut(document[name], rest)}
    return {key: value for key, value in document.items() if key != name}


def _below(document: Any, name: str) -> Any:
    if isinstance(document, dict):
        return document.get(name, _MISSING)
    if isinstance(document, list):
        place = _place(document, name)
        return _MISSING if place is None else document[place]
    return _MISSING


def _place(items: list[Any], name: str) -> int | None:
    """Return the place in a list that a name of a path stands for, None if there is none."""
    if name.isascii() and name.isdigit() and len(name) < 10 and int(name) < len(items):
        return int(name)
    return None


def _item(items: list[Any], at: int) -> Any:
    return items[at] if at < len(items) else _MISSING


def _same(one: Any, other: Any) -> bool:
    """Tell whether two values that are not both objects or both lists say the same."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if not isinstance(one, (int, float)) or not isinstance(other, (int, float)):
        return type(one) is type(other) and bool(one == other)
    if one == other:
        return True
    # A large number that is a float64 comes back with the fewest digits that mean the same float64.
    try:
        return float(one) == one and float(other) == float(one)
    except OverflowError:
        return False


def _is_kept(number: int) -> bool:
    """Tell whether an integer is the same when it has been a float64 and has been written with its fewest digits."""
    try:
        return Decimal(repr(float(number))) == number
    except OverflowError:
        return False


def _told(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
