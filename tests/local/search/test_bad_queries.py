"""What is refused, and with which words; whatever comes in, the answer is a QueryError."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hca_local.search import nodes, queries
from hca_local.server.problems import ProblemError

BAD: list[tuple[Any, str]] = [
    ({"query": {"mtch": {"a": "b"}}}, "[mtch] in query"),
    ({"query": {"bool": {"must": [{"query_string": {"query": "a"}}]}}}, "[query_string] in query.bool.must[0]"),
    ({"query": {"nested": {"path": "a"}}}, "[nested]"),
    ({"query": [{"match": {"a": "b"}}]}, "query has to be an object, not a list"),
    ({"query": {"match": [{"a": "b"}]}}, "query.match has to be an object, not a list"),
    ({"query": {"bool": [{"must": []}]}}, "query.bool has to be an object, not a list"),
    ({"query": {"bool": {"must": ["a"]}}}, "query.bool.must[0] has to be an object, not a string"),
    ({"query": {"bool": {"must": None}}}, "query.bool.must[0] has to be an object, not null"),
    ({"query": {"bool": {"mst": []}}}, "query.bool.mst is not supported"),
    ({"query": {"bool": {"should": [], "minimum_should_match": "some"}}}, "minimum_should_match is malformed"),
    ({"query": {"bool": {"should": [], "minimum_should_match": [1]}}}, "minimum_should_match has to be a number"),
    ({"query": {"bool": {"should": [], "minimum_should_match": "3<"}}}, "minimum_should_match is malformed"),
    ({"query": {"match": {"a": "b"}, "term": {"a": "b"}}}, "one clause; found: match, term"),
    ({"query": {"match": {}}}, "name one field; found: none"),
    ({"query": {"match": {"a": 1, "b": 2}}}, "name one field; found: a, b"),
    ({"query": {"match": {"a": ["b"]}}}, "query.match.a has to be a string"),
    ({"query": {"match": {"a": None}}}, "not null"),
    ({"query": {"match": {"a": {"value": "b"}}}}, "query.match.a needs 'query'"),
    ({"query": {"match": {"a": {"query": "b", "fuzziness": 2}}}}, "query.match.a.fuzziness is not supported"),
    ({"query": {"match": {"a": {"query": "b", "operator": "xor"}}}}, "'and' or 'or'"),
    ({"query": {"match_phrase": {"a": {"query": "b", "slop": 2}}}}, "slop is not supported"),
    ({"query": {"match_all": []}}, "not a list"),
    ({"query": {"match_all": {"a": 1}}}, "query.match_all.a is not supported"),
    ({"query": {"term": {"a": {"b": "c"}}}}, "query.term.a needs 'value'"),
    ({"query": {"terms": {"a": "b"}}}, "query.terms.a has to be a list"),
    ({"query": {"terms": {"a": [["b"]]}}}, "not a list"),
    ({"query": {"terms": {"a": {"index": "i", "id": 1, "path": "p"}}}}, "has to be a list"),
    ({"query": {"terms": {"a": [1] * 65537}}}, "65537 values, 65536 are possible"),
    ({"query": {"ids": {}}}, "not null"),
    ({"query": {"range": {"a": 5}}}, "query.range.a has to be an object"),
    ({"query": {"range": {"a": {"gte": [1]}}}}, "query.range.a.gte"),
    ({"query": {"range": {"a": {"gte": 1, "gt": 1}}}}, "both 'gt' and 'gte'"),
    ({"query": {"range": {"a": {"gte": "now-1d"}}}}, "calculating with dates"),
    ({"query": {"range": {"a": {"gte": "2019-01-01||/M"}}}}, "calculating with dates"),
    ({"query": {"range": {"a": {"gte": 1, "format": "yyyy"}}}}, "query.range.a.format is not supported"),
    ({"query": {"range": {"a": {"from": 1, "include_lower": "yes"}}}}, "include_lower has to be a boolean"),
    ({"query": {"exists": {"field": ["a"]}}}, "query.exists.field has to be a string"),
    ({"query": {"exists": {"field": "a.*"}}}, "pattern of field names"),
    ({"query": {"exists": {}}}, "query.exists.field"),
    ({"query": {"regexp": {"a": "(b"}}}, "a parenthesis is not closed"),
    ({"query": {"regexp": {"a": "[b"}}}, "ends too early"),
    ({"query": {"regexp": {"a": "<1-5>"}}}, "numeric intervals"),
    ({"query": {"regexp": {"a": "b{1,x}"}}}, "no number of repetitions"),
    ({"query": {"regexp": {"a": "b{99999}"}}}, "repetitions"),
    ({"query": {"regexp": {"a": "(" * 900}}}, "too complex"),
    ({"query": {"regexp": {"a": "a" * 1001}}}, "longer than 1000"),
    ({"query": {"regexp": {"a": {"value": "b", "flags": "NONE"}}}}, "flags"),
    ({"query": {"wildcard": {"a": "a" * 1001}}}, "longer than 1000"),
    ({"query": {"constant_score": {}}}, "query.constant_score.filter has to be an object, not null"),
    ({"query": {"constant_score": {"filter": [{"match_all": {}}]}}}, "not a list"),
    ({"query": {"constant_score": {"query": {"match_all": {}}}}}, "query.constant_score.query is not supported"),
    ({"bool": {}}, "Unknown key [bool] in the search body"),
    ({"query": {"match_all": {}}, "post_filter": {}}, "[post_filter]"),
    ([], "The search body has to be an object"),
    ({"query": {"bool": {"should": [{"match_all": {}}] * 1025}}}, "more than 1024 clauses"),
]


@pytest.mark.parametrize(("body", "words"), BAD, ids=[str(body)[:80] for body, _ in BAD])
def test_what_is_refused(body: Any, words: str) -> None:
    with pytest.raises(queries.QueryError) as caught:
        queries.parse(body)
    assert words in caught.value.title
    assert isinstance(caught.value, ProblemError)
    assert (caught.value.status, caught.value.code) == (400, "elasticsearch_bad_request")


@pytest.mark.parametrize("key", ["must", "must_not", "filter", "should"])
@pytest.mark.parametrize("depth", [51, 900])
def test_nesting_has_an_end(key: str, depth: int) -> None:
    query: Any = {"match_all": {}}
    for _ in range(depth):
        query = {"bool": {key: query}}
    with pytest.raises(queries.QueryError, match="nested more than 50 deep"):
        queries.parse({"query": query})


def test_an_empty_query_is_everything() -> None:
    assert queries.parse({}) == queries.parse({"query": {}}) == queries.parse({"size": 3}) == nodes.Everything()


def test_what_a_search_body_says_besides_is_ignored() -> None:
    query = {"match": {"a": "b"}}
    besides = {"_source": False, "size": 1, "from": 2, "sort": [], "version": True, "aggs": {"x": {}}}
    assert queries.parse({"query": query, **besides}) == queries.parse({"query": query})


def test_a_subscription_may_leave_the_wrapper_out() -> None:
    query = {"match": {"a": "b"}}
    assert queries.parse(query, wrapped=False) == queries.parse({"query": query}, wrapped=False)
    assert queries.parse({"query": query}) == queries.parse({"query": query}, wrapped=False)
    assert queries.parse({"bool": {}}, wrapped=False) == nodes.Everything()
    with pytest.raises(queries.QueryError, match="mtch"):
        queries.parse({"mtch": {}}, wrapped=False)


def test_scores_and_the_way_a_query_is_run_do_not_matter() -> None:
    assert queries.parse({"query": {"prefix": {"a": {"value": "b", "boost": 2, "rewrite": "constant_score"}}}}) == (
        queries.parse({"query": {"prefix": {"a": "b"}}})
    )


def test_nonsense_of_any_shape_is_a_query_error() -> None:
    """Every part of a good query replaced by things that don't belong there."""
    good = {
        "query": {
            "bool": {
                "must": [{"match": {"a": {"query": "b", "operator": "and"}}}, {"range": {"a": {"gte": 1}}}],
                "should": {"constant_score": {"filter": {"terms": {"a": ["b", 1]}}}},
                "filter": [{"regexp": {"a": {"value": "b"}}}, {"ids": {"values": ["x"]}}, {"exists": {"field": "a"}}],
                "minimum_should_match": "50%",
            }
        }
    }
    text = json.dumps(good)
    parts = ['"b"', '"a"', "1", '["x"]', '"50%"', '{"gte": 1}', '["b", 1]', '"and"', '{"value": "b"}']
    for part in parts:
        for nonsense in ("null", "[]", "{}", "[[1]]", '{"x": {"y": []}}', "1e999", "-0", '""', '"\\ud800"', "true"):
            changed = text.replace(part, nonsense, 1)
            try:
                queries.parse(json.loads(changed))
            except (queries.QueryError, json.JSONDecodeError):
                continue
