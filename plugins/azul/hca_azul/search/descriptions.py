"""Fields and catalogs as rows that people read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_azul.search import checking
from hca_azul.search.fields import Kind, named

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hca_azul.search.catalogs import Catalog
    from hca_azul.search.searching import Searching

_JOINT = ", "


def fields(searching: Searching, names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return a row for each field, or for those that are named. Raises UsageError for one that there is not."""
    known = searching.fields()
    chosen = [named(known, name) for name in names] or list(known.values())
    # Whether the service counts the values of a field is in no description of it; an answer tells.
    counted = _counted(searching) if any(one.is_facet is None for one in chosen) else {}
    return [
        {
            "field": one.name,
            "kind": one.kind.value,
            "relations": "" if one.kind is Kind.JSON else _JOINT.join(one.relations),  # the service refuses all
            "null": one.nullable,
            "facet": one.name in counted if one.is_facet is None else one.is_facet,
            "example": checking.example(one),
        }
        for one in chosen
    ]


def _counted(searching: Searching) -> dict[str, Any]:
    """Return the fields whose values the service counts."""
    return searching.facets(type=next(iter(searching.types()), "files"))


def catalogs(found: Iterable[Catalog], *, is_all: bool) -> list[dict[str, Any]]:
    """Return a row for each catalog; those for the service's own tests only if `is_all`."""
    return [
        {
            "catalog": one.name,
            "atlas": one.atlas,
            "default": one.is_default,
            "types": _JOINT.join(one.types),
            "sources": one.sources,
        }
        for one in found
        if is_all or not one.is_internal
    ]
