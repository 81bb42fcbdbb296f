"""GET /node of the embedded Shock: the query language, pages, orders, and who sees what (contract §7)."""

from __future__ import annotations

import io
import json
import sqlite3
import tarfile
import time
import uuid
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from hca_local.shock import finding, leaves, nodes, queries, schema, search, search_schema

VALUES: dict[str, dict[str, Any]] = {
    "integer": {"v": 3},
    "digits": {"v": "3"},
    "float": {"v": 2.5},
    "boolean": {"v": True},
    "null": {"v": None},
    "missing": {},
    "word": {"v": "null"},
    "text": {"v": "alpha"},
    "list": {"v": [1, "x", {"deep": "y"}]},
    "object": {"v": {"deep": "z"}},
    "day": {"v": "2026-01-15"},
}
NUMBERS = {"integer", "float", "list"}


def make(shock: Any, attributes: Any = None, user: str | None = None, **values: str) -> str:
    """Make a node and return its id."""
    form = {name: (None, value) for name, value in values.items()}
    if attributes is not None:
        form["attributes_str"] = (None, json.dumps(attributes))
    answer = shock.send("POST", "/node", user, files=form or {"priority": (None, "0")})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["id"])


def listed(shock: Any, query: str, user: str | None = None) -> list[str]:
    """Return the ids of the nodes on one page."""
    answer = shock.send("GET", f"/node?{query}", user)
    assert answer.status_code == 200, answer.text
    assert answer.json()["error"] is None
    return [node["id"] for node in answer.json()["data"]]


@pytest.fixture(scope="module")
def values(shock: Any) -> dict[str, str]:
    """Return the names of nodes with one value each, by their ids; all have the attribute `of` = values."""
    return {make(shock, {"of": "values", **attributes}): name for name, attributes in VALUES.items()}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("v=", set(VALUES) - {"missing"}),
        ("v=3", {"integer", "digits"}),
        ("v=%2B3", {"integer"}),
        ("v=null", {"null", "missing", "word"}),
        ("v=!null", set(VALUES) - {"null", "missing", "word"}),
        ("v=!3", set(VALUES) - {"integer", "digits"}),
        ("v=alpha", {"text"}),
        ("v=!alpha", set(VALUES) - {"text"}),
        ("v=!!alpha", set(VALUES)),
        ("v=ALPHA", set()),
        ("v=true", set()),
        ("v=2.5", set()),
        ("v=[2;3]", {"integer", "float"}),
        ("v=[2;3[", {"float"}),
        ("v=]2;3]", {"integer", "float"}),
        ("v=]1;2]", set()),
        ("v=[1;1]", {"list"}),
        ("v=]1;4[", {"integer", "float"}),
        ("v=![1;3]", set(VALUES) - NUMBERS),
        ("v=[alpha;beta]", {"text"}),
        ("v=]alpha;beta]", set()),
        ("v=[a;alpha[", set()),
        ("v=[3;3]", {"integer"}),
        ("v=[2026-01-01;2026-02-01]", set()),
        ("v=[2026-01-01T;2026-02-01T]", {"day"}),
        ("v=al*", {"text"}),
        ("v=*pha", {"text"}),
        ("v=*lph*", {"text"}),
        ("v=!al*", set(VALUES) - {"text"}),
        ("v=a.p*", set()),
        ("v=a%25*", set()),
        ("v=x", {"list"}),
        ("v.deep=y", {"list"}),
        ("v.deep=*", None),
        ("v.deep=", {"list", "object"}),
        ("v.deep=null", set(VALUES) - {"list", "object"}),
        ("v=3&v=!digits", {"integer", "digits"}),
        ("v=[2;3]&v=!3", {"float"}),
    ],
)
def test_each_form_of_a_value_finds_what_the_contract_says(
    shock: Any, values: dict[str, str], value: str, expected: set[str] | None
) -> None:
    path = f"query&limit=0&of=values&{value}"
    if expected is None:
        assert shock.send("GET", f"/node?{path}").status_code == 400
    else:
        assert {values[id] for id in listed(shock, path)} == expected


