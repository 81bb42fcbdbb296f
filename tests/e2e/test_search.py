"""Search through the client: the query as text and as file, both formats, pages, refusals (DC-091 to 097, DS-046)."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest

SAMPLE = "ffffaf55-f19c-40e3-aa81-a6c69d357265.2019-08-01T200147.836832Z"
FEMALE = {"query": {"match": {"files.donor_organism_json.sex": "female"}}}


@pytest.fixture
def search(answer):
    """A function that returns the answer to a query."""
    return lambda query, *words: answer("post-search", "--replica", "aws", "--es-query", json.dumps(query), *words)


def fqids(document) -> list[str]:
    return [one["bundle_fqid"] for one in document["results"]]


def test_everything_is_found_once(search, sample):
    found = search({})
    assert sorted(fqids(found)) == sorted(f"{one.uuid}.{one.version}" for one in sample.bundles)
    assert found["total_hits"] == len(found["results"])


def test_pages(search):
    everything = fqids(search({}))
    first = search({}, "--per-page", "10", "--no-paginate")
    assert fqids(first) == everything[:10]
    last = first["results"][-1]["bundle_fqid"].replace(".", ",", 1)
    assert fqids(search({}, "--search-after", last)) == everything[10:]


def test_the_query_of_a_file(answer, search):
    Path("query.json").write_text(json.dumps(FEMALE))
    found = answer("post-search", "--replica", "aws", "--es-query", "@query.json")
    assert 0 < found["total_hits"] < search({})["total_hits"]
    assert fqids(found) == fqids(search(FEMALE))


def test_metadata_of_what_is_found(search):
    found = search(FEMALE, "--output-format", "raw", "--per-page", "100", "--no-paginate")
    assert len(found["results"]) == 10
    for one in found["results"]:
        assert "female" in [donor["sex"] for donor in one["metadata"]["files"]["donor_organism_json"]]
        assert one["metadata"]["manifest"]["files"]


def test_one_document_has_all_metadata_of_a_bundle(search):
    metadata = search({"query": {"match": {"_id": SAMPLE}}}, "--output-format", "raw")["results"][0]["metadata"]
    organ = metadata["files"]["specimen_from_organism_json"][0]["organ"]["text"]
    project = metadata["files"]["project_json"][0]["project_core"]["project_short_name"]
    both = [
        {"match": {"files.specimen_from_organism_json.organ.text": organ}},
        {"match": {"files.project_json.project_core.project_short_name": project}},
    ]
    assert SAMPLE in fqids(search({"query": {"bool": {"must": both}}}))
    assert fqids(search({"query": {"bool": {"must": both[0], "must_not": both[1:]}}})) == []


@pytest.mark.parametrize(
    "query",
    [
        {"query": {"term": {"uuid": SAMPLE[:36]}}},
        {"query": {"terms": {"uuid": [SAMPLE[:36], "x"]}}},
        {"query": {"terms": {"_id": [SAMPLE]}}},
        {"query": {"prefix": {"uuid": "FFFFAF"}}},
        {"query": {"wildcard": {"uuid": {"value": "ffffaf*"}}}},
        {"query": {"regexp": {"uuid": {"value": "ffff[a-f].*"}}}},
        {"query": {"ids": {"values": [SAMPLE]}}},
        {"query": {"constant_score": {"filter": {"term": {"uuid": SAMPLE[:36]}}}}},
        {"query": {"bool": {"must": {"prefix": {"uuid": "ffff"}}, "filter": [{"exists": {"field": "manifest"}}]}}},
        {"query": {"bool": {"should": [{"match": {"uuid": SAMPLE[:36]}}, {"match": {"uuid": "x"}}]}}},
        {"query": {"term": {"uuid": SAMPLE[:36]}}, "_source": False, "size": 3, "sort": ["_score"], "aggs": {}},
    ],
    ids=lambda query: next(iter(query["query"])),
)
def test_ways_to_ask_for_one_bundle(search, query):
    assert fqids(search(query)) == [SAMPLE]


def test_ranges(search, sample):
    between = {"range": {"manifest.version": {"gte": "2019-08-01", "lt": "2019-08-02T000000.000000Z"}}}
    wanted = {f"{one.uuid}.{one.version}" for one in sample.bundles if one.version.startswith("2019-08-01")}
    assert SAMPLE in wanted
    assert wanted == set(fqids(search({"query": between})))


def _dead(search) -> set[str]:
    return set(fqids(search({"query": {"term": {"admin_deleted": "true"}}})))


def test_deleted_bundles_are_found_unless_they_are_left_out(search, sample):
    stones = {(stone.uuid, stone.version) for stone in sample.tombstones}
    dead = {
        f"{one.uuid}.{one.version}" for one in sample.bundles if {(one.uuid, None), (one.uuid, one.version)} & stones
    }
    assert _dead(search) == dead
    living = {"query": {"bool": {"must_not": [{"term": {"admin_deleted": "true"}}]}}}
    assert set(fqids(search(living))) == set(fqids(search({}))) - dead


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"query": {"mtch": {"uuid": "x"}}}, "[mtch]"),
        ({"query": {"query_string": {"query": "x"}}}, "[query_string]"),
        ({"query": {"nested": {"path": "files", "query": {}}}}, "[nested]"),
        ({"query": {"bool": {"must": {"fuzzy": {"uuid": "x"}}}}}, "[fuzzy]"),
        ({"query": [{"match": {"uuid": "x"}}]}, "query"),
        ({"match": {"uuid": "x"}}, "[match]"),
    ],
)
def test_what_is_not_supported_is_named(ask, query, said):
    outcome = ask("dss", "post-search", "--replica", "aws", "--es-query", json.dumps(query))
    assert (outcome.exit_status, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith("hca: elasticsearch_bad_request: ")
    assert said in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1


@pytest.mark.parametrize("query", ["{", "[]", "3", "@nowhere.json"])
def test_queries_that_are_no_objects_are_not_sent(ask, nobody, query):
    outcome = ask("dss", "post-search", "--replica", "aws", "--es-query", query, **nobody)
    assert outcome.exit_status == 2
    assert "--es-query" in outcome.stderr


def test_items_of_all_pages_in_python(client):
    found = list(client.post_search.iterate(replica="aws", es_query={}, per_page=10))
    assert len(found) > 60
    for one in found:
        uuid, version = one["bundle_fqid"].split(".", 1)
        assert one["bundle_url"].endswith(f"/bundles/{uuid}?version={version}&replica=aws")
        assert one["search_score"] is None
    unknown = {"query": {"match": {"uuid": str(uuid4())}}}
    assert list(client.post_search.iterate(replica="aws", es_query=unknown)) == []
