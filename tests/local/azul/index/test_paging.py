"""Pages of the index: cursors both ways, nothing twice and nothing lost, links of the service's own form."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

Index = Any


def walk(index: Index, path: str, **query: Any) -> list[dict[str, Any]]:
    """Return all pages, forwards."""
    pages = [index.found(path, **query)]
    while pages[-1]["pagination"]["next"]:
        pages.append(index.found(pages[-1]["pagination"]["next"]))
    return pages


def ids(page: dict[str, Any]) -> list[str]:
    return [hit["entryId"] for hit in page["hits"]]


# fileSource is null for some, developmentStage for few, donorDisease has many values, pairedEnd is no text.
@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize(
    "sort", ["entryId", "fileSource", "developmentStage", "donorDisease", "pairedEnd", "cellCount"]
)
def test_pages_forwards_and_backwards_are_the_same(index: Index, sort: str, order: str) -> None:
    pages = walk(index, "/index/samples", size=7, sort=sort, order=order)
    seen = [one for page in pages for one in ids(page)]
    total = pages[0]["pagination"]["total"]
    assert len(pages) == pages[0]["pagination"]["pages"] == -(-total // 7)
    assert sorted(seen) == sorted(set(seen))
    assert len(seen) == total
    assert pages[0]["pagination"]["previous"] is None
    back = [pages[-1]]
    while back[-1]["pagination"]["previous"]:
        back.append(index.found(back[-1]["pagination"]["previous"]))
    assert [ids(page) for page in reversed(back)] == [ids(page) for page in pages]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_nothing_comes_last_or_first(index: Index, order: str) -> None:
    filters = {"project": {"is": ["RetinaSpecialCases"]}}
    pages = walk(index, "/index/files", filters=filters, size=4, sort="fileSource", order=order)
    sources = [hit["files"][0]["fileSource"] for page in pages for hit in page["hits"]]
    known = [one for one in sources if one is not None]
    nulls = [None] * (len(sources) - len(known))
    assert nulls
    assert len(set(known)) > 2
    assert sources == ([*sorted(known), *nulls] if order == "asc" else [*nulls, *sorted(known, reverse=True)])


def test_of_many_values_the_smallest_counts(index: Index) -> None:
    hits = [hit for page in walk(index, "/index/projects", sort="genusSpecies", order="desc") for hit in page["hits"]]
    smallest = [min(hit["donorOrganisms"][0]["genusSpecies"]) for hit in hits]
    assert smallest == sorted(smallest, reverse=True)
    assert any(len(hit["donorOrganisms"][0]["genusSpecies"]) > 1 for hit in hits)


def test_the_last_full_page_has_no_next(index: Index) -> None:
    total = index.found("/index/projects", size=1)["pagination"]["total"]
    only = index.found("/index/projects", size=total)["pagination"]
    assert (only["count"], only["pages"], only["next"], only["previous"]) == (total, 1, None, None)
    less = index.found("/index/projects", size=total - 1)["pagination"]
    assert (less["pages"], less["count"]) == (2, total - 1)
    last = index.found(less["next"])["pagination"]
    assert (last["count"], last["next"]) == (1, None)
    assert last["previous"]


def test_an_empty_result_has_no_pages(index: Index) -> None:
    found = index.found("/index/files", {"organ": {"is": ["no such organ"]}})
    wanted = {"count": 0, "total": 0, "size": 10, "pages": 0, "next": None, "previous": None}
    assert found["pagination"] == {**wanted, "sort": "fileName", "order": "asc"}
    assert found["hits"] == []
    assert found["termFacets"]["organ"]["total"] > 0, "what one could switch to"
    assert found["termFacets"]["fileFormat"] == {"terms": [], "total": 0, "type": "terms"}


@pytest.mark.parametrize(
    ("entity_type", "sort", "order"),
    [("files", "fileName", "asc"), ("samples", "sampleId", "asc"), ("projects", "projectTitle", "asc"),
     ("bundles", "bundleVersion", "desc")],
)  # fmt: skip
def test_each_type_has_its_order(index: Index, entity_type: str, sort: str, order: str) -> None:
    found = index.found(f"/index/{entity_type}")["pagination"]
    assert (found["sort"], found["order"], found["size"]) == (sort, order, 10)
    indices = index.found("/index/catalogs")["catalogs"]["dcp46"]["plugins"]["metadata"]["indices"]
    assert indices[entity_type] == {"default_sort": sort, "default_order": order}


def test_links_lead_where_the_client_came_to(index: Index) -> None:
    here = index.url.replace("127.0.0.1", "localhost")
    filters = {"organ": {"is": ["kidney"]}}
    found = index.found(f"{here}/index/files", filters, size=3, catalog="dcp45")
    link = urlsplit(found["pagination"]["next"])
    assert f"{link.scheme}://{link.netloc}{link.path}" == f"{here}/index/files"
    pairs = parse_qsl(link.query)
    names = ["catalog", "filters", "search_after", "sort", "order", "size"]
    assert [name for name, _ in pairs] == names
    values = dict(pairs)
    assert json.loads(values["filters"]) == filters
    assert json.loads(values["search_after"]) == [found["hits"][-1]["files"][0]["name"], found["hits"][-1]["entryId"]]
    assert (values["catalog"], values["sort"], values["order"], values["size"]) == ("dcp45", "fileName", "asc", "3")
    foreign = index.send("GET", "/index/files", headers={"Host": "evil.example.org"})
    assert foreign.status_code == 403


@pytest.mark.parametrize(
    ("cursor", "status"),
    [("x", 400), ("[1]", 500), ("5", 500), ('["a", 5]', 500), ('[["a"], "b"]', 500), ('[1, "b"]', 500),
     ('["a", "b"]', 200), ('[null, "b"]', 200)],
)  # fmt: skip
@pytest.mark.parametrize("name", ["search_after", "search_before"])
def test_altered_cursors(index: Index, name: str, cursor: str, status: int) -> None:
    assert index.get("/index/files", size=1, **{name: cursor}).status_code == status


def test_both_cursors_at_once_are_refused(index: Index) -> None:
    keys = {"search_after": '["a", "b"]', "search_before": '["a", "b"]'}
    told = index.refusal("/index/files", **keys)
    assert told == (400, "BadRequestError", "Only one of search_after or search_before may be set")
    ignored = index.found("/index/files", size=1, search_after_uid="x", search_before_uid="y")
    assert ignored["pagination"]["previous"] is None
