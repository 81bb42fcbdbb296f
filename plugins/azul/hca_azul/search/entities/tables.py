"""Entities as flat rows for tables, tsv and csv: what people look for first, lists in one cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_azul.search.hits import inner, row_of, values
from hca_azul.values import as_list

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Hit = Mapping[str, Any]

_JOINT = ", "

COLUMNS: dict[str, tuple[str, ...]] = {
    "files": ("name", "format", "size", "organ", "species", "project", "uuid", "version", "sha256"),
    "projects": ("project", "organ", "species", "donors", "cells", "files", "size", "project_id", "title"),
    "samples": ("sample", "type", "organ", "species", "disease", "donors", "files", "size", "project", "sample_id"),
    "bundles": ("bundle_uuid", "bundle_version", "organ", "species", "files", "size", "project"),
}


def columns(entity_type: str) -> tuple[str, ...]:
    """Return the columns of a type; () for one that is not the Human Cell Atlas's: its rows tell."""
    return COLUMNS.get(entity_type, ())


def flat(entity_type: str, hit: Hit) -> dict[str, Any]:
    """Return an entity of a type as a row; one of a type that is not known here with all that it says of itself."""
    make = _MAKE.get(entity_type)
    return make(hit) if make and "projects" in hit else _unknown(entity_type, hit)


def _file(hit: Hit) -> dict[str, Any]:
    row = row_of(hit)
    told = {name: getattr(row, name) for name in ("name", "format", "size", "project", "uuid", "version", "sha256")}
    return {**told, **_tissue(hit)}


def _project(hit: Hit) -> dict[str, Any]:
    return {
        **_tissue(hit),
        **_files(hit),
        "project": _cell(inner(hit, "projects", "projectShortname")),
        "title": _cell(inner(hit, "projects", "projectTitle")),
        "project_id": _cell(inner(hit, "projects", "projectId")),
        "donors": _sum(values(hit, "donorOrganisms", "donorCount")),
        "cells": _sum(values(hit, "projects", "estimatedCellCount") or values(hit, "cellSuspensions", "totalCells")),
    }


def _sample(hit: Hit) -> dict[str, Any]:
    return {
        **_tissue(hit),
        **_files(hit),
        "sample": _cell(inner(hit, "samples", "id")),
        "type": _cell(inner(hit, "samples", "sampleEntityType")),
        "disease": _cell(inner(hit, "specimens", "disease") or inner(hit, "donorOrganisms", "disease")),
        "donors": _sum(values(hit, "donorOrganisms", "donorCount")),
        "project": _cell(inner(hit, "projects", "projectShortname")),
        "sample_id": hit.get("entryId"),
    }


def _bundle(hit: Hit) -> dict[str, Any]:
    return {
        **_tissue(hit),
        **_files(hit),
        "bundle_uuid": _cell(inner(hit, "bundles", "bundleUuid")),
        "bundle_version": _cell(inner(hit, "bundles", "bundleVersion")),
        "project": _cell(inner(hit, "projects", "projectShortname")),
    }


_MAKE: dict[str, Callable[[Hit], dict[str, Any]]] = {
    "files": _file,
    "projects": _project,
    "samples": _sample,
    "bundles": _bundle,
}


def _tissue(hit: Hit) -> dict[str, Any]:
    organs = inner(hit, "specimens", "organ") or inner(hit, "samples", "effectiveOrgan")
    return {"organ": _cell(organs), "species": _cell(inner(hit, "donorOrganisms", "genusSpecies"))}


def _files(hit: Hit) -> dict[str, int | None]:
    """Return how many files belong to an entity, and their bytes; one format may be told in several parts."""
    if "fileTypeSummaries" in hit:
        counts, sizes = values(hit, "fileTypeSummaries", "count"), values(hit, "fileTypeSummaries", "totalSize")
        return {"files": _sum(counts), "size": _sum(sizes)}
    return {"files": len(as_list(hit.get("files"))), "size": _sum(values(hit, "files", "size"))}


def _unknown(entity_type: str, hit: Hit) -> dict[str, Any]:
    own = [one for one in as_list(hit.get(entity_type)) if isinstance(one, dict)]
    told = own[0] if len(own) == 1 else {}
    cells = {name: _cell(as_list(value)) for name, value in told.items() if not isinstance(value, dict)}
    return {"entryId": hit.get("entryId"), **cells}


def _cell(found: list[Any]) -> Any:
    """Return values as one cell: a number stays one, several values are joined."""
    if len(found) == 1:
        return found[0]
    return _JOINT.join(str(value) for value in found if value is not None)


def _sum(found: list[Any]) -> int | None:
    """Return the sum of numbers, None if there are none: that nothing is told is not that there is nothing."""
    numbers = [one for one in found if isinstance(one, (int, float))]
    return int(sum(numbers)) if numbers else None
