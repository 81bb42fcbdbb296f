"""POST /search of a running deployment with the sample dataset."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from hca_local.launch import Launched

    Search = Callable[..., requests.Response]

SHORT_NAME = "files.project_json.project_core.project_short_name"
KIDNEY = {"query": {"match": {SHORT_NAME: "KIDNEYTUBULEATLAS"}}}
_LINK = re.compile(r'<([^>]*)>; rel="next"')


@pytest.fixture
def search(deployment: Launched, http: requests.Session) -> Search:
    """Return a function that sends one search: `search({"query": ...}, per_page=10)`."""

    def send(es_query: Any, url: str = "", **query: Any) -> requests.Response:
        address = url or f"{deployment.url}/v1/search"
        return http.post(address, params={"replica": "aws"} | query, json={"es_query": es_query}, timeout=30)

    return send


def walk(search: Search, es_query: Any, **query: Any) -> list[dict[str, Any]]:
    """Return the results of all pages; like the command line, it sends its query on top of every Link."""
    found: list[dict[str, Any]] = []
    url = ""
    while True:
        answer = search(es_query, url, **query)
        found += answer.json()["results"]
        if answer.status_code == 200:
            assert "Link" not in answer.headers
            assert answer.headers["X-OpenAPI-Pagination"] == "false"
            return found
        assert answer.status_code == 206
        assert answer.headers["X-OpenAPI-Pagination"] == "true"
        link = _LINK.fullmatch(answer.headers["Link"])
        assert link is not None
        url = link[1]


def test_everything_in_pages(search: Search) -> None:
    first = search({}, per_page=10)
    assert first.status_code == 206
    assert first.headers["X-OpenAPI-Paginated-Content-Key"] == "results"
    body = first.json()
    assert (body["es_query"], len(body["results"])) == ({}, 10)
    found = walk(search, {}, per_page=10)
    assert len(found) == body["total_hits"] > 60
    keys = [one["bundle_fqid"] for one in found]
    assert keys == sorted(set(keys), reverse=True)
    assert walk(search, {}, per_page=500) == found
    assert walk(search, {}, replica="gcp", per_page=500) != found
    assert [one["bundle_fqid"] for one in walk(search, {}, replica="gcp", per_page=500)] == keys


def test_a_result_of_the_summary(search: Search, http: requests.Session, deployment: Launched) -> None:
    [*_, one] = search(KIDNEY, per_page=500).json()["results"]
    uuid, _, version = one["bundle_fqid"].partition(".")
    assert one == {
        "bundle_fqid": f"{uuid}.{version}",
        "bundle_url": f"{deployment.url}/v1/bundles/{uuid}?version={version}&replica=aws",
        "search_score": None,
    }
    assert http.get(one["bundle_url"], timeout=30).json()["bundle"]["uuid"] == uuid


def test_the_next_page_has_the_query_of_the_contract(search: Search) -> None:
    answer = search({}, per_page=10, output_format="summary", foreign="x")
    link = _LINK.fullmatch(answer.headers["Link"])
    assert link is not None
    parts = urlsplit(link[1])
    last = answer.json()["results"][-1]["bundle_fqid"].split(".", 1)
    assert parts.path == "/v1/search"
    assert parse_qs(parts.query) == {
        "per_page": ["10"],
        "replica": ["aws"],
        "search_after": [",".join(last)],
        "output_format": ["summary"],
    }


def test_a_page_that_is_just_full_has_a_next_one_that_is_empty(search: Search) -> None:
    ids = [one["bundle_fqid"] for one in search({}, per_page=10).json()["results"]]
    query = {"query": {"terms": {"_id": ids}}}
    full = search(query, per_page=10)
    assert (full.status_code, full.json()["total_hits"], len(full.json()["results"])) == (206, 10, 10)
    link = _LINK.fullmatch(full.headers["Link"])
    assert link is not None
    empty = search(query, link[1], per_page=10)
    assert (empty.status_code, empty.json()["total_hits"], empty.json()["results"]) == (200, 10, [])


def test_raw_has_ten_documents_a_page(search: Search) -> None:
    answer = search(KIDNEY, output_format="raw", per_page=500)
    assert answer.status_code == 206
    results = answer.json()["results"]
    assert len(results) == 10
    for one in results:
        metadata = one["metadata"]
        assert f"{metadata['uuid']}.{metadata['manifest']['version']}" == one["bundle_fqid"]
        assert metadata["files"]["project_json"][0]["project_core"]["project_short_name"] == "KidneyTubuleAtlas"
    found = walk(search, KIDNEY, output_format="raw")
    assert [one["bundle_fqid"] for one in found] == [one["bundle_fqid"] for one in walk(search, KIDNEY)]


def test_a_deleted_bundle_is_found_as_its_tombstone(search: Search) -> None:
    dead = {"query": {"term": {"admin_deleted": "true"}}}
    living = {"query": {"bool": {"must_not": [dead["query"]]}}}
    [one, *_] = search(dead, output_format="raw").json()["results"]
    assert one["metadata"]["admin_deleted"] is True
    assert {"uuid", "manifest", "email", "reason"} <= set(one["metadata"])
    keys = [{result["bundle_fqid"] for result in walk(search, query)} for query in (dead, living, {})]
    assert keys[0].isdisjoint(keys[1])
    assert keys[0] | keys[1] == keys[2]


@pytest.mark.parametrize(
    "query",
    [
        {"bool": {"must": [{"match": {"files.donor_organism_json.sex": "female"}}]}},
        {"match": {"files.donor_organism_json.biomaterial_core.ncbi_taxon_id": 9606}},
        {"bool": {"must": {"exists": {"field": "files.project_json"}}, "must_not": {"term": {"admin_deleted": True}}}},
        {"regexp": {"files.cell_suspension_json.selected_cell_types.text": {"value": r"cell\ of.*"}}},
        {"wildcard": {"manifest.files.name": {"value": "*.fastq.gz"}}},
        {"range": {"manifest.version": {"gte": "2019-08-01", "lt": "2019-09-01"}}},
        {"terms": {"files.specimen_from_organism_json.organ.text": ["kidney", "Pancreas"]}},
        {"match": {"files.library_preparation_protocol_json.library_construction_approach.ontology": "EFO:0009310"}},
        {"match": {"files.sequencing_protocol_json.paired_end": False}},
        {"prefix": {"uuid": ""}},
    ],
    ids=str,
)
def test_queries_as_they_were_published_find_something(search: Search, query: dict[str, Any]) -> None:
    total = search({}).json()["total_hits"]
    answer = search({"query": query})
    assert 0 < answer.json()["total_hits"] <= total
    assert answer.status_code in (200, 206)


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"es_query": {"query": {"mtch": {}}}}, "elasticsearch_bad_request", "[mtch]"),
        ({"es_query": {"bool": {}}}, "elasticsearch_bad_request", "[bool]"),
        ({"es_query": {"query": []}}, "elasticsearch_bad_request", "a list"),
        ({"es_query": []}, "illegal_arguments", ""),
        ({}, "illegal_arguments", "es_query"),
    ],
)
def test_what_is_wrong_is_told(deployment: Launched, http: requests.Session, body: Any, code: str, words: str) -> None:
    answer = http.post(f"{deployment.url}/v1/search?replica=aws", json=body, timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert words in answer.json()["title"]
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("after", ["", "x", "a,b,c"])
def test_a_place_that_is_malformed(search: Search, after: str) -> None:
    answer = search({}, search_after=after)
    assert (answer.status_code, answer.json()["code"]) == (400, "elasticsearch_bad_request")


@pytest.mark.parametrize(("name", "value"), [("per_page", 9), ("per_page", 501), ("output_format", "all")])
def test_parameters_out_of_range(search: Search, name: str, value: Any) -> None:
    answer = search({}, **{name: value})
    assert (answer.status_code, answer.json()["code"]) == (400, "illegal_arguments")
