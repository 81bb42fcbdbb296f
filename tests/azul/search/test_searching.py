"""What clients and verbs find on a scripted service: faults, old versions, other atlases."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from hca_azul.search import counts, nothing
from hca_azul.search.entities import lookup
from hca_azul.search.filters import Filter
from hca_core.errors import HCAError, LoginError, NetworkError, NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_azul.client import AzulClient
    from hca_core.testing import LoopbackService, Outcome

FIRST = "00000000-0000-4000-8000-000000000001"
SECOND = "00000000-0000-4000-8000-000000000002"
SHA = "ab" * 32


def _described(**kinds: str) -> dict[str, Any]:
    schemas = {
        name: {"properties": {"is": {"type": "array", "items": {"type": kind, "nullable": True}}}}
        for name, kind in kinds.items()
    }
    filters = {"name": "filters", "content": {"application/json": {"schema": {"properties": schemas}}}}
    return {"paths": {"/index/{entity_type}": {"get": {"parameters": [filters]}}}}


def _file(uuid: str, **more: Any) -> dict[str, Any]:
    return {"entryId": f"d-{uuid}", "files": [{"uuid": uuid, "version": "v1", "sha256": SHA, **more}]}


def _page(*hits: dict[str, Any], **facets: list[Any]) -> dict[str, Any]:
    terms = {name: {"terms": [{"term": term, "count": 3} for term in found]} for name, found in facets.items()}
    return {"hits": list(hits), "pagination": {"next": None, "total": len(hits)}, "termFacets": terms}


@pytest.fixture
def run(service: LoopbackService, azul: AzulClient, hca: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """A function that runs `hca azul` against the scripted service."""
    return lambda *words, **more: hca("azul", "--service-url", service.url, *words, **more)


def test_filters_are_checked_against_what_the_service_lists(service: LoopbackService, azul: AzulClient) -> None:
    service.on("GET", "/openapi").reply(json=_described(**{"datasets.title": "string"}))
    assert azul.filter("datasets.title=x").as_dict() == {"datasets.title": {"is": ["x"]}}
    for filters in ("organ=kidney", {"organ": {"is": ["kidney"]}}):
        with pytest.raises(UsageError, match="no field 'organ'"):
            next(azul.files(filters))
    assert [one.path for one in service.requests] == ["/openapi"]


def test_nothing_is_asked_to_check_no_filter_or_a_checked_one(service: LoopbackService, azul: AzulClient) -> None:
    checked = Filter({"organ": {"is": ["kidney"]}})
    assert azul.filter(checked) is checked
    assert azul.filter(None) == azul.filter({}) == Filter()
    assert not service.requests


def test_fields_that_most_services_have_are_not_asked_for(service: LoopbackService, azul: AzulClient) -> None:
    """The description of a service has a megabyte."""
    assert azul.filter("organ=kidney", ["donorCount=5.."]).as_dict().keys() == {"organ", "donorCount"}
    service.on("GET", "/openapi").reply(json=_described(organs="string"))
    with pytest.raises(UsageError):
        azul.filter("organ=kidney", ["donorCount=x"])
    # What the service says of its fields counts, once it is known.
    with pytest.raises(UsageError, match="no field 'organ'"):
        azul.filter("organ=kidney")
    assert len(service.requests) == 1


def test_versions_of_2026_have_their_description_elsewhere(service: LoopbackService, azul: AzulClient) -> None:
    service.on("GET", "/openapi").reply(json={"message": "Missing Authentication Token"}, status=403)
    service.on("GET", "/openapi.json").reply(json=_described(organ="string"))
    assert list(azul.fields()) == ["organ"]


@pytest.mark.parametrize("answer", [{"status": 404}, {"status": 403}, {"body": b"<html>"}, {"json": {"paths": {}}}])
def test_fields_are_supposed_where_the_service_lists_none(
    service: LoopbackService, azul: AzulClient, caplog: pytest.LogCaptureFixture, answer: dict[str, Any]
) -> None:
    service.on("GET", "/openapi").reply(**answer)
    with caplog.at_level(logging.WARNING, "hca"):
        assert len(azul.fields()) == 64
        azul.fields()
    assert [record.getMessage() for record in caplog.records] == [
        f"{service.url} does not list its fields; those of 2024 are supposed"
    ]


@pytest.mark.parametrize(("status", "kind"), [(401, LoginError), (503, NetworkError)])
def test_fields_are_not_supposed_where_nothing_else_would_work(
    service: LoopbackService, azul: AzulClient, status: int, kind: type[HCAError]
) -> None:
    service.on("GET", "/openapi").reply(status=status)
    with pytest.raises(kind):
        azul.fields()


def test_changing_the_fields_changes_nothing(service: LoopbackService, azul: AzulClient) -> None:
    service.on("GET", "/openapi").reply(json=_described(organ="string"))
    azul.fields().clear()
    assert list(azul.fields()) == ["organ"]


def test_facets(service: LoopbackService, azul: AzulClient) -> None:
    service.on("GET", "/index/samples").reply(json=_page(organ=["kidney", None], pairedEnd=["true"]))
    assert azul.facets("organ", type="samples") == {
        "organ": [{"term": "kidney", "count": 3}, {"term": None, "count": 3}]
    }
    assert set(azul.facets(type="samples")) == {"organ", "pairedEnd"}
    with pytest.raises(UsageError, match="does not count the values of 'organs': did you mean 'organ'"):
        azul.facets(["organs"], type="samples")


@pytest.mark.parametrize("facets", [None, [], {"organ": None}, {"organ": {"terms": 5}}, {"organ": {"terms": ["x"]}}])
def test_facets_of_another_shape_are_none(service: LoopbackService, azul: AzulClient, facets: Any) -> None:
    service.on("GET", "/index/files").reply(json={**_page(), "termFacets": facets})
    assert not any(azul.facets().values())


def test_a_count_that_is_not_told_is_an_error(service: LoopbackService, azul: AzulClient) -> None:
    service.on("GET", "/index/files").reply(json={"hits": [], "pagination": {}})
    with pytest.raises(HCAError, match="does not tell how many"):
        azul.count("files")


def test_entities_are_asked_for_in_the_catalog(service: LoopbackService, azul: AzulClient) -> None:
    service.on("GET", f"/index/projects/{FIRST}").reply(json={"entryId": FIRST})
    assert azul.get("projects", FIRST.upper()) == {"entryId": FIRST}
    page = f"https://explore.data.humancellatlas.org/projects/{FIRST}"
    assert azul.get("projects", page) == {"entryId": FIRST}
    assert dict(service.requests[-1].query) == {"catalog": "new"}
    with pytest.raises(UsageError):
        azul.get("projects", "../summary")


@pytest.mark.parametrize("catalogs", [[], None, "new"])
def test_catalogs_of_another_shape_are_refused(
    service: LoopbackService, scripted: Callable[..., AzulClient], catalogs: Any
) -> None:
    client = scripted(catalog="new")
    service.on("GET", "/index/catalogs")._answers.clear()
    service.on("GET", "/index/catalogs").reply(json={"default_catalog": "new", "catalogs": catalogs})
    with pytest.raises(HCAError, match="catalogs as Azul does not"):
        client.catalogs()


def test_files_are_found_by_uuid_and_digest(service: LoopbackService, azul: AzulClient) -> None:
    service.on("GET", "/openapi").reply(json=_described(fileId="string", sha256="string"))
    service.on("GET", "/index/files").reply(json=_page(_file(FIRST)))
    looking = lookup.Lookup(azul, "v1")
    found = [row.uuid for _, row in looking.find([FIRST.upper(), SECOND, SHA, f"s3://bucket/file/{SHA}.sha256"])]
    assert found == [FIRST]
    asked = [dict(one.query)["filters"] for one in service.asked(path="/index/files")]
    assert asked == [
        f'{{"fileId":{{"is":["{FIRST}","{SECOND}"]}},"fileVersion":{{"is":["v1"]}}}}',
        f'{{"fileVersion":{{"is":["v1"]}},"sha256":{{"is":["{SHA}"]}}}}',
    ]
    with pytest.raises(NotFoundError, match=SECOND):
        looking.check()


def test_many_names_are_asked_for_some_at_once(service: LoopbackService, azul: AzulClient) -> None:
    service.on("*", "/index/files").reply(json=_page())
    names = [f"00000000-0000-4000-8000-{number:012}" for number in range(450)]
    looking = lookup.Lookup(azul)
    assert list(looking.find(names)) == []
    assert looking.missing == names
    assert len(service.asked(path="/index/files")) == 3


def test_digests_need_a_service_that_knows_them(service: LoopbackService, azul: AzulClient) -> None:
    service.on("GET", "/openapi").reply(json=_described(fileId="string"))
    with pytest.raises(UsageError, match="can't find files by their sha256"):
        list(lookup.Lookup(azul).find([SHA]))


@pytest.mark.parametrize("name", ["drs://host/id", f"https://explore.data.humancellatlas.org/projects/{FIRST}", "x"])
def test_what_names_no_file_is_refused(service: LoopbackService, azul: AzulClient, name: str) -> None:
    with pytest.raises(UsageError):
        list(lookup.Lookup(azul).find([name]))
    assert not service.requests


def test_why_nothing_was_found(service: LoopbackService, azul: AzulClient) -> None:
    service.on("GET", "/index/files").reply(json=_page(fileFormat=["fastq.gz", ".tsv", "tsv.gz"], organ=["kidney"]))
    wanted = Filter({"fileFormat": {"is": [".FASTQ.gz", "tsv", "zip"]}, "organ": {"is": ["kidny", None]}})
    assert nothing.why(azul, "files", wanted).splitlines() == [
        "there are no such files in catalog new",
        "fileFormat is never '.FASTQ.gz': did you mean 'fastq.gz'?",
        "fileFormat is never 'tsv': did you mean '.tsv'?",
        "fileFormat is never 'zip'",
        "organ is never 'kidny': did you mean 'kidney'?",
        "next: hca azul get-facets fileFormat organ shows which values there are",
    ]
    assert nothing.why(azul, "files", Filter()) == "there are no files in catalog new that you may see"


def test_why_nothing_was_found_is_no_reason_to_fail(service: LoopbackService, azul: AzulClient) -> None:
    service.on("GET", "/index/samples").reply(status=400)
    told = nothing.why(azul, "samples", Filter({"fileSize": {"within": [[1, 2]]}}))
    assert told.splitlines()[-1] == (
        "next: hca azul get-facets organ fileFormat --type samples shows which values there are"
    )


def test_the_summary_in_rows() -> None:
    told = [{"format": "bam", "count": 2, "totalSize": 5.0}, {"format": "csv", "count": 1, "totalSize": 7.0}]
    summary = {"projectCount": 1, "fileCount": 4, "totalFileSize": 17.0, "fileTypeSummaries": [*told, told[0]]}
    assert list(counts.rows(summary)) == [
        {"what": "projects", "count": 1},
        {"what": "files", "count": 4, "bytes": 17},
        {"what": "bam", "count": 4, "bytes": 10},
        {"what": "csv", "count": 1, "bytes": 7},
    ]


def test_fields_of_other_atlases_are_looked_up(service: LoopbackService, run: Callable[..., Outcome]) -> None:
    service.on("GET", "/openapi").reply(json=_described(**{"datasets.title": "string", "donors.age": "integer"}))
    service.on("GET", "/index/files").reply(json=_page(**{"datasets.title": ["a"]}))
    told = run("get-fields", "--output", "json").json()
    assert [(one["field"], one["kind"], one["facet"]) for one in told] == [
        ("datasets.title", "text", True),
        ("donors.age", "integer", False),
    ]


def test_the_header_of_a_table_waits_for_the_first_answer(
    service: LoopbackService, run: Callable[..., Outcome]
) -> None:
    service.on("GET", "/index/files").reply(status=400)
    outcome = run("get-files", "--output", "tsv")
    assert (outcome.exit_status, outcome.stdout) == (1, "")


def test_pages_before_a_failure_are_written(service: LoopbackService, index: Any, run: Callable[..., Outcome]) -> None:
    made = index(20)
    service.on("GET", "/index/files").reply(made).fail(404).reply(made).fail(404)
    outcome = run("get-files", "--per-page", "10")
    assert (outcome.exit_status, len(outcome.stdout.splitlines())) == (4, 10)
    assert "vanished after 10 files" in outcome.stderr
    # Of what a query is for there is only the whole.
    outcome = run("get-files", "--per-page", "10", "--query", "hits[].entryId")
    assert (outcome.exit_status, outcome.stdout) == (4, "")


def test_the_answer_is_shown_as_it_was(service: LoopbackService, run: Callable[..., Outcome]) -> None:
    page = _page(_file(FIRST), organ=["kidney"])
    service.on("GET", "/index/files").reply(json=page)
    assert run("get-files", "--output", "json").json() == page
    assert run("get-files").json() == page["hits"][0]
    assert run("get-files", "--query", "pagination.total").json() == 1


def test_no_paginate_shows_the_first_page(index: Any, run: Callable[..., Outcome], asked: Any) -> None:
    index(20)
    assert len(run("get-files", "--per-page", "10", "--no-paginate").stdout.splitlines()) == 10
    assert len(asked()) == 1


def test_the_most_frequent_values(service: LoopbackService, run: Callable[..., Outcome]) -> None:
    service.on("GET", "/index/files").reply(json=_page(organ=["kidney", "lung"], format=["bam"]))
    told = run("get-facets", "--top", "1", "--output", "jsonl").stdout.splitlines()
    assert [json.loads(line)["value"] for line in told] == ["bam", "kidney"]


def test_catalogs_for_tests_are_internal_by_flag_or_name(
    service: LoopbackService, scripted: Callable[..., AzulClient]
) -> None:
    client = scripted()
    service.on("GET", "/index/catalogs")._answers.clear()
    told = {"a": {"internal": True}, "b-it": {"internal": False}, "c": {}}
    service.on("GET", "/index/catalogs").reply(json={"default_catalog": "c", "catalogs": told})
    assert [one.is_internal for one in client.catalogs()] == [True, True, False]


def test_hostile_values_do_not_move_a_terminal(service: LoopbackService, run: Callable[..., Outcome]) -> None:
    hit = {**_file(FIRST, name="a\x1b[2Jb"), "projects": []}
    service.on("GET", "/index/files").reply(json=_page(hit))
    told = run("get-files", "--output", "table", terminal=True).stdout
    assert "[2Jb" in told
    assert "\x1b" not in told


def test_filters_of_both_kinds_join(service: LoopbackService, run: Callable[..., Outcome]) -> None:
    service.on("GET", "/openapi").reply(json=_described(organ="string", fileFormat="string"))
    service.on("GET", "/index/files").reply(json=_page(_file(FIRST)))
    run(
        "get-files",
        "-f",
        "organ=lung",
        "--filters",
        "-",
        input='{"organ": {"is": ["eye"]}, "fileFormat": {"is": ["x"]}}',
    )
    (asked,) = service.asked(path="/index/files")
    assert dict(asked.query)["filters"] == '{"fileFormat":{"is":["x"]},"organ":{"is":["eye","lung"]}}'
    assert service.asked(path="/openapi") == []


@pytest.mark.parametrize("text", ["", "{", "[]", "5", '{"organ": {"is": []}}', '{"organ": 5}'])
def test_filters_that_are_none_are_usage_errors(
    service: LoopbackService, run: Callable[..., Outcome], text: str
) -> None:
    service.on("GET", "/openapi").reply(json=_described(organ="string"))
    outcome = run("get-files", "--filters", "-", input=text)
    assert outcome.exit_status == 2
    assert not service.asked(path="/index/files")
