"""Filters: what people type, what mappings say, and what is refused before anything is sent (contract §0.9, §4)."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from hca_azul.search.fields import Field, Kind
from hca_azul.search.filters import Filter
from hca_core.errors import UsageError

YEAR = 365 * 24 * 3600
OPEN = 2**53
MOMENT = "2024-01-31T12:00:00.000000Z"
TODAY = {"updateDate": Field("updateDate", Kind.DATE, ("is", "within"))}


@pytest.mark.parametrize(
    ("word", "relation", "values"),
    [
        ("organ=kidney,lung", "is", ["kidney", "lung"]),
        ("organ= kidney , lung ", "is", ["kidney", "lung"]),
        ("organ=null", "is", [None]),
        ('organ="null"', "is", ["null"]),
        ('organ="large, whole intestine",blood', "is", ["large, whole intestine", "blood"]),
        ('organ="say ""a"""', "is", ['say "a"']),
        ('organ=5" disc', "is", ['5" disc']),
        ('organ=""', "is", [""]),
        ("organ=a=b", "is", ["a=b"]),
        ("fileName=1..2", "is", ["1..2"]),
        ("organ@is=kidney", "is", ["kidney"]),
        ("fileSize=1..1e9", "within", [[1, 10**9]]),
        ("fileSize=..1GiB", "within", [[0, 2**30]]),
        ("fileSize=1.5k..2MB", "within", [[1500, 2_000_000]]),
        ("fileSize=7", "is", [7]),
        ("fileSize=7..7", "within", [[7, 7]]),
        ("fileSize=7,8,null", "is", [7, 8, None]),
        ("donorCount=5..", "within", [[5, OPEN]]),
        ("organismAge=20:year", "is", [{"value": "20", "unit": "year"}]),
        ("organismAge=6-12:week,null", "is", [{"value": "6-12", "unit": "week"}, None]),
        ("organismAge=20:", "is", [{"value": "20", "unit": None}]),
        ("organismAgeRange@contains=40y", "contains", [40 * YEAR]),
        ("organismAgeRange@contains=1y..2y", "contains", [[YEAR, 2 * YEAR]]),
        ("organismAgeRange=38y", "contains", [1_198_368_000]),
        ("organismAgeRange=1mo..6w", "within", [[YEAR // 12, 6 * 7 * 86400]]),
        ("organismAgeRange@intersects=3600s..2d", "intersects", [[3600, 2 * 86400]]),
        ("organismAgeRange@is=1..2", "is", [[1, 2]]),
        ("accessions=geo_series:GSE81547", "is", [{"namespace": "geo_series", "accession": "GSE81547"}]),
        ("accessions=GSE81547", "is", [{"accession": "GSE81547"}]),
        ("accessions=geo_series:", "is", [{"namespace": "geo_series"}]),
        ("accessions=doi:10.1/a:b", "is", [{"namespace": "doi", "accession": "10.1/a:b"}]),
        ("tissueAtlas=Lung", "is", [{"atlas": "Lung"}]),
        ("tissueAtlas=:v1.0", "is", [{"version": "v1.0"}]),
        ("pairedEnd=true,null", "is", [True, None]),
        ("pairedEnd=False", "is", [False]),
        ("submissionDate=2024-01-31T12:00:00Z", "is", [MOMENT]),
    ],
)
def test_words_are_conditions(word: str, relation: str, values: list[Any]) -> None:
    ((_, said),) = Filter.parse(word).as_dict().items()
    assert said == {relation: values}
    assert [type(one) for one in said[relation]] == [type(one) for one in values]


@pytest.mark.parametrize(
    ("word", "pair"),
    [
        ("2024-01-31", ["2024-01-31T00:00:00.000000Z", "2024-01-31T23:59:59.999999Z"]),
        ("2024-01-01..", ["2024-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"]),
        ("..2024-01-31T12:00:00.5Z", ["0001-01-01T00:00:00.000000Z", "2024-01-31T12:00:00.500000Z"]),
    ],
)
def test_days_are_ranges_where_the_service_compares_dates_so(word: str, pair: list[str]) -> None:
    assert Filter.parse(f"updateDate={word}", TODAY).as_dict() == {"updateDate": {"within": [pair]}}


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("organ", "has the form FIELD=VALUE"),
        ("=kidney", "has the form FIELD=VALUE"),
        ("organ=", "an empty value"),
        ("organ=a,,b", "an empty value"),
        ("organ=a,", "an empty value"),
        ('organ="a"b', "quotes"),
        ('organ="a', "quotes"),
        ("orgn=kidney", "no field 'orgn': did you mean 'organ'?"),
        ("FILEFORMAT=bam", "did you mean 'fileFormat'?"),
        ("format=bam", "did you mean 'fileFormat'?"),
        ("species=human", "did you mean 'genusSpecies'?"),
        ("zzzz=1", "no field 'zzzz'"),
        ("organ@within=a", "can't be compared by 'within', only by is"),
        ("fileSize@contains=1", "only by is or within"),
        ("fileSize=1.5", "'1.5' is not a whole number"),
        ("fileSize=big", "not a number of bytes"),
        ("fileSize=1e40", "larger than any number"),
        ("donorCount=1k", "not a whole number"),
        ("fileSize=9..1", "nothing lies between 9 and 1"),
        ("fileSize=..", "not a range"),
        ("fileSize=1..2,3..4", "one range at a time"),
        ("pairedEnd=yes", "not true or false"),
        ("organismAge=20", "has no unit"),
        ("organismAge=:year", "a value with a unit"),
        ("organismAge=1 2:year", "without spaces"),
        ("organismAgeRange=40m", "is not an age"),
        ("sourceId=null", "can't be null"),
        ("accessible=null", "can't be null"),
        ("assayType=x", "can't compare assayType"),
        ("accessions=a:b,c:d", "one value only"),
        ("submissionDate=2024-01-31", "no time of day"),
        ("submissionDate=2024-02-30T12:00:00Z", "not a time"),
        ("submissionDate=2024-02-28T25:00:00Z", "not a time"),
        ("organ=\udcff", "no text"),
    ],
)
def test_conditions_that_the_service_can_not_hold_are_refused(word: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        Filter.parse(word)
    assert told in caught.value.message
    assert "\n" not in caught.value.message


def _accepted(mapping: dict[str, Any]) -> dict[str, Any]:
    return Filter.of(mapping).as_dict()


@pytest.mark.parametrize(
    "said",
    [
        {"pairedEnd": {"is": ["true"]}},
        {"pairedEnd": {"is": [1]}},
        {"fileSize": {"is": ["5"]}},
        {"fileSize": {"is": [1.5]}},
        {"fileSize": {"is": [True]}},
        {"fileSize": {"within": [[5]]}},
        {"fileSize": {"within": [[1, 2, 3]]}},
        {"fileSize": {"within": [[None, 5]]}},
        {"fileSize": {"within": [5]}},
        {"fileSize": {"within": [None]}},
        {"fileSize": {"is": [2**63]}},
        {"submissionDate": {"is": ["2024-01-31"]}},
        {"submissionDate": {"is": ["2024-01-31T12:00:00Z"]}},
        {"organ": {"is": [True]}},
        {"organ": {"is": "kidney"}},
        {"organ": {"is": []}},
        {"organ": {"within": ["a", "b"]}},
        {"organ": {"is": ["a"], "within": [["a", "b"]]}},
        {"organ": {}},
        {"organ": ["kidney"]},
        {"organ": None},
        {"organismAge": {"is": [{"value": "20"}]}},
        {"organismAge": {"is": [{"value": 20, "unit": "year"}]}},
        {"organismAge": {"is": [{"value": "", "unit": "year"}]}},
        {"organismAge": {"is": [{"value": None, "unit": "year"}]}},
        {"organismAge": {"is": [{"value": "20", "unit": ""}]}},
        {"organismAge": {"is": [{"value": "20", "unit": "year", "more": 1}]}},
        {"organismAgeRange": {"is": [5]}},
        {"organismAgeRange": {"is": [None]}},
        {"organismAgeRange": {"within": [[1, float("nan")]]}},
        {"organismAgeRange": {"contains": ["40y"]}},
        {"accessions": {"is": [{"name": "x"}]}},
        {"accessions": {"is": [{}]}},
        {"accessions": {"is": [None]}},
        {"accessions": {"is": [{"accession": 5}]}},
        {"accessions": {"is": ["GSE81547"]}},
        {"accessible": {"is": [None]}},
        {"assayType": {"is": [{}]}},
        {"unknown": {"is": ["x"]}},
        {5: {"is": ["x"]}},
    ],
)
def test_mappings_that_the_service_can_not_use_are_refused(said: dict[Any, Any]) -> None:
    with pytest.raises(UsageError):
        Filter.of(said)


def test_what_is_no_mapping_is_refused() -> None:
    with pytest.raises(UsageError, match="must be an object"):
        Filter.of([{"organ": {"is": ["kidney"]}}])  # type: ignore[arg-type]


def test_mappings_that_the_service_can_use_are_as_they_were() -> None:
    for said in (
        {"organ": {"is": ["kidney", None]}},
        {"fileSize": {"within": [[1, 2], [0, 5]]}},
        {"organismAgeRange": {"contains": [5, [1.5, 2]]}},
        {"organismAge": {"is": [None, {"value": "20", "unit": None}]}},
        {"accessions": {"is": [{"namespace": None, "accession": "x"}]}},
        {"submissionDate": {"is": [MOMENT, None]}},
    ):
        assert _accepted(said) == said


def test_whole_numbers_may_be_written_as_fractions() -> None:
    assert json.dumps(_accepted({"fileSize": {"is": [2.0]}})) == '{"fileSize": {"is": [2]}}'


def test_text_that_is_not_indexed_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "hca"):
        Filter.parse(f"projectTitle={'x' * 256}")
        assert not caplog.records
        Filter.parse(f"projectTitle={'x' * 257}")
    assert "nothing can match" in caplog.text


