"""Filters of the index: what each relation selects, what is refused in which words, what ends as an opaque 500."""

from __future__ import annotations

import json
from typing import Any

import pytest

Index = Any

BAD = "The value of the `{}` relation in the `filters` parameter entry for `{}` {}"
YEAR = 365 * 24 * 60 * 60
RETINA = {"project": {"is": ["RetinaSpecialCases"]}}


def names(index: Index, filters: dict[str, Any], **query: Any) -> set[str]:
    """Return the names of the files of the hand-made project that fit `filters`."""
    found = index.found("/index/files", {**RETINA, **filters}, size=100, **query)
    return {hit["files"][0]["name"] for hit in found["hits"]}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"fileFormat": {"is": ["h5ad", "loom"]}}, {"retina.h5ad", "retina.loom"}),
        ({"fileFormat": {"is": ["H5AD"]}}, set()),
        ({"fileFormat": {"is": []}}, set()),
        ({"fileName": {"is": ["plate #1: notes.tsv"]}}, {"plate #1: notes.tsv"}),
        ({"fileSize": {"within": [[300008, 300008]]}}, {"retina.h5ad"}),
        ({"fileSize": {"within": [[100_000, 400_000], [200_000.0, 300_008]]}}, {"retina.h5ad"}),
        ({"fileSize": {"within": [[100_000, 200_000], [200_000, 400_000]]}}, set()),
        ({"fileSize": {"is": [300008.0]}}, {"retina.h5ad"}),
        ({"matrixCellCount": {"is": [None]}, "fileFormat": {"is": ["h5ad", "loom"]}}, {"retina.loom"}),
        ({"isIntermediate": {"is": [True]}}, {"lost.bam"}),
        ({"isIntermediate": {"is": [False]}}, {"retina.h5ad", "retina.loom", "retina.zarr/.zattrs"}),
        ({"isIntermediate": {"is": [True, False]}, "fileFormat": {"is": ["bam", "loom"]}}, {"lost.bam", "retina.loom"}),
        ({"organismAge": {"is": [{"value": "6-12", "unit": "week"}]}, "fileFormat": {"is": ["loom"]}}, {"retina.loom"}),
        ({"organismAge": {"is": [{"value": "6", "unit": "week"}]}}, set()),
        ({"organismAge": {"is": [None]}}, {"cells.csv", "counts.csv", "plate #1: notes.tsv"}),
        ({"modelOrgan": {"is": ["eye"]}, "fileFormat": {"is": ["csv"]}}, {"cells.csv", "counts.csv"}),
        ({"fileName": {"within": [["a", "z"]]}}, set()),
    ],
)  # fmt: skip
def test_what_is_selected(index: Index, filters: dict[str, Any], expected: set[str]) -> None:
    assert names(index, filters) == expected


@pytest.mark.parametrize(
    ("relation", "value", "fits"),
    [
        ("contains", 38 * YEAR, True),
        ("contains", [38 * YEAR, 38 * YEAR], True),
        ("contains", 39 * YEAR, False),
        ("contains", [7 * 7 * 86400, 11 * 7 * 86400], True),
        ("contains", [7 * 7 * 86400, 13 * 7 * 86400], False),
        ("within", [6 * 7 * 86400, 12 * 7 * 86400], True),
        ("within", [7 * 7 * 86400, 12 * 7 * 86400], False),
        ("intersects", [12 * 7 * 86400, 30 * 7 * 86400], True),
        ("intersects", [13 * 7 * 86400, 30 * 7 * 86400], False),
        ("is", [1198368000, 1198368000], True),
        ("is", [1, 2], False),
    ],
)
def test_ranges_of_ages(index: Index, relation: str, value: Any, fits: bool) -> None:
    found = names(index, {"organismAgeRange": {relation: [value]}, "fileFormat": {"is": ["loom"]}})
    assert bool(found) is fits


@pytest.mark.parametrize(
    ("nested", "fits"),
    [
        ({"namespace": "geo_series"}, True),
        ({"accession": "SRP075496"}, True),
        ({"namespace": "geo_series", "accession": "GSE81547"}, True),
        ({"namespace": "geo_series", "accession": "SRP075496"}, False),
        ({"namespace": None}, False),
    ],
)
def test_accessions_match_as_pairs(index: Index, nested: dict[str, Any], fits: bool) -> None:
    found = index.ids("projects", {"accessions": {"is": [nested]}})
    assert len(found) == int(fits)
    assert len(index.ids("projects", {"tissueAtlas": {"is": [{"atlas": "Retina", "version": "v1.0"}]}})) == 1


def test_what_is_missing_and_what_is_null_are_found_alike(index: Index) -> None:
    missing = index.ids("projects", {"dataUseRestriction": {"is": [None]}})
    known = index.ids("projects", {"dataUseRestriction": {"is": ["NRES", "GRU"]}})
    assert sorted(missing + known) == sorted(index.ids("projects"))
    assert (len(missing), len(known)) == (4, 2)


def test_long_text_is_not_indexed(index: Index) -> None:
    (hit,) = index.found("/index/projects", RETINA)["hits"]
    description = hit["projects"][0]["projectDescription"]
    assert len(description) > 256
    assert index.ids("projects", {"projectDescription": {"is": [description]}}) == []
    other = index.found("/index/projects", {"project": {"is": ["MouseKidneyPilot"]}})["hits"][0]
    short = other["projects"][0]["projectDescription"]
    assert index.ids("projects", {"projectDescription": {"is": [short]}}) == [other["entryId"]]


