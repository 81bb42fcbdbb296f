"""Who is told of an event, and what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hca_core import versions
from hca_local import documents
from hca_local.search import index
from hca_local.store.records import Tombstone
from hca_local.subscriptions import attachments, matching

if TYPE_CHECKING:
    from hca_local.store.records import BundleHead

# The published queries write strings as `CREATE`, which jmespath would rather see as 'CREATE'.
pytestmark = pytest.mark.filterwarnings("ignore:deprecated string literal syntax")

API = "http://127.0.0.1:5000"
URL = "http://127.0.0.1:1/hook"
BIOMATERIALS = {
    "biomaterials": [{"content": {"biomaterial_core": {"ncbi_taxon_id": 9606}}} for _ in range(2)],
}
TAXON = {
    "type": "jmespath",
    "expression": "files.biomaterial_json[].biomaterials[].content.biomaterial_core.ncbi_taxon_id[]",
}


def created(store: Any, bundle: BundleHead, replica: str = "aws") -> list[Any]:
    """Let `bundle` come into a replica and return what subscribers will be told."""
    told = documents.Documents(store.connection, store.directory.blobs, bundle)
    index.put(store.connection, bundle.number, told.index)
    matching.bundle_event(store.connection, replica, bundle, told, API)
    found: list[Any] = store.payloads()
    return found


def deleted(store: Any, bundle: BundleHead, tombstone: Tombstone) -> list[Any]:
    """Let `tombstone` delete `bundle` and return what subscribers will be told."""
    index.put(store.connection, bundle.number, documents.tombstone_index_document(bundle, tombstone))
    matching.tombstone_event(store.connection, "aws", bundle, tombstone, API)
    found: list[Any] = store.payloads()
    return found


def test_a_subscription_without_a_query_is_told_everything(store: Any) -> None:
    subscription = store.subscribe(URL)
    bundle = store.bundle({"project_0.json": {"a": 1}})
    (told,) = created(store, bundle)
    assert versions.is_valid(told.pop("event_timestamp"))
    assert len(told.pop("transaction_id")) == 36
    assert told == {
        "subscription_id": subscription.uuid,
        "event_type": "CREATE",
        "dss_api": API,
        "bundle_url": f"{API}/v1/bundles/{bundle.uuid}?version={bundle.version}",
        "match": {"bundle_uuid": bundle.uuid, "bundle_version": bundle.version},
    }


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("event_type==`CREATE` && files.project_json != `null`", 1),
        ("files.project_json[0].a == `1`", 1),
        ("files.project_json[0].a == `2`", 0),
        ("files.nothing", 0),
        ("length(event_type) > `3`", 1),
        ("length(nothing)", 0),
        ("no_such_function(@)", 0),
    ],
)
def test_a_jmespath_query_decides(store: Any, query: str, count: int) -> None:
    store.subscribe(URL, jmespath_query=query)
    told = created(store, store.bundle({"project_0.json": {"a": 1}}))
    assert [one["jmespath_query"] for one in told] == [query] * count


def test_one_expression_that_fails_does_not_keep_others_from_being_told(store: Any) -> None:
    store.subscribe(URL, jmespath_query="no_such_function(@)")
    good = store.subscribe(URL)
    assert [one["subscription_id"] for one in created(store, store.bundle({}))] == [good.uuid]


def test_the_other_replica_is_another_matter(store: Any) -> None:
    store.subscribe(URL, replica="gcp")
    assert created(store, store.bundle({})) == []
    assert len(created(store, store.bundle({}, "gcp"), "gcp")) == 1


def test_no_document_is_put_together_for_nobody(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents.Documents, "event", None)
    bundle = store.bundle({"project_0.json": {}})
    assert created(store, bundle) == []
    store.subscribe(URL)
    assert len(created(store, bundle)) == 1, "and without a query it need not be looked at"


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"query": {"match": {"files.project_json.a": "yes"}}}, 1),
        ({"query": {"match": {"files.project_json.a": "no"}}}, 0),
        ({"query": {"bool": {"must_not": [{"term": {"admin_deleted": "true"}}]}}}, 1),
    ],
)
def test_a_query_for_elasticsearch_decides(store: Any, query: dict[str, Any], count: int) -> None:
    subscription = store.subscribe(URL, es_query=query)
    bundle = store.bundle({"project_0.json": {"a": "yes"}})
    told = created(store, bundle)
    assert len(told) == count
    for one in told:
        assert len(one.pop("transaction_id")) == 36
        match = {"bundle_uuid": bundle.uuid, "bundle_version": bundle.version}
        assert one == {"subscription_id": subscription.uuid, "es_query": query, "match": match}


def test_the_taxon_example_of_the_documentation(store: Any) -> None:
    """With the list that the service makes of the files of one name, which the printed expression leaves out."""
    definitions = {"taxon": TAXON, "none": {"type": "jmespath", "expression": "nothing"}}
    store.subscribe(URL, attachments=definitions)
    store.subscribe(URL, attachments=definitions, es_query={"query": {"match_all": {}}})
    told = created(store, store.bundle({"biomaterial.json": BIOMATERIALS}))
    assert [one["attachments"] for one in told] == [{"taxon": [9606, 9606], "none": None}] * 2


def test_one_attachment_that_fails_is_told_beside_the_others() -> None:
    definitions = {name: {"expression": text} for name, text in (("bad", "length(a)"), ("good", "a"))}
    found = attachments.selected(definitions, {"a": 1})
    assert found["good"] == 1
    assert list(found["_errors"]) == ["bad"]
    assert "length" in found["_errors"]["bad"]
    assert set(found) == {"good", "_errors"}


def test_attachments_that_json_can_not_hold_are_told_with_a_sentence() -> None:
    found = attachments.selected({"odd": {"expression": "&a"}, "good": {"expression": "a"}}, {"a": 1})
    assert list(found) == ["_errors"]
    assert isinstance(found["_errors"], str)


@pytest.mark.parametrize("letter", ["x", "µ"])
def test_attachments_have_128_kib_of_utf_8(letter: str) -> None:
    room = attachments.MOST_BYTES - len('{"a": ""}')
    text = letter * (room // len(letter.encode()))
    text += "x" * (room - len(text.encode()))
    definitions = {"a": {"expression": "a"}}
    assert attachments.selected(definitions, {"a": text}) == {"a": text}
    error = f"Attachments too large ({attachments.MOST_BYTES + 1} > 131072)"
    assert attachments.selected(definitions, {"a": text + "x"}) == {"_errors": error}


def test_a_deletion_is_told_too(store: Any) -> None:
    taxon = {"type": "jmespath", "expression": "reason"}
    store.subscribe(URL, jmespath_query="event_type==`TOMBSTONE` && reason=='wrong'", attachments={"t": taxon})
    store.subscribe(URL, jmespath_query="event_type==`CREATE`")
    store.subscribe(URL, es_query={"query": {"term": {"admin_deleted": "true"}}}, attachments={"t": taxon})
    store.subscribe(URL, es_query={"query": {"exists": {"field": "files.project_json.a"}}})
    bundle = store.bundle({"project_0.json": {"a": 1}})
    told = deleted(store, bundle, Tombstone(bundle.uuid, None, "admin@example.org", "wrong"))
    assert sorted(one.get("event_type", "") for one in told) == ["", "TOMBSTONE"]
    for one in told:
        assert one["match"] == {"bundle_uuid": bundle.uuid, "bundle_version": bundle.version}
        expected = None if "event_type" in one else {"t": "wrong"}
        assert one.get("attachments") == expected


def test_metadata_with_half_a_character_is_told_all_the_same(store: Any) -> None:
    store.subscribe(URL, attachments={"a": {"type": "jmespath", "expression": "files.project_json[0].a"}})
    (told,) = created(store, store.bundle({"project_0.json": {"a": json.loads('"\\ud800"')}}))
    assert told["attachments"] == {"a": "\ud800"}
