"""Citations as CSL-JSON, which Zotero, Pandoc and most programs for references read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_azul.citing.text import archived

if TYPE_CHECKING:
    from hca_azul.citing.citation import Citation, Name


def items(citation: Citation) -> list[dict[str, Any]]:
    """Return an item for the data set and one for each of its papers (schema csl-data 1.0)."""
    seen = citation.accessed
    data: dict[str, Any] = {
        "id": citation.key,
        "type": "dataset",
        "title": citation.title,
        "author": [_name(name) for name in citation.authors],
        "issued": {"date-parts": [list(citation.issued)]} if citation.issued else None,
        "accessed": {"date-parts": [[seen.year, seen.month, seen.day]]},
        "publisher": citation.publisher,
        "version": citation.release,
        "number": citation.project_id,
        "URL": citation.url,
        "note": "; ".join(map(archived, citation.accessions)),
    }
    papers: list[dict[str, Any]] = [
        {
            "id": f"{citation.key}_paper{number}",
            "type": "article-journal",
            "title": one.title,
            "DOI": one.doi,
            "URL": one.address,
        }
        for number, one in enumerate(citation.publications, 1)
    ]
    return [{name: value for name, value in item.items() if value} for item in (data, *papers)]


def _name(name: Name) -> dict[str, str]:
    return {"family": name.family, "given": name.given} if name.given else {"literal": name.family}
