"""Facets and the summary of the index: they count what is there, whatever the page."""

from __future__ import annotations

from typing import Any

import pytest

Index = Any

SMALL = {"project": {"is": ["RetinaSpecialCases", "CordBloodImmune"]}}


def counts(facets: dict[str, Any], field: str) -> dict[Any, int]:
    """Return the counts of a facet; an age is told by its value."""
    terms = facets[field]["terms"]
    assert facets[field]["type"] == "terms"
    assert facets[field]["total"] <= sum(one["count"] for one in terms)
    assert [one["count"] for one in terms] == sorted((one["count"] for one in terms), reverse=True)
    return {
        (one["term"] or {}).get("value") if isinstance(one["term"], dict) else one["term"]: one["count"]
        for one in terms
    }


@pytest.mark.parametrize(
    "field", ["fileFormat", "organ", "fileSource", "isIntermediate", "donorDisease", "biologicalSex"]
)
def test_a_facet_tells_what_each_of_its_terms_would_find(index: Index, field: str) -> None:
    facets = index.found("/index/files", SMALL, size=1)["termFacets"]
    for term, count in counts(facets, field).items():
        value = {"true": True, "false": False}.get(term, term)
        found = index.found("/index/files", {**SMALL, field: {"is": [value]}}, size=1)
        assert found["pagination"]["total"] == count, (field, term)


def test_the_total_of_a_facet_is_that_of_the_documents(index: Index) -> None:
    """A document with two values is counted at both, and once in the total."""
    found = index.found("/index/files", SMALL, size=1)
    total, facets = found["pagination"]["total"], found["termFacets"]
    assert facets["organPart"]["total"] == facets["laboratory"]["total"] == total
    assert sum(one["count"] for one in facets["laboratory"]["terms"]) > total
    facets = index.found("/index/files", {**SMALL, "fileFormat": {"is": ["h5ad"]}}, size=1)["termFacets"]
    assert (facets["fileFormat"]["total"], facets["organ"]["total"]) == (total, 1)
    nothing = index.found("/index/files", {"organ": {"is": []}}, size=1)["termFacets"]
    assert nothing["fileFormat"] == {"terms": [], "total": 0, "type": "terms"}


def test_each_facet_ignores_its_own_filter_and_no_other(index: Index) -> None:
    all_of_them = index.found("/index/files", SMALL, size=1)["termFacets"]
    filters = {**SMALL, "fileFormat": {"is": ["h5ad", "loom"]}}
    facets = index.found("/index/files", filters, size=1)["termFacets"]
    assert counts(facets, "fileFormat") == counts(all_of_them, "fileFormat")
    assert counts(facets, "fileSource") == {"GEO": 1, "DCP/2 Analysis": 1}
    assert len(counts(facets, "project")) == 1
    two = index.found("/index/files", {**filters, "fileSource": {"is": ["GEO"]}}, size=1)["termFacets"]
    assert counts(two, "fileFormat") == {"h5ad": 1}
    assert counts(two, "fileSource") == {"GEO": 1, "DCP/2 Analysis": 1}
    assert counts(two, "organPart") == {"retina": 1, None: 1}


def test_what_terms_look_like(index: Index) -> None:
    facets = index.found("/index/files", SMALL, size=1)["termFacets"]
    assert all(one["projectId"] for one in facets["project"]["terms"])
    assert all("projectId" not in one for one in facets["projectTitle"]["terms"])
    ages = [one["term"] for one in facets["organismAge"]["terms"]]
    assert {"value": "38", "unit": "year"} in ages
    assert None in ages
    assert {one["term"] for one in facets["isIntermediate"]["terms"]} == {"true", "false", None}
    assert {one["term"] for one in facets["tissueAtlas"]["terms"]} == {"Retina", None}
    assert next(iter(facets)) == "accessible"
    assert "sourceId" not in facets
    assert len(facets) == 40


def test_facets_are_the_same_on_every_page(index: Index) -> None:
    first = index.found("/index/samples", size=5)
    second = index.found(first["pagination"]["next"])
    assert first["termFacets"] == second["termFacets"]


@pytest.mark.parametrize("filters", [{}, SMALL, {"organ": {"is": ["kidney"]}}, {"fileFormat": {"is": ["none"]}}])
def test_the_summary_adds_up(index: Index, filters: dict[str, Any]) -> None:
    found = index.found("/index/summary", filters)
    page = index.found("/index/files", filters, size=1)
    formats = found["fileTypeSummaries"]
    assert found["fileCount"] == sum(one["count"] for one in formats) == page["pagination"]["total"]
    assert found["totalFileSize"] == sum(one["totalSize"] for one in formats)
    assert isinstance(found["totalFileSize"], float)
    facets = page["termFacets"]
    expected = {} if found["fileCount"] == 0 else counts(facets, "fileFormat")
    if "fileFormat" not in filters:
        assert {one["format"]: one["count"] for one in formats} == expected
    assert len(found["projects"]) == 3
    unknown = [one for one in found["projects"] if one["projects"]["estimatedCellCount"] is None]
    assert len(unknown) == 1
    assert found["organTypes"] == [one["organType"][0] for one in found["cellCountSummaries"]]


def test_the_summary_counts_each_once(index: Index) -> None:
    found = index.found("/index/summary", {"project": {"is": ["RetinaSpecialCases"]}})
    wanted = {
        "projectCount": 1, "specimenCount": 3, "speciesCount": 2, "fileCount": 15, "donorCount": 3, "labCount": 2,
        "organTypes": ["eye"],
    }  # fmt: skip
    assert {name: found[name] for name in wanted} == wanted
    assert found["cellCountSummaries"] == [
        {"organType": ["eye"], "countOfDocsWithOrganType": 3, "totalCellCountByOrgan": 5700.0}
    ]
    assert index.refusal("/index/summary", size=1) == (400, "BadRequestError", "Unknown query parameter `size`")