@pytest.mark.parametrize("value", ["*", "!", "!*"])
def test_a_lone_mark_is_refused_in_a_sentence(shock: Any, value: str) -> None:
    answer = shock.send("GET", f"/node?query&a={value}")
    assert answer.status_code == 400
    assert value in answer.json()["error"][0]


@pytest.mark.parametrize("value", ["*", "!"])
def test_a_lone_mark_drops_the_connection_with_quirks(quirky: Any, value: str) -> None:
    import requests

    with pytest.raises(requests.ConnectionError):
        quirky.send("GET", f"/node?query&a={value}")


def test_attributes_are_addressed_by_dots_and_several_conditions_all_hold(shock: Any) -> None:
    biome = {"about": "metagenome", "metadata": {"env_biome": "ENVO:human-associated habitat"}}
    found, other = make(shock, biome), make(shock, {**biome, "about": "else"})
    query = "query&metadata.env_biome=ENVO:human-associated%20habitat"
    assert {found, other} <= set(listed(shock, f"{query}&limit=0"))
    assert listed(shock, f"{query}&about=metagenome") == [found]


def test_any_field_of_a_node_can_be_asked_for(shock: Any) -> None:
    mark = str(uuid.uuid4())
    answer = shock.send(
        "POST",
        "/node",
        files={"upload": (f"{mark}.txt", b"five!"), "tags": (None, f"t1,{mark}"), "priority": (None, "-7")},
        data={"attributes_str": json.dumps({"limit": mark, "query": "q"})},
    )
    node = answer.json()["data"]
    made = datetime.fromisoformat(node["created_on"])
    for field, value in {
        "id": node["id"],
        "file.name": f"{mark}.txt",
        "file.checksum.md5": node["file"]["checksum"]["md5"],
        "tags": mark,
        "version": node["version"],
        "attributes.limit": mark,
        "acl.owner": "public",
        "acl.read": "public",
        "type": "basic",
        "file.size": "5",
        "priority": "-7",
        "created_on": f"[{made:%Y-%m-%d};{made + timedelta(days=1):%Y-%m-%d}]",
    }.items():
        assert listed(shock, f"querynode&limit=0&id={node['id']}&{field}={value}") == [node["id"]], field
    for wrong in ("file.size=6", "type=copy", "tags=t2", "attributes.limit=!" + mark, "file.virtual=false"):
        assert listed(shock, f"querynode&id={node['id']}&{wrong}") == [], wrong


def test_query_wins_over_querynode_and_its_own_names_are_no_attributes(shock: Any) -> None:
    mark = str(uuid.uuid4())
    id = make(shock, {"mark": mark, "type": "mine", "owner": "me"})
    assert listed(shock, f"query&querynode=x&mark={mark}&type=mine") == []  # querynode is an attribute then
    assert listed(shock, f"query&mark={mark}&type=mine&owner=me&limit=5&file_name=x&archive=zip&direction=up") == [id]
    assert listed(shock, f"querynode&attributes.mark={mark}&type=mine") == []


def test_times_can_be_told_with_an_offset_and_with_z(shock: Any, quirky: Any) -> None:
    for service, reads_z in ((shock, True), (quirky, False)):
        id = make(service, {"a": 1})
        for ends, found in (("%2B00:00", True), ("Z", reads_z)):
            times = [datetime.now(UTC) + timedelta(hours=hours) for hours in (-1, 1)]
            limits = ";".join(f"{it:%Y-%m-%dT%H:%M:%S}{ends}" for it in times).replace(";", "%3B")
            assert listed(service, f"querynode&id={id}&created_on=[{limits}]") == ([id] if found else [])
            assert listed(service, f"querynode&id={id}&created_on=![{limits}]") == ([] if found else [id])


def test_what_changes_is_found_by_its_new_value_only(shock: Any) -> None:
    old, new = str(uuid.uuid4()), str(uuid.uuid4())
    id = make(shock, {"same": old, "mark": old, "list": [1, 1, 2]})
    form = {"attributes_str": (None, json.dumps({"same": old, "mark": new, "list": [2]}))}
    assert shock.send("PUT", f"/node/{id}", files=form).status_code == 200
    assert listed(shock, f"query&same={old}&mark={new}&list=2") == [id]
    assert listed(shock, f"query&same={old}&mark={old}") == []
    assert listed(shock, f"query&same={old}&list=1") == []
    assert shock.send("DELETE", f"/node/{id}").status_code == 200
    assert listed(shock, f"query&same={old}") == []


