"""Fields: those that a service lists, and those that are supposed where it lists none."""

from __future__ import annotations

from typing import Any

import pytest

from hca_azul.search import checking, fields, packaged, served
from hca_azul.search.fields import Field, Kind
from hca_azul.search.filters import Filter
from hca_core.errors import UsageError


def _relation(name: str, items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "array", "items": items}}, "required": [name]}


def _described(schemas: dict[str, Any]) -> dict[str, Any]:
    filters = {"name": "filters", "content": {"application/json": {"schema": {"properties": schemas}}}}
    return {"paths": {"/index/{entity_type}": {"get": {"parameters": [{"name": "catalog"}, filters]}}}}


PAIR = {"type": "array", "items": {"type": "integer"}}
SCHEMAS = {
    "organ": _relation("is", {"type": "string", "nullable": True}),
    "fileId": _relation("is", {"type": "string"}),
    "fileSize": {
        "oneOf": [_relation("is", {"type": "integer", "nullable": True}), _relation("within", PAIR)],
    },
    "pairedEnd": _relation("is", {"type": "boolean", "nullable": True}),
    "updateDate": {"oneOf": [_relation("is", {"type": "string", "nullable": True}), _relation("within", PAIR)]},
    "organismAge": _relation("is", {"type": "object", "properties": {"value": {}, "unit": {}}, "nullable": True}),
    "organismAgeRange": {"oneOf": [_relation("is", PAIR), _relation("contains", {"anyOf": []})]},
    "accessions": _relation("is", {"type": "object", "properties": {"namespace": {}, "accession": {}}}),
    "assayType": _relation("is", {"type": "object"}),
    "datasets.title": _relation("is", {"type": "string", "nullable": True}),
}


def test_what_a_service_lists_is_read() -> None:
    found = served.fields(_described(SCHEMAS))
    assert list(found) == sorted(SCHEMAS)
    assert found["organ"] == Field("organ", Kind.TEXT, ("is",), True, is_facet=True)
    assert found["fileId"] == Field("fileId", Kind.TEXT, ("is",), False, is_facet=False)
    assert found["fileSize"] == Field("fileSize", Kind.INTEGER, ("is", "within"), True, is_facet=False)
    assert found["accessions"].keys == ("namespace", "accession")
    assert found["datasets.title"].is_facet is None
    kinds = {name: one.kind for name, one in found.items()}
    assert kinds["organismAge"] is Kind.AGE
    assert kinds["organismAgeRange"] is Kind.RANGE
    assert kinds["assayType"] is Kind.JSON
    assert kinds["updateDate"] is Kind.DATE
    assert kinds["pairedEnd"] is Kind.BOOLEAN


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"paths": []},
        {"paths": {"/index/{entity_type}": {"get": {"parameters": []}}}},
        {"paths": {"/index/{entity_type}": {"get": {"parameters": ["filters"]}}}},
        _described({"organ": {}}),
        _described({"organ": _relation("is", {"type": "cheese"})}),
        _described({"organ": 5}),
    ],
)
def test_what_is_no_list_of_fields_gives_none(document: dict[str, Any]) -> None:
    assert served.fields(document) == {}


def test_there_are_64_packaged_fields() -> None:
    known = packaged.fields()
    assert len(known) == 64
    assert sum(bool(one.is_facet) for one in known.values()) == 40
    assert known["fileSize"].relations == ("is", "within")
    assert not known["sourceId"].nullable
    assert known["organ"].nullable


def test_examples_of_conditions_hold() -> None:
    for field in packaged.fields().values():
        if field.kind is not Kind.JSON:
            for example in checking.example(field).replace(" or ", ", ").split(", "):
                assert Filter.parse(example).as_dict()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("Organ", "organ"),
        ("species", "genusSpecies"),
        ("filesize", "fileSize"),
        ("genus_species", "genusSpecies"),
        ("xyzzy", None),
        ("an", None),
    ],
)
def test_names_that_are_alike_are_found(name: str, near: str | None) -> None:
    assert next(iter(fields.alike(name, packaged.fields())), None) == near


@pytest.mark.parametrize("name", ["accessions", "tissueAtlas", "organismAgeRange", "assayType", "accessible", "orgn"])
def test_sorting_that_fails_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        fields.check_sort(packaged.fields(), name)
    fields.check_sort(packaged.fields(), "fileSize")
