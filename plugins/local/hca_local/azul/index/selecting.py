"""Which documents, and which files, a caller gets for filters (contract §4, §10)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_local.azul.calls import AzulError
from hca_local.azul.index import documents, filters, matching

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hca_local.azul.access import Caller
    from hca_local.azul.atlas.values import Catalog, File
    from hca_local.azul.index.documents import Document
    from hca_local.azul.index.filters import Filters


@dataclass(frozen=True)
class Selection:
    """The documents that fit all filters, and, for each filter's field, those that fit all others but not it."""

    chosen: list[Document]
    nearly: dict[str, list[Document]]
    readable: frozenset[str]

    def is_accessible(self, document: Document) -> bool:
        """Tell whether the caller may read the source of a document."""
        return document.project.source.id in self.readable


def parsed(text: Any, catalog: Catalog, caller: Caller, *, old: bool) -> Filters:
    """Return the filters in the JSON `text`, none for None. Raises AzulError (400; 403 for a source of others)."""
    found = filters.parsed(text, old=old)
    wanted = found.get("sourceId", {}).get("is", [])
    if any(isinstance(one, str) and one not in caller.sources(catalog) for one in wanted):
        raise AzulError(403, "ForbiddenError", "Cannot filter by source IDs that are not accessible")
    return found


def chosen(catalog: Catalog, entity_type: str, given: Filters, caller: Caller, *, old: bool) -> Selection:
    """Return the documents of a type for filters that have been parsed.

    Projects are there for everybody, all else for those who may read its source. Raises AzulError (500).
    """
    readable = caller.sources(catalog)
    tests = matching.tests(filters.without_access(given), old=old)
    access = given.get("accessible", {}).get("is")
    selection = Selection([], {field: [] for field in (*tests, "accessible")}, readable)
    for document in documents.of(catalog, entity_type):
        is_readable = document.project.source.id in readable
        if entity_type != "projects" and not is_readable:
            continue
        failed = [field for field, test in tests.items() if not test(document)]
        if access is not None and is_readable not in access:
            failed.append("accessible")
        if not failed:
            selection.chosen.append(document)
        elif len(failed) == 1:
            selection.nearly[failed[0]].append(document)
    return selection


def select(catalog: Catalog, given: Filters, caller: Caller, *, old: bool) -> list[File]:
    """Return the files for filters that have been parsed, in the order of their ids. Raises AzulError (500)."""
    found = chosen(catalog, "files", given, caller, old=old)
    return [document.files[0] for document in found.chosen]


def canonical(given: Mapping[str, Any]) -> str:
    """Return `given` filters as JSON that is the same for the same filters."""
    return json.dumps(given, sort_keys=True, separators=(",", ":"))