@pytest.fixture(scope="module")
def many(shock: Any) -> list[str]:
    """Return the ids of 130 nodes with the attribute `of` = many, the first one first; `number` counts them."""
    return [make(shock, {"of": "many", "number": number, "half": number // 65}) for number in range(130)]


def page(shock: Any, query: str) -> dict[str, Any]:
    answer = shock.send("GET", f"/node?query&of=many&{query}")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert list(found) == ["status", "data", "error", "limit", "offset", "total_count"]
    assert found["total_count"] == 130
    return {**found, "data": [node["attributes"]["number"] for node in found["data"]]}


def test_pages_go_back_from_the_newest_node(shock: Any, many: list[str]) -> None:
    first = page(shock, "")
    assert (first["data"], first["limit"], first["offset"]) == ([*range(129, 104, -1)], 25, 0)
    second = page(shock, "limit=10&offset=10")
    assert (second["data"], second["limit"], second["offset"]) == ([*range(119, 109, -1)], 10, 10)
    assert page(shock, "direction=asc&limit=3&offset=1")["data"] == [1, 2, 3]
    assert page(shock, "direction=up&limit=1")["data"] == [129]
    assert page(shock, "limit=-1")["data"] == [129]
    assert page(shock, "limit=5&offset=128")["data"] == [1, 0]
    assert page(shock, "offset=200")["data"] == []


def test_all_nodes_come_at_once_where_no_limit_is_wanted(shock: Any, many: list[str]) -> None:
    whole = page(shock, "limit=0")
    assert (whole["data"], whole["limit"]) == ([*range(129, -1, -1)], 0)
    assert [
        node["id"] for node in shock.send("GET", "/node?query&of=many&limit=0&direction=asc").json()["data"]
    ] == many
    assert page(shock, "limit=101&offset=29")["data"] == [*range(100, -1, -1)]


@pytest.mark.parametrize("query", ["offset=-1", "limit=x", "offset=1.5", "limit=99999999999999999999"])
def test_a_page_that_can_not_be_is_refused(shock: Any, query: str) -> None:
    answer = shock.send("GET", f"/node?{query}")
    assert answer.status_code == 400
    assert "integer" in answer.text or "negative" in answer.text


def test_the_hosted_service_takes_what_is_no_number_for_none(quirky: Any) -> None:
    for _ in range(27):
        make(quirky, {"of": "quirky"})
    assert len(listed(quirky, "query&of=quirky")) == 25
    assert len(listed(quirky, "query&of=quirky&limit=all")) == 27
    assert quirky.send("GET", "/node?offset=-1").status_code == 400


def test_nodes_can_be_ordered_by_a_value(shock: Any) -> None:
    mark = str(uuid.uuid4())
    keys = [2, 10, "b", "a", 1.5, None]
    made = {make(shock, {"mark": mark, "key": key, "sub": {"n": -at}}): key for at, key in enumerate(keys)}
    lacking = make(shock, {"mark": mark})
    query = f"query&mark={mark}&limit=0&order=key"
    ascending = [made.get(id) for id in listed(shock, f"{query}&direction=asc")]
    assert ascending == [None, None, 1.5, 2, 10, "a", "b"]
    assert [made.get(id) for id in listed(shock, query)] == ascending[::-1]
    assert [made.get(id) for id in listed(shock, f"query&mark={mark}&order=key&limit=2&offset=2&direction=asc")] == [
        1.5,
        2,
    ]
    assert listed(shock, f"query&mark={mark}&order=sub.n") == [*made, lacking]
    raw = f"querynode&attributes.mark={mark}&order=attributes.key&direction=asc&limit=3&offset=2"
    assert [made.get(id) for id in listed(shock, raw)] == [1.5, 2, 10]


def test_the_different_values_of_an_attribute(shock: Any, quirky: Any) -> None:
    mark = str(uuid.uuid4())
    for value in ("b", "a", ["a", "c"], 2, 2.0, None, True, {"x": 1}):
        make(shock, {"mark": mark, "kind": value})
    make(shock, {"mark": "other", "kind": "z"})
    answer = shock.send("GET", f"/node?query&mark={mark}&distinct=kind")
    assert answer.json() == {"status": 200, "data": [None, 2, "a", "b", "c", True], "error": None}
    refused = quirky.send("GET", "/node?distinct=kind")
    assert refused.status_code == 400
    assert "distinct" in refused.json()["error"][0]


def test_who_sees_which_node(shock: Any) -> None:
    mark = str(uuid.uuid4())
    private = make(shock, {"mark": mark}, "bob")
    public = make(shock, {"mark": mark})

    def seen(user: str | None) -> tuple[list[str], int]:
        answer = shock.send("GET", f"/node?query&mark={mark}&direction=asc", user).json()
        return [node["id"] for node in answer["data"]], answer["total_count"]

    both, only_public = ([private, public], 2), ([public], 1)
    assert [seen(user) for user in ("ann", "bob", "cal", None)] == [both, both, only_public, only_public]
    shock.send("PUT", f"/node/{private}/acl/read?users=cal", "bob")
    assert [seen(user) for user in ("cal", None)] == [both, only_public]
    shock.send("DELETE", f"/node/{private}/acl/read?users=cal", "bob")
    assert seen("cal") == only_public
    shock.send("PUT", f"/node/{private}/acl/public_read", "bob")
    assert [seen(user) for user in ("cal", None, "bob")] == [both, both, both]
    shock.send("DELETE", f"/node/{private}/acl/public_read", "bob")
    shock.send("PUT", f"/node/{private}/acl/owner?users=cal", "bob")
    shock.send("DELETE", f"/node/{private}/acl/all?users=bob", "cal")
    assert [seen(user) for user in ("cal", "bob")] == [both, only_public]


def test_nodes_can_be_found_by_who_may_do_what(shock: Any, quirky: Any) -> None:
    mark = str(uuid.uuid4())
    bobs, public = make(shock, {"mark": mark}, "bob"), make(shock, {"mark": mark})
    shock.send("PUT", f"/node/{bobs}/acl/read?users=cal", "bob")
    uuid_of_bob = shock.send("GET", f"/node/{bobs}/acl", "bob").json()["data"]["owner"]
    for query, found in {
        "owner=bob": [bobs],
        f"owner={uuid_of_bob}": [bobs],
        "read=bob,cal": [bobs],
        "read=bob,%20cal": [bobs],
        "write=cal": [],
        "delete=bob": [bobs],
        "public_read=1": [public],
        "public_owner=": [public],
        "public_write=0&public_delete": [public],
        "owner=cal&public_read": [],
        "owner=nobody-of-this-name": [],
    }.items():
        assert listed(shock, f"querynode&attributes.mark={mark}&{query}", "ann") == found, query
    assert listed(shock, f"querynode&attributes.mark={mark}&owner=bob") == []  # still only what the caller may see
    for service, expected in ((shock, 0), (quirky, 1)):
        assert listed(service, "querynode&owner=a-name-in-a-query") == []
        with closing(sqlite3.connect(service.directory.store)) as connection:
            count = connection.execute("SELECT COUNT(*) FROM shock_users WHERE name='a-name-in-a-query'").fetchone()
        assert count == (expected,)


def test_an_archive_has_all_files_that_were_found_and_with_quirks_those_of_a_page(shock: Any, quirky: Any) -> None:
    for service, most in ((shock, 27), (quirky, 25)):
        for number in range(27):
            service.post("bob", upload=(f"{number:02}.txt", b"x"), attributes_str='{"of": "archive"}')
        service.post(None, upload=("public.txt", b"x"), attributes_str='{"of": "archive", "public": 1}')
        for query, user, expected in [
            ("public=null", "bob", [*range(26, 26 - most, -1)]),
            ("public=null&limit=3&offset=1", "bob", [25, 24, 23]),
            ("public=null&limit=2&direction=asc", "ann", [0, 1]),
        ]:
            answer = service.send("GET", f"/node?query&of=archive&download_url&archive=tar&{query}", user)
            url = answer.json()["data"]["url"]
            with tarfile.open(fileobj=io.BytesIO(service.send("GET", urlsplit(url).path).content)) as archive:
                names = [name for name in archive.getnames() if not name.endswith(".md5")]
            assert names == [f"{number:02}.txt" for number in expected]
        assert service.send("GET", "/node?query&of=archive&download_url&archive=tar&public=null").status_code == 400


def test_what_can_not_be_read_is_left_out_of_an_archive(shock: Any) -> None:
    attributes_str = '{"of": "left out"}'
    for more in (
        {"upload": b"one"},
        {},
        {"upload": b"locked", "file_lock": "1"},
        {"upload": b"", "file_name": "empty"},
    ):
        shock.post(attributes_str=attributes_str, **more)
    told = shock.data(shock.send("GET", "/node?query&of=left out&download_url&archive=zip"))
    assert (told["files"], told["size"]) == (2, 3)


def connection_with_tables() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(schema.TABLES + search_schema.TABLES)
    return connection


def test_an_equality_is_looked_up_and_not_searched_for() -> None:
    with closing(connection_with_tables()) as connection:
        wanted = finding.Search(("public", "bob"), (queries.condition("attributes.a", "x", quirks=False),))
        where, values = wanted.sql()
        plan = connection.execute(f"EXPLAIN QUERY PLAN SELECT DISTINCT node FROM shock_readers WHERE {where}", values)
        steps = [row[3] for row in plan]
    assert any("shock_leaves USING PRIMARY KEY (path=? AND kind=? AND value=?)" in step for step in steps), steps
    assert not any(step.startswith("SCAN") for step in steps), steps


def test_odd_values_are_found_too_and_nothing_is_left_of_a_node() -> None:
    odd = [2**63, -(2**70), 10**400, float("nan"), "\ud800", "a\0b", "x" * 100_000, {"": {"": 1}}, [[["deep"]]]]
    with closing(connection_with_tables()) as connection:
        doc = {**nodes.new(None), "attributes": {"odd": odd}}
        nodes.add(connection, {**doc, "attributes": None})
        search.put(connection, doc)
        for value in ("deep", "a\0b", "x" * 100_000, "?"):
            condition = queries.condition("attributes.odd", value, quirks=False)
            select = f"SELECT COUNT(*) FROM shock_readers WHERE reader='*' AND {condition.sql}"
            assert connection.execute(select, condition.values).fetchone() == (1,), value[:10]
        connection.execute("DELETE FROM shock_nodes")
        search.forget(connection, doc)
        assert connection.execute("SELECT COUNT(*) FROM shock_leaves").fetchone() == (0,)
        assert connection.execute("SELECT COUNT(*) FROM shock_readers").fetchone() == (0,)


def test_the_parts_of_an_upload_are_no_values() -> None:
    doc = nodes.new(None)
    doc["parts"] = {"count": 1000, "parts": [["name", "md5"]] * 1000}
    found = {leaf for leaf in leaves.of(doc) if leaf[0].startswith("parts")}
    assert found == {
        ("parts", leaves.OBJECT, ""),
        ("parts.count", leaves.NUMBER, 1000),
        ("parts.parts", leaves.ARRAY, ""),
    }


def test_deep_attributes_do_not_exhaust_the_stack() -> None:
    attributes: Any = "end"
    for _ in range(5000):
        attributes = [attributes]
    assert ("attributes", leaves.TEXT, "end") in leaves.of({**nodes.new(None), "attributes": attributes})


def test_a_search_may_have_many_conditions_but_not_too_many(shock: Any, many: list[str]) -> None:
    began = time.monotonic()
    assert listed(shock, "query&of=many&limit=0&" + "&".join(["number=!-1"] * 199)) == many[::-1]
    assert time.monotonic() - began < 60
    answer = shock.send("GET", "/node?query&" + "&".join(["a=b"] * 2000))
    assert (answer.status_code, answer.json()["error"]) == (400, ["A query may have 200 conditions."])