def test_a_file_is_found_by_its_uuid_and_by_its_digest(index: Index, old_index: Index) -> None:
    file = index.found("/index/files", {"fileName": {"is": ["retina.h5ad"]}})["hits"][0]["files"][0]
    assert names(index, {"fileId": {"is": [file["uuid"]]}}) == {"retina.h5ad"}
    assert names(index, {"sha256": {"is": [file["sha256"], "0" * 64]}}) == {"retina.h5ad"}
    told = old_index.refusal("/index/files", {"sha256": {"is": [file["sha256"]]}})
    assert told == (400, "BadRequestError", "Unknown field `sha256`")


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ("{", "The 'filters' parameter is not valid JSON"),
        ('"x"', "The `filters` parameter must be a dictionary"),
        ('{"bad-field": {"is": ["x"]}}', "Unknown field `bad-field`"),
        ('{"organ": ["x"]}', "The `filters` parameter entry for `organ` must be a single-item dictionary"),
        ('{"organ": {"is": ["x"], "within": []}}',
         "The `filters` parameter entry for `organ` must be a single-item dictionary"),
        ('{"organ": {"was": ["x"]}}', "The relation in the `filters` parameter entry for `organ` must be one of "
         "('is', 'contains', 'within', 'intersects')"),
        ('{"organ": {"is": "x"}}', BAD.format("is", "organ", "is not a list")),
        ('{"fileSource": {"is": [["x"]]}}', BAD.format("is", "fileSource", "is invalid")),
        ('{"accessions": {"within": ["x"]}}', "The field `accessions` can only be filtered by the `is` relation"),
        ('{"accessions": {"is": []}}', BAD.format("is", "accessions", "is not a single-item list")),
        ('{"accessions": {"is": ["x"]}}', BAD.format("is", "accessions", "must contain a dictionary")),
        ('{"accessions": {"is": [{"x": "y"}]}}', BAD.format("is", "accessions", "has invalid properties `{'x'}`")),
        ('{"sourceId": {"is": [null]}}', "The `sourceId` field does not support null values"),
        ('{"accessible": {"is": [null]}}', "The `accessible` field does not support null values"),
        ('{"accessible": {"within": [[1, 2]]}}',
         "The relation in the `filters` parameter entry for `accessible` must be one of ('is',)"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/index/files", "/index/summary"])
def test_what_is_refused_in_the_words_of_the_service(index: Index, path: str, filters: str, message: str) -> None:
    assert index.refusal(path, filters) == (400, "BadRequestError", message)


@pytest.mark.parametrize(
    "age", [{"value": "20"}, {"value": "20", "unit": "year", "x": 1}, {"value": "", "unit": "year"},
            {"value": "20", "unit": ""}, {"value": 20, "unit": "year"}, {"value": "2 0", "unit": "year"},
            {"value": "20", "unit": "light year"}, {"value": None, "unit": "year"}, "20 year"],
)  # fmt: skip
def test_an_age_needs_value_and_unit(index: Index, age: Any) -> None:
    status, code, message = index.refusal("/index/files", {"organismAge": {"is": [age]}})
    assert (status, code) == (400, "BadRequestError")
    assert "`organismAge`" in message
    index.found("/index/files", {"organismAge": {"is": [{"value": "20", "unit": None}]}})


@pytest.mark.parametrize(
    ("field", "entry"),
    [
        ("pairedEnd", {"is": ["true"]}), ("pairedEnd", {"is": [1]}), ("fileSize", {"is": ["5"]}),
        ("fileSize", {"is": [1.5]}), ("fileSize", {"is": [True]}), ("fileSize", {"within": [[5]]}),
        ("fileSize", {"within": [[5, None]]}), ("fileSize", {"within": [["5", "6"]]}), ("fileSize", {"within": [5]}),
        ("fileSize", {"within": [[1.5, 2]]}), ("fileSize", {"contains": [[1, 2]]}), ("fileId", {"is": [None]}),
        ("submissionDate", {"is": ["2020-01-01"]}), ("submissionDate", {"is": ["2020-01-01T000000.000000Z"]}),
        ("organ", {"is": [5]}), ("organ", {"contains": ["kidney"]}), ("organ", {"intersects": [["a", "b"]]}),
        ("organismAgeRange", {"within": [5]}), ("organismAgeRange", {"is": [[1]]}),
        ("accessions", {"is": [{"namespace": 5}]}),
    ],
)  # fmt: skip
def test_values_that_nobody_thought_of_end_as_500(index: Index, field: str, entry: Any) -> None:
    wanted = (500, "InternalServerError", "An internal server error occurred.")
    assert index.refusal("/index/files", {field: entry}) == wanted


def test_the_log_has_nothing_of_these(index: Index) -> None:
    index.refusal("/index/files", {"pairedEnd": {"is": ["true"]}})
    assert "Traceback" not in index.launched.directory.log.read_text()


def test_every_field_that_is_told_can_be_asked_for(index: Index, old_index: Index) -> None:
    for one, number in ((index, 67), (old_index, 64)):
        parameters = one.found("/openapi")["paths"]["/index/{entity_type}"]["get"]["parameters"]
        told = {each["name"]: each for each in parameters}
        fields = told["filters"]["content"]["application/json"]["schema"]["properties"]
        assert len(fields) == number
        for name in fields:
            if name not in ("accessible", "sourceId", "accessions", "tissueAtlas"):
                one.found("/index/projects", json.dumps({name: {"is": []}}), size=1)
        assert set(told["sort"]["schema"]["enum"]) == fields.keys() - {"accessible"}