def test_conditions_on_one_field_join() -> None:
    joined = Filter.parse(["organ=a", "organ=b,a", "fileSize=1..", "fileSize=..9"])
    assert joined.as_dict() == {"organ": {"is": ["a", "b"]}, "fileSize": {"within": [[1, OPEN], [0, 9]]}}


@pytest.mark.parametrize("words", [["fileSize=5", "fileSize=1..9"], ["accessions=a", "accessions=b"]])
def test_conditions_that_do_not_join_are_refused(words: list[str]) -> None:
    with pytest.raises(UsageError):
        Filter.parse(words)


def test_a_filter_is_a_value() -> None:
    one = Filter.of({"organ": {"is": ["lung"]}, "fileFormat": {"is": ["bam"]}})
    other = Filter.parse(["fileFormat=bam", "organ=lung"])
    assert one == other
    assert {one: 1}[other] == 1
    assert one != Filter.parse("organ=lung")
    assert one.to_json() == '{"fileFormat":{"is":["bam"]},"organ":{"is":["lung"]}}'
    assert not Filter()
    assert Filter().to_json() == "{}"


def test_a_filter_does_not_change_with_what_it_was_made_of() -> None:
    given = {"organ": {"is": ["lung"]}}
    made = Filter(given)
    given["organ"]["is"].append("kidney")
    made.as_dict()["organ"]["is"].append("blood")
    assert made.as_dict() == {"organ": {"is": ["lung"]}}
