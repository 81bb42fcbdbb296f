"""The fields of a node that conditions can name, and the values that a node has there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Kind(Enum):
    """What a field holds."""

    ANYTHING = "anything"
    TEXT = "text"
    INTEGER = "an integer"
    TIME = "a time"


@dataclass(frozen=True)
class Field:
    """A field of a node: what people call it, where the server has it, what it holds."""

    name: str
    path: str
    kind: Kind = Kind.ANYTHING

    def values(self, raw: Mapping[str, Any]) -> list[Any]:
        """Return all values that a node, as the server sent it, has here: those of lists one by one."""
        return list(_values(raw, self.path.split(".")))

    @property
    def is_hidden(self) -> bool:
        """Tell whether the server compares this field but never shows it."""
        return self.path.split(".")[0] == "acl"


_WELL_KNOWN = {
    "id": ("id", Kind.TEXT),
    "name": ("file.name", Kind.TEXT),
    "size": ("file.size", Kind.INTEGER),
    "md5": ("file.checksum.md5", Kind.TEXT),
    "format": ("file.format", Kind.TEXT),
    "type": ("type", Kind.TEXT),
    "tag": ("tags", Kind.TEXT),
    "tags": ("tags", Kind.TEXT),
    "version": ("version", Kind.TEXT),
    "priority": ("priority", Kind.INTEGER),
    "created_on": ("created_on", Kind.TIME),
    "last_modified": ("last_modified", Kind.TIME),
    "expiration": ("expiration", Kind.TIME),
}
_KINDS = {**dict(_WELL_KNOWN.values()), "file.created_on": Kind.TIME, "parts.count": Kind.INTEGER}


def named(name: str) -> Field:
    """Return the field that a condition calls `name`.

    A well-known name (size, created_on, ...) is a field of the node, `node.PATH` is any field of it, and all else, as
    `attributes.PATH` for certain, is an attribute. Raises UsageError for a path that the server has no way to ask for.
    """
    if name in _WELL_KNOWN:
        path, kind = _WELL_KNOWN[name]
        return Field(name, path, kind)
    if name == "owner":
        raise UsageError(
            "the owner of a node can only be asked for as owner=USER",
            hint="attributes.owner is the attribute of that name",
        )
    root, _, rest = name.partition(".")
    path = rest if root == "node" and rest else name if root == "attributes" and rest else f"attributes.{name}"
    parts = path.split(".")
    if "" in parts or any(part.startswith("$") for part in parts):
        raise UsageError(
            f"{name!r} names no field: a path has names between its dots, and none begins with $",
            hint="a key with a dot in it can't be asked for on a Shock server",
        )
    return Field(name, path, _KINDS.get(path, Kind.ANYTHING))


def _values(value: Any, path: list[str]) -> Iterator[Any]:
    """Yield what lies at `path`: through lists, too, whose items the server looks at as well as at their positions."""
    if isinstance(value, list):
        if path and path[0].isdigit() and int(path[0]) < len(value):
            yield from _values(value[int(path[0])], path[1:])
        for item in value:
            if not path:
                yield item
            elif isinstance(item, dict):
                yield from _values(item, path)
    if not path:
        yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from _values(value[path[0]], path[1:])
