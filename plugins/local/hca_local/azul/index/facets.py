"""How many documents have each value of a field (contract §3)."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import chain
from typing import TYPE_CHECKING, Any

from hca_local.azul.index import fields

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hca_local.azul.index.documents import Document
    from hca_local.azul.index.selecting import Selection


# Facets whose values differ from file to file. In all others documents with the same chains are alike.
_OF_FILES = frozenset({"fileFormat", "fileSource", "isIntermediate", "contentDescription"})


def of(selection: Selection) -> dict[str, Any]:
    """Return all facets by field: each ignores the filter on its own field."""
    each = [(document, 1) for document in selection.chosen]
    alike = _alike(selection.chosen)
    return {
        field: _facet(field, each if field in _OF_FILES else alike, selection)
        for field in ("accessible", *fields.FACETS)
    }


def _alike(documents: Iterable[Document]) -> list[tuple[Document, int]]:
    """Return one document of those with the same chains, and so of the same project, and how many they are."""
    first = {document.chains: document for document in documents}
    numbers = Counter(document.chains for document in documents)
    return [(document, numbers[chains]) for chains, document in first.items()]


def _facet(field: str, counted: Iterable[tuple[Document, int]], selection: Selection) -> dict[str, Any]:
    counts: Counter[Any] = Counter()
    projects: defaultdict[Any, dict[str, None]] = defaultdict(dict)
    others = ((document, 1) for document in selection.nearly.get(field, ()))
    for document, number in chain(counted, others):
        for term in {_key(value) for value in _values(field, document, selection)}:
            counts[term] += number
            if field == "project":
                projects[term][document.project.id] = None
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0] is None, str(item[0])))
    terms: list[dict[str, Any]] = [{"term": _term(key), "count": count} for key, count in ordered]
    if field == "project":
        for row, (key, _) in zip(terms, ordered, strict=True):
            row["projectId"] = [*projects[key]]
    # How many documents were looked at: of several terms a document is counted at each.
    total = len(selection.chosen) + len(selection.nearly.get(field, ()))
    return {"terms": terms, "total": total, "type": "terms"}


def _values(field: str, document: Document, selection: Selection) -> list[Any]:
    return [selection.is_accessible(document)] if field == "accessible" else document.values(field)


def _key(value: Any) -> Any:
    """Return what can be counted in place of a value: of a tissue atlas the name, an age as a pair."""
    if value is True or value is False:
        return "true" if value else "false"
    if type(value) is not dict:
        return value
    return value["atlas"] if "atlas" in value else (value["value"], value["unit"])


def _term(key: Any) -> Any:
    """Return how a key is told: as text, an age as an object, nothing as null."""
    if isinstance(key, tuple):
        return {"value": key[0], "unit": key[1]}
    return None if key is None else str(key)
