"""Pages, replicas, replacements: what a search gives while the index changes, and what is kept of it."""

from __future__ import annotations

import random
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from hca_local.search import finding, index, queries
from hca_local.search.finding import Found
from hca_local.store import database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BROAD = {"query": {"term": {"files.a_json.kind": "broad"}}}
RARE = {"query": {"term": {"files.a_json.kind": "rare"}}}
QUERIES = [{}, BROAD, RARE, {"query": {"bool": {"must_not": RARE["query"]}}}]


def uuid(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"


def fill(store: Any, numbers: Iterator[int] | range) -> None:
    for number in numbers:
        kinds = ["broad", "rare"] if number % 20 == 0 else ["broad"]
        store.add(f"{number}", {"a_json": [{"kind": kinds, "number": number}]}, uuid=uuid(number))


def walk(store: Any, query: dict[str, Any], count: int, between: Callable[[], None] = lambda: None) -> list[str]:
    """Return the uuids of all pages, with `between` called before each but the first."""
    found: list[str] = []
    after = None
    while True:
        page = store.page(query, after, count)
        found += [key[0] for key in page.keys]
        if len(page.keys) < count:
            return found
        after = page.keys[-1]
        between()


@pytest.mark.parametrize("kind", ["store", "many"])
@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_pages_have_every_hit_once_the_largest_first(request: pytest.FixtureRequest, kind: str, query: Any) -> None:
    store = request.getfixturevalue(kind)
    numbers = list(range(1, 61))
    random.Random(3).shuffle(numbers)
    fill(store, iter(numbers))
    expected = walk(store, query, 500)
    assert expected == sorted(expected, reverse=True)
    for count in (1, 7, len(expected), 60):
        assert walk(store, query, count) == expected
    assert store.page(query, None, 5).total == len(expected)
    assert {len(walk(store, one, 7)) for one in QUERIES} == {60, 3, 57}


def test_versions_of_a_bundle_come_the_latest_first(store: Any) -> None:
    for version in ("2019-01-01T000000.000000Z", "2019-03-01T000000.000000Z", "2019-02-01T000000.000000Z"):
        store.add(version, uuid=uuid(1), version=version)
    assert [key[1][:7] for key in store.page({}).keys] == ["2019-03", "2019-02", "2019-01"]
    behind = store.page({}, (uuid(1), "2019-02-01T000000.000000Z"))
    assert [key[1][:7] for key in behind.keys] == ["2019-01"]
    assert behind.total == 3


def test_a_place_that_is_no_bundle_is_a_place_all_the_same(store: Any) -> None:
    fill(store, range(1, 10))
    assert [key[0] for key in store.page({}, (uuid(4)[:-1], "")).keys] == [uuid(3), uuid(2), uuid(1)]
    assert store.page({}, ("", "")).keys == []
    assert len(store.page({}, ("zzz", "x")).keys) == 9


@pytest.mark.parametrize("query", [{}, BROAD], ids=str)
def test_a_walk_while_bundles_come_has_no_gap_and_nothing_twice(store: Any, query: Any) -> None:
    fill(store, range(100, 200))
    chance = random.Random(5)
    coming = iter(chance.sample([*range(100), *range(200, 300)], 80))

    def add_some() -> None:
        fill(store, iter([next(coming), next(coming)]))

    found = walk(store, query, 7, add_some)
    assert len(found) == len(set(found))
    assert found == sorted(found, reverse=True)
    assert {uuid(number) for number in range(100, 200)} <= set(found)
    assert any(one < uuid(100) for one in found), "what comes behind the place of the walk is found"


def test_what_was_put_is_found_at_once(store: Any) -> None:
    for number in range(1, 5):
        fill(store, iter([number]))
        assert store.page(BROAD).total == number


def test_a_transaction_that_failed_leaves_nothing(store: Any) -> None:
    fill(store, range(1, 3))
    before = [store.count(table) for table in ("search_values", "search_postings", "search_documents")]

    def fail() -> None:
        with database.transaction(store.connection):
            store.put("aws", f"{uuid(9)}.v", {"uuid": uuid(9), "manifest": {"version": "v"}, "new": {"field": 1}})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    del store.numbers["aws", f"{uuid(9)}.v"]
    assert store.page({}).total == 2
    assert [store.count(table) for table in ("search_values", "search_postings", "search_documents")] == before
    fill(store, range(9, 10))
    assert store.page(BROAD).total == 3


def test_replicas_are_separate_and_share_their_documents(store: Any) -> None:
    document = store.add("both", {"a_json": [{"kind": "broad"}]}, replicas=("aws", "gcp"))
    tables = ("search_fields", "search_values", "search_postings", "search_documents")
    one = [store.count(table) for table in tables]
    store.add("aws only", {"a_json": [{"kind": "broad"}]})
    assert store.find(BROAD["query"]) == {"both", "aws only"}
    assert store.find(BROAD["query"], "gcp") == {"both"}
    assert one[3] == 1
    before = [store.count(table) for table in tables]
    with database.transaction(store.connection):
        store.put("gcp", f"{document['uuid']}.{document['manifest']['version']}", document)
    assert [store.count(table) for table in tables] == before
    assert store.count("search_bundles") == 3


def test_a_tombstone_takes_the_place_of_the_document(store: Any) -> None:
    document = store.add("bundle", {"a_json": [{"kind": "broad"}]}, replicas=("aws", "gcp"))
    key = f"{document['uuid']}.{document['manifest']['version']}"
    stone = {
        "email": "a@b.org",
        "reason": "wrong",
        "admin_deleted": True,
        "uuid": document["uuid"],
        "manifest": {"version": document["manifest"]["version"]},
    }
    assert store.find(BROAD["query"]) == {"bundle"}
    with database.transaction(store.connection):
        store.put("aws", key, stone)
    assert store.find(BROAD["query"]) == set()
    assert store.find(BROAD["query"], "gcp") == {"bundle"}
    assert store.find({"term": {"admin_deleted": "true"}}) == {"bundle"}
    assert store.find({"term": {"_id": key}}) == {"bundle"}
    assert store.find({"match_all": {}}) == {"bundle"}
    assert store.find({"bool": {"must_not": [{"term": {"admin_deleted": "true"}}]}}) == set()
    assert store.find({"match": {"reason": "WRONG"}}, "gcp") == set()


def test_hits_are_kept_until_the_index_changes(store: Any) -> None:
    fill(store, range(1, 50))
    asked: list[str] = []
    store.connection.set_trace_callback(asked.append)
    first = store.page(BROAD, None, 10)
    searched = len(asked)
    store.page(BROAD, first.keys[-1], 10)
    again = asked[searched:]
    assert any("search_postings" in one for one in asked[:searched])
    assert not any("search_postings" in one or "ORDER BY" in one for one in again)
    store.page(BROAD, None, 10, replica="gcp")
    fill(store, range(50, 51))
    assert store.page(BROAD).total == 50


def test_no_more_hits_are_kept_than_there_is_room_for(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, range(1, 30))
    monkeypatch.setattr(finding, "MOST_KEPT", 60)
    monkeypatch.setattr(finding, "MOST_SEARCHES", 5)
    for number in range(20):
        assert store.page({"query": {"bool": {"must_not": {"term": {"a": number}}}}}).total == 29
        assert store.found._size == sum(len(hits) for _, hits in store.found._kept.values()) <= 60
    for number in range(20):
        assert store.page({"query": {"term": {"a": number}}}).total == 0
    assert len(store.found._kept) == 5
    assert store.page({}).total == 29


def test_a_bundle_without_a_document_matches_nothing(store: Any) -> None:
    assert finding.matches(store.connection, 77, queries.parse({})) is False


def test_functions_are_made_while_other_statements_run(store: Any) -> None:
    """The caller may be in the middle of a list of subscriptions."""
    fill(store, range(1, 4))
    open_cursor = store.connection.execute("SELECT number FROM bundles")
    next(open_cursor)
    for pattern in ("b.*", "ra.*"):
        query = queries.parse({"query": {"regexp": {"files.a_json.kind": pattern}}})
        assert finding.matches(store.connection, 2, query) is (pattern == "b.*")
    assert len(open_cursor.fetchall()) == 2


def test_a_pattern_that_becomes_too_complex_is_the_callers_mistake(store: Any) -> None:
    chance = random.Random(1)
    letters = ["".join(chance.choice("ab") for _ in range(250)) for _ in range(300)]
    store.add("letters", {"a_json": letters})
    body = {"query": {"regexp": {"files.a_json": ".*a.{200}&.*b.{150}a.{20}"}}}
    with pytest.raises(queries.QueryError, match="too complex"):
        store.page(body)
    assert store.page({}).total == 1


@pytest.mark.parametrize(
    "value",
    ["\ud800 half", "nul \0 inside", "Ünï-ß", 2**63, -(2**70), 10**400, 1e308, float("inf"), "9" * 300, "2019-02-30"],
)
def test_odd_values_are_found(store: Any, value: Any) -> None:
    store.add("odd", {"a_json": [value]})
    store.add("other", {"a_json": ["something else", 3]})
    assert store.find({"exists": {"field": "files.a_json"}}) == {"odd", "other"}
    if value != "9" * 300:
        assert store.find({"term": {"files.a_json": value}}) == {"odd"}


def test_a_value_that_is_no_number_is_left_out(store: Any) -> None:
    store.add("nan", {"a_json": [float("nan")]})
    assert store.find({"exists": {"field": "files.a_json"}}) == set()


def test_a_document_may_be_nested_more_deeply_than_calls(store: Any) -> None:
    nested: Any = "bottom"
    for _ in range(400):
        nested = [{"a": nested}]
    store.add("deep", {"x": nested})
    assert store.find({"term": {"files.x" + ".a" * 400: "BOTTOM"}}) == {"deep"}


def test_putting_needs_a_bundle_row_that_exists(store: Any) -> None:
    document = {"uuid": "u", "manifest": {"version": "v"}}
    with pytest.raises(sqlite3.IntegrityError), database.transaction(store.connection):
        index.put(store.connection, 99, document)


def test_two_stores_do_not_share_what_was_found(store: Any) -> None:
    fill(store, range(1, 4))
    assert finding.page(store.connection, Found(), "aws", queries.parse({}), None, 2).total == 3
