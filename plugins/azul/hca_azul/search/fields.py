"""The fields by which a service can be asked: what each holds, and how it can be compared (contract §4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Kind(StrEnum):
    """What a field holds."""

    TEXT = "text"
    DATE = "date"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    RANGE = "range of numbers"
    AGE = "value and unit"
    NESTED = "object"
    JSON = "JSON"


@dataclass(frozen=True)
class Field:
    """A field: what it holds, the relations that filters may use, whether they may ask for null (no value).

    `keys` are those of an object. `is_facet` tells whether the service counts its values, None if that is not known.
    """

    name: str
    kind: Kind = Kind.TEXT
    relations: tuple[str, ...] = ("is",)
    nullable: bool = True
    keys: tuple[str, ...] = ()
    is_facet: bool | None = None


def named(fields: Mapping[str, Field], name: str) -> Field:
    """Return the field `name`. Raises UsageError that tells which names are like it."""
    if name in fields:
        return fields[name]
    raise UsageError(f"there is no field {name!r}{did_you_mean(name, fields)}", hint="hca azul get-fields lists them")


def check_sort(fields: Mapping[str, Field], name: str) -> None:
    """Raise UsageError unless entities can be sorted by the field `name` (contract §3)."""
    field = named(fields, name)
    if field.kind in (Kind.NESTED, Kind.RANGE, Kind.JSON) or name == "accessible":
        raise UsageError(f"the service can't sort by {name}", hint="entryId is what it sorts by unless told otherwise")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `: did you mean 'organ'?` for a name that is unknown but like known ones, else nothing."""
    near = alike(name, known)
    return f": did you mean {' or '.join(map(repr, near))}?" if near else ""


def alike(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Return up to `most` of the `known` names that are like `name`, whatever their case; the most alike first."""
    import difflib

    folded: dict[str, str] = {}
    for one in known:
        folded.setdefault(one.casefold(), one)
    wanted = str(name).strip().casefold()  # of JSON in Python anything may be a key
    near = difflib.get_close_matches(wanted, folded, n=most, cutoff=0.75)
    # `format` stands for fileFormat; of what holds the whole name the shortest says least else.
    near += sorted((one for one in folded if len(wanted) > 2 and wanted in one and one not in near), key=len)
    return [folded[one] for one in near[:most]]
