"""What each clause finds, worked out by hand from the documentation of Elasticsearch 5 and contract §10 and §17."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = "A Word among " + "very " * 80 + "many"
ALL = {"blood", "brain", "mixed", "odd", "dead"}

DONOR = "files.donor_organism_json"
ORGAN = "files.specimen_from_organism_json.organ"
PROTOCOL = "files.sequencing_protocol_json"


@pytest.fixture(params=["store", "many"])
def filled(request: pytest.FixtureRequest) -> Any:
    """Return a store with five bundles, in the usual way and in the one for large stores."""
    store = request.getfixturevalue(request.param)
    store.add(
        "blood",
        {
            "donor_organism_json": [
                {
                    "sex": "Female",
                    "organism_age": "37",
                    "biomaterial_core": {"ncbi_taxon_id": [9606]},
                    "provenance": {"submission_date": "2019-05-14T15:43:03.942Z", "document_id": "d1"},
                    "diseases": [{"text": "normal"}],
                }
            ],
            "specimen_from_organism_json": [{"organ": {"text": "Blood", "ontology": "UBERON:0000178"}}],
            "sequencing_protocol_json": [{"paired_end": True, "depth": 5}],
            "cell_suspension_json": [{"selected_cell_types": [{"text": "CD4-positive T cell"}]}],
        },
        manifest_files=[{"name": "R1.fastq.gz", "content-type": "gzip", "size": 10}, {"name": "a.results", "size": 7}],
        uuid="aaaaaaaa-0000-4000-8000-000000000001",
        version="2019-01-01T000000.000000Z",
    )
    store.add(
        "brain",
        {
            "donor_organism_json": [
                {
                    "sex": "male",
                    "organism_age": "5",
                    "biomaterial_core": {"ncbi_taxon_id": [10090]},
                    "provenance": {"submission_date": "2019-05-15 08:00:00", "document_id": "d2"},
                }
            ],
            "specimen_from_organism_json": [{"organ": {"text": "Brain"}, "description": LONG}],
            "sequencing_protocol_json": [{"paired_end": False, "depth": 2.5}],
        },
        manifest_files=[{"name": "b.RESULTS"}],
        uuid="aaaaaaaa-0000-4000-8000-000000000002",
        version="2019-06-01T000000.000000Z",
    )
    store.add(
        "mixed",
        {
            "donor_organism_json": [
                {"sex": "female", "biomaterial_core": {"ncbi_taxon_id": [9606, 10090]}, "organism_age": "40"},
                {"sex": "mixed", "provenance": {"submission_date": "2020-01-01T00:00:00+02:00"}},
            ],
            "specimen_from_organism_json": [{"organ": {"text": "brain"}}, {"organ": {"text": "blood"}}],
            "sequencing_protocol_json": [{"paired_end": "yes", "depth": -1}],
        },
        uuid="bbbbbbbb-0000-4000-8000-000000000003",
        version="2019-07-01T000000.000000Z",
    )
    store.add(
        "odd",
        {
            "x_json": [
                {"empty": "", "nothing": None, "list": [], "object": {}, "organ": "whole blood, frozen", "a*b": 1}
            ]
        },
        manifest_files=[{"name": "100% [of] a*b?.txt", "size": 2**70}],
        uuid="cccccccc-0000-4000-8000-000000000004",
        version="2019-08-01T000000.000000Z",
    )
    store.add(
        "dead",
        admin_deleted=True,
        reason="it was wrong",
        uuid="dddddddd-0000-4000-8000-000000000005",
        version="2019-09-01T000000.000000Z",
    )
    return store


FOUND: list[tuple[dict[str, Any], set[str]]] = [
    ({"match_all": {}}, ALL),
    ({"match_all": {"boost": 1.2}}, ALL),
    ({"match_none": {}}, set()),
    # match: the whole value, whatever its case; a `.text` behind a field means its words
    ({"match": {f"{ORGAN}.text": "brain"}}, {"brain", "mixed"}),
    ({"match": {f"{ORGAN}.text": {"query": "BRAIN"}}}, {"brain", "mixed"}),
    ({"match": {f"{DONOR}.sex": "fem"}}, set()),
    ({"match": {"files.x_json.organ": "blood"}}, set()),
    ({"match": {"files.x_json.organ": "Whole Blood, frozen"}}, {"odd"}),
    ({"match": {"files.x_json.organ.text": "Blood"}}, {"odd"}),
    ({"match": {"files.x_json.organ.text": "liver blood"}}, {"odd"}),
    ({"match": {"files.x_json.organ.text": {"query": "liver blood", "operator": "and"}}}, set()),
    ({"match": {"files.x_json.organ.text": {"query": "FROZEN whole", "operator": "AND"}}}, {"odd"}),
    ({"match": {"files.x_json.organ.text": {"query": "a whole blood", "minimum_should_match": "75%"}}}, {"odd"}),
    ({"match": {"files.x_json.organ.text": {"query": "a b whole", "minimum_should_match": 2}}}, set()),
    ({"match": {"files.x_json.organ.text": "!?"}}, set()),
    ({"match": {f"{ORGAN}.text.text": "blood"}}, {"blood", "mixed"}),
    ({"match": {f"{DONOR}.biomaterial_core.ncbi_taxon_id": 9606}}, {"blood", "mixed"}),
    ({"match": {f"{DONOR}.biomaterial_core.ncbi_taxon_id": "9606"}}, {"blood", "mixed"}),
    ({"match": {f"{DONOR}.organism_age": 37}}, {"blood"}),
    ({"match": {f"{PROTOCOL}.paired_end": True}}, {"blood"}),
    ({"match": {"uuid": "AAAAAAAA-0000-4000-8000-000000000001"}}, {"blood"}),
    ({"match": {"no.such.field": "x"}}, set()),
    ({"match": {"manifest.files.content-type": "gzip"}}, {"blood"}),
    ({"match": {"files.x_json.empty": ""}}, {"odd"}),
    ({"match": {"manifest.files.size": 2**70}}, {"odd"}),
    # strings of more than 256 characters are found by their words only
    ({"match": {"files.specimen_from_organism_json.description": LONG}}, set()),
    ({"match": {"files.specimen_from_organism_json.description.text": "word"}}, {"brain"}),
    ({"match_phrase": {"files.specimen_from_organism_json.description.text": "word among very"}}, {"brain"}),
    ({"match_phrase": {"files.specimen_from_organism_json.description.text": "among word"}}, set()),
    ({"match_phrase": {"files.x_json.organ.text": {"query": "Blood, FROZEN"}}}, {"odd"}),
    ({"match_phrase": {"files.x_json.organ.text": "rozen"}}, set()),
    ({"match_phrase": {f"{DONOR}.sex": "FEMALE"}}, {"blood", "mixed"}),
    # term, terms
    ({"term": {f"{DONOR}.sex": "FeMale"}}, {"blood", "mixed"}),
    ({"term": {f"{DONOR}.sex": {"value": "male", "boost": 2}}}, {"brain"}),
    ({"term": {f"{PROTOCOL}.paired_end": "true"}}, {"blood"}),
    ({"term": {f"{PROTOCOL}.paired_end": False}}, {"brain"}),
    ({"term": {f"{PROTOCOL}.depth": "5"}}, {"blood"}),
    ({"term": {f"{PROTOCOL}.depth": 5.0}}, {"blood"}),
    ({"term": {f"{PROTOCOL}.depth": "2.5"}}, {"brain"}),
    ({"term": {f"{PROTOCOL}.depth": True}}, set()),
    ({"term": {"files.x_json.organ.text": "frozen"}}, {"odd"}),
    ({"term": {"files.x_json.organ.text": "blood frozen"}}, set()),
    ({"term": {"admin_deleted": "true"}}, {"dead"}),
    ({"terms": {f"{DONOR}.sex": ["MALE", "mixed"]}}, {"brain", "mixed"}),
    ({"terms": {f"{DONOR}.sex": [], "boost": 1}}, set()),
    ({"terms": {f"{DONOR}.biomaterial_core.ncbi_taxon_id": [1, "10090"]}}, {"brain", "mixed"}),
    ({"terms": {f"{DONOR}.provenance.document_id": [f"d{number}" for number in range(2, 5000)]}}, {"brain"}),
    ({"terms": {"_id": ["aaaaaaaa-0000-4000-8000-000000000001.2019-01-01T000000.000000Z", "x"]}}, {"blood"}),
    ({"term": {"_id": "dddddddd-0000-4000-8000-000000000005.2019-09-01T000000.000000Z"}}, {"dead"}),
    ({"ids": {"values": ["cccccccc-0000-4000-8000-000000000004.2019-08-01T000000.000000Z"]}}, {"odd"}),
    ({"ids": {"type": "doc", "values": "cccccccc-0000-4000-8000-000000000004.2019-08-01T000000.000000Z"}}, {"odd"}),
    # range: numbers, strings, dates
    ({"range": {f"{PROTOCOL}.depth": {"gte": 2.5}}}, {"blood", "brain"}),
    ({"range": {f"{PROTOCOL}.depth": {"gt": 2.5}}}, {"blood"}),
    ({"range": {f"{PROTOCOL}.depth": {"gt": "-1", "lt": "5"}}}, {"brain"}),
    ({"range": {f"{PROTOCOL}.depth": {"lte": -1, "boost": 3}}}, {"mixed"}),
    ({"range": {f"{PROTOCOL}.depth": {"from": 2.5, "to": 5}}}, {"blood", "brain"}),
    ({"range": {f"{PROTOCOL}.depth": {"from": 2.5, "to": 5, "include_lower": False}}}, {"blood"}),
    ({"range": {f"{PROTOCOL}.depth": {"from": 2.5, "to": 5, "include_upper": False}}}, {"brain"}),
    ({"range": {f"{PROTOCOL}.depth": {"from": None, "to": 0}}}, {"mixed"}),
    ({"range": {f"{PROTOCOL}.depth": {}}}, {"blood", "brain", "mixed"}),
    ({"range": {f"{DONOR}.organism_age": {"gte": "4"}}}, {"brain", "mixed"}),
    ({"range": {"manifest.version": {"gte": "2019-06-01T000000.000000Z"}}}, {"brain", "mixed", "odd", "dead"}),
    ({"range": {"manifest.version": {"gt": "2019-06-01T000000.000000Z", "lt": "2019-08"}}}, {"mixed"}),
    ({"range": {f"{DONOR}.sex": {"gte": "G", "lt": "mb"}}}, {"brain"}),
    ({"range": {f"{DONOR}.provenance.submission_date": {"gte": "2019-05-14"}}}, {"blood", "brain", "mixed"}),
    ({"range": {f"{DONOR}.provenance.submission_date": {"gt": "2019-05-14"}}}, {"brain", "mixed"}),
    ({"range": {f"{DONOR}.provenance.submission_date": {"lte": "2019-05-14"}}}, {"blood"}),
    ({"range": {f"{DONOR}.provenance.submission_date": {"lt": "2019-05-14"}}}, set()),
    ({"range": {f"{DONOR}.provenance.submission_date": {"lte": "2019"}}}, {"blood", "brain", "mixed"}),
    ({"range": {f"{DONOR}.provenance.submission_date": {"gt": "2019-05", "lte": "2019-12-31T22:00Z"}}}, {"mixed"}),
    (
        {"range": {f"{DONOR}.provenance.submission_date": {"gte": "2019-05-14T15:43:03.942Z", "lt": "2019-05-15"}}},
        {"blood"},
    ),
    ({"match": {f"{DONOR}.provenance.submission_date": "2019-05-14T17:43:03.942+02:00"}}, {"blood"}),
    ({"term": {f"{DONOR}.provenance.submission_date": "2019-05-15"}}, {"brain"}),
    # exists: the field, or anything below it
    ({"exists": {"field": DONOR}}, {"blood", "brain", "mixed"}),
    ({"exists": {"field": f"{DONOR}.diseases.text"}}, {"blood"}),
    ({"exists": {"field": "files.x_json.empty"}}, {"odd"}),
    ({"exists": {"field": "files.x_json.nothing"}}, set()),
    ({"exists": {"field": "files.x_json.list"}}, set()),
    ({"exists": {"field": "files.x_json.object"}}, set()),
    ({"exists": {"field": "files.x_jso"}}, set()),
    ({"exists": {"field": "files.specimen_from_organism_json.description"}}, {"brain"}),
    ({"exists": {"field": "files.specimen_from_organism_json.description.text"}}, {"brain"}),
    ({"exists": {"field": f"{PROTOCOL}.depth.text"}}, set()),
    # prefix, wildcard, regexp
    ({"prefix": {"uuid": "AAAAAAAA-"}}, {"blood", "brain"}),
    ({"prefix": {"uuid": {"value": "b"}}}, {"mixed"}),
    ({"prefix": {f"{DONOR}.sex": ""}}, {"blood", "brain", "mixed"}),
    ({"prefix": {"files.x_json.organ.text": "FRO"}}, {"odd"}),
    ({"prefix": {"files.x_json.organ.text": "whole b"}}, set()),
    ({"wildcard": {"manifest.files.name": {"value": "*.results"}}}, {"blood", "brain"}),
    ({"wildcard": {"manifest.files.name": "?.results"}}, {"blood", "brain"}),
    ({"wildcard": {"manifest.files.name": "results"}}, set()),
    ({"wildcard": {"manifest.files.name": "*[OF]*"}}, {"odd"}),
    ({"wildcard": {"manifest.files.name": r"*a\*b\?.txt"}}, {"odd"}),
    ({"wildcard": {"manifest.files.name": r"*\*.gz"}}, set()),
    ({"wildcard": {"files.x_json.organ.text": "bl??d"}}, {"odd"}),
    ({"wildcard": {"files.x_json.organ.text": "w*d"}}, set()),
    ({"regexp": {"files.cell_suspension_json.selected_cell_types.text": {"value": r".*T\ cell"}}}, {"blood"}),
    ({"regexp": {"files.cell_suspension_json.selected_cell_types.text": r"T\ cell.*"}}, set()),
    ({"regexp": {f"{DONOR}.sex": "(fe)?male"}}, {"blood", "brain", "mixed"}),
    ({"regexp": {f"{DONOR}.sex": "male"}}, {"brain"}),
    ({"regexp": {"files.x_json.organ.text": "fro[x-z]en"}}, {"odd"}),
    ({"regexp": {"files.x_json.organ.text": {"value": ".*blood.*frozen", "flags": "ALL"}}}, set()),
    # bool
    ({"bool": {}}, ALL),
    ({"bool": {"must": []}}, ALL),
    ({"bool": {"must": {}, "should": [{}]}}, ALL),
    ({"bool": {"must": {"term": {f"{DONOR}.sex": "female"}}}}, {"blood", "mixed"}),
    ({"bool": {"must": [{"term": {f"{DONOR}.sex": "female"}}, {"match": {f"{ORGAN}.text": "brain"}}]}}, {"mixed"}),
    (
        {"bool": {"filter": [{"term": {f"{DONOR}.sex": "female"}}], "must_not": {"term": {f"{ORGAN}.text": "brain"}}}},
        {"blood"},
    ),
    ({"bool": {"must_not": [{"term": {"admin_deleted": "true"}}]}}, ALL - {"dead"}),
    ({"bool": {"must_not": [{"match_all": {}}]}}, set()),
    ({"bool": {"should": [{"term": {f"{DONOR}.sex": "male"}}, {"term": {"admin_deleted": True}}]}}, {"brain", "dead"}),
    (
        {"bool": {"should": {"term": {f"{DONOR}.sex": "male"}}, "must_not": {"term": {"admin_deleted": True}}}},
        {"brain"},
    ),
    (
        {"bool": {"should": {"term": {f"{DONOR}.sex": "male"}}, "must": {"exists": {"field": DONOR}}}},
        {"blood", "brain", "mixed"},
    ),
    (
        {"bool": {"should": {"term": {f"{DONOR}.sex": "male"}}, "filter": {"exists": {"field": DONOR}}}},
        {"blood", "brain", "mixed"},
    ),
    # where scores don't count, a should counts
    (
        {
            "bool": {
                "filter": {"bool": {"should": {"term": {f"{DONOR}.sex": "male"}}, "must": {"exists": {"field": DONOR}}}}
            }
        },
        {"brain"},
    ),
    (
        {
            "constant_score": {
                "filter": {"bool": {"should": {"term": {f"{DONOR}.sex": "male"}}, "must": {"match_all": {}}}}
            }
        },
        {"brain"},
    ),
    (
        {"bool": {"must_not": {"bool": {"should": {"term": {f"{DONOR}.sex": "male"}}, "must": {"match_all": {}}}}}},
        ALL - {"brain"},
    ),
    ({"constant_score": {"filter": {"term": {f"{DONOR}.sex": "male"}}, "boost": 1.2}}, {"brain"}),
    (
        {
            "bool": {
                "must": {
                    "bool": {"should": [{"term": {f"{ORGAN}.text": "brain"}}, {"term": {f"{DONOR}.sex": "female"}}]}
                }
            }
        },
        {"blood", "brain", "mixed"},
    ),
]

THREE = [
    {"term": {f"{DONOR}.sex": "female"}},
    {"term": {f"{ORGAN}.text": "brain"}},
    {"term": {f"{ORGAN}.text": "blood"}},
]
MINIMA: list[tuple[Any, set[str]]] = [
    (0, {"blood", "brain", "mixed"}),  # Lucene: without must, at least one
    (1, {"blood", "brain", "mixed"}),
    (2, {"blood", "mixed"}),
    ("2", {"blood", "mixed"}),
    (3, {"mixed"}),
    (7, {"mixed"}),
    (-1, {"blood", "mixed"}),
    (-9, {"blood", "brain", "mixed"}),
    ("67%", {"blood", "mixed"}),
    ("66%", {"blood", "brain", "mixed"}),
    ("100%", {"mixed"}),
    ("-33%", {"mixed"}),
    ("-34%", {"blood", "mixed"}),
    ("2<-1", {"blood", "mixed"}),
    ("3<1", {"mixed"}),
    ("1<1 2 < 2", {"blood", "mixed"}),
]


@pytest.mark.parametrize(("query", "expected"), FOUND, ids=[str(query) for query, _ in FOUND])
def test_what_a_clause_finds(filled: Any, query: dict[str, Any], expected: set[str]) -> None:
    assert filled.find(query) == expected


@pytest.mark.parametrize("name", ["minimum_should_match", "minimum_number_should_match"])
def test_how_many_of_should_have_to_match(filled: Any, name: str) -> None:
    found = [(wanted, filled.find({"bool": {"should": THREE, name: wanted}})) for wanted, _ in MINIMA]
    assert found == MINIMA


def test_with_must_a_minimum_of_none_leaves_should_to_the_score(filled: Any) -> None:
    query = {"must": {"exists": {"field": DONOR}}, "should": THREE}
    assert filled.find({"bool": {**query, "minimum_should_match": 0}}) == {"blood", "brain", "mixed"}
    assert filled.find({"bool": {**query, "minimum_should_match": "-100%"}}) == {"blood", "brain", "mixed"}
    assert filled.find({"bool": {**query, "minimum_should_match": 2}}) == {"blood", "mixed"}


def test_lists_of_objects_lose_which_object_had_what(filled: Any) -> None:
    both = [{"term": {f"{DONOR}.sex": "mixed"}}, {"term": {f"{DONOR}.organism_age": "40"}}]
    assert filled.find({"bool": {"must": both}}) == {"mixed"}


@pytest.mark.parametrize("depth", [1, 7, 24])
def test_nesting_changes_nothing(filled: Any, depth: int) -> None:
    query: dict[str, Any] = {"term": {f"{DONOR}.sex": "female"}}
    for level in range(depth):
        other = {"bool": {"must_not": {"term": {f"{DONOR}.organism_age": f"no {level}"}}}}
        query = {
            "bool": {"must": [other], "must_not": [{"bool": {"must_not": query}}], "should": [other, other, query]}
        }
        query["bool"]["minimum_should_match"] = 2
        del query["bool"]["should"][2]
    assert filled.find(query) == {"blood", "mixed"}


def test_a_thousand_alternatives(filled: Any) -> None:
    listed = [{"match": {f"field{number}": "x"}} for number in range(1000)]
    assert filled.find({"bool": {"should": [*listed, {"term": {f"{DONOR}.sex": "male"}}]}}) == {"brain"}
    none = [{"bool": {"must_not": one}} for one in listed[:500]]
    assert filled.find({"bool": {"must": [*none, {"term": {f"{DONOR}.sex": "male"}}]}}) == {"brain"}


def test_patterns_that_nobody_should_wait_for(store: Any, time_left: Callable[[], float]) -> None:
    store.add("long", {"a_json": [{"name": "a" * 256}]})
    assert store.find({"regexp": {"files.a_json.name": "(a+)+b"}}) == set()
    assert store.find({"regexp": {"files.a_json.name": "(a*)*(a|aa)+"}}) == {"long"}
    assert store.find({"wildcard": {"files.a_json.name": "*a" * 100 + "*b"}}) == set()
    assert store.find({"wildcard": {"files.a_json.name": "*a" * 100 + "*"}}) == {"long"}
    assert time_left() > 0


@pytest.fixture
def time_left() -> Callable[[], float]:
    """Return a function that tells how much of ten seconds is left; a catastrophe would take years.

    The time of the processor counts: a busy machine is no catastrophe.
    """
    import time

    deadline = time.process_time() + 10
    return lambda: deadline - time.process_time()
