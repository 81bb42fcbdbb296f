"""The verbs against the stand-in of hca local, as a user types them, and the client against both of its modes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hca_azul.client import AzulClient
from hca_azul.search import packaged
from hca_azul.search.hits import row_of
from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hca_core.testing import Outcome

    Run = Callable[..., Outcome]

NOTHING = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def client(both: Any) -> Iterator[AzulClient]:
    """A client of the stand-in in one of its modes."""
    with AzulClient(url=both.url) as made:
        yield made


def _rows(outcome: Outcome) -> list[dict[str, str]]:
    assert outcome.exit_status == 0, outcome.stderr
    header, *lines = [line.split("\t") for line in outcome.stdout.splitlines()]
    return [dict(zip(header, line, strict=True)) for line in lines]


def test_all_entities_of_all_types_are_listed(client: AzulClient) -> None:
    for entity_type in client.types():
        per_page = 700 if entity_type == "files" else 30
        ids = [hit["entryId"] for hit in client.iter(entity_type, per_page=per_page)]
        assert len(set(ids)) == len(ids) == client.count(entity_type)
        assert ids == sorted(ids)
        assert client.get(entity_type, ids[0])["entryId"] == ids[0]


def test_pages_of_any_size_have_the_same(client: AzulClient) -> None:
    whole = [hit["entryId"] for hit in client.samples()]
    for sort, order in (("entryId", "asc"), ("donorDisease", "asc"), ("donorDisease", "desc")):
        found = [hit["entryId"] for hit in client.samples(sort=sort, order=order, per_page=7)]
        assert sorted(found) == whole


def test_every_facet_can_be_asked_for(client: AzulClient) -> None:
    known = client.fields()
    facets = client.facets(type="projects")
    assert set(facets) == {name for name, one in known.items() if one.is_facet}
    for name, terms in facets.items():
        for one in terms[:1]:
            if isinstance(one["term"], str) and known[name].kind == "text":
                assert client.count("projects", {name: {"is": [one["term"]]}}) == one["count"]


def test_the_packaged_fields_are_those_of_2024(client: AzulClient) -> None:
    served = client.fields()
    assert set(packaged.fields()) <= set(served)
    if "sha256" not in served:
        assert served == packaged.fields()


@pytest.mark.parametrize(
    "word",
    [
        "organ=kidney,lung",
        "organ=null",
        "fileSize=1..1e9",
        "fileSize=30,31",
        "donorCount=1..",
        "organismAge=19:week",
        "organismAge=null",
        "organismAgeRange@contains=40y",
        "organismAgeRange=1y..90y",
        "organismAgeRange@intersects=1y..40y",
        "accessions=geo_series:GSE81547",
        "accessions=GSE81547",
        "tissueAtlas=Lung",
        "pairedEnd=true,null",
        "accessible=true",
        "submissionDate=2019-08-01T19:22:55.267000Z,null",
    ],
)
def test_the_service_takes_what_is_accepted(client: AzulClient, word: str) -> None:
    assert client.count("projects", word) <= 6


def test_the_summary_counts_what_is_listed(client: AzulClient) -> None:
    assert client.summary("organ=pancreas")["fileCount"] == client.count("files", "organ=pancreas") > 0


def test_ranges_select(client: AzulClient) -> None:
    sizes = [row_of(hit).size for hit in client.files("fileSize=1k..20k")]
    assert sizes
    assert all(size is not None and 1000 <= size <= 20_000 for size in sizes)


def test_every_file_is_a_row(client: AzulClient) -> None:
    rows = [row_of(hit) for hit in client.files()]
    assert all(row.uuid and row.version and row.name and row.project_id and row.document_id for row in rows)
    assert all(row.azul_url or not row.drs_uri for row in rows)
    assert all(row.bundles for row in rows)


def test_a_long_filter_is_posted(client: AzulClient) -> None:
    rows = [row_of(hit) for hit in client.files(limit=300)]
    wanted = {"fileId": {"is": [row.uuid for row in rows]}}
    assert {row_of(hit).uuid for hit in client.files(wanted, per_page=100)} == {row.uuid for row in rows}
    assert client.count("files", wanted) == len(rows)
    with pytest.raises(UsageError, match="too long a question"):  # the service takes no POST there
        client.summary(wanted)


def test_unreadable_projects_are_told_of(run: Run) -> None:
    rows = run("get-projects", "--query", "hits[?projects[0].accessible==`false`].projects[0].projectShortname")
    assert rows.json() == "ManagedLungCohort"


def test_a_newcomer_finds_kidney_reads(run: Run) -> None:
    facets = _rows(run("get-facets", "organ", "--output", "tsv"))
    count = next(one["count"] for one in facets if one["value"] == "kidney")
    wanted = ("-f", "organ=kidney", "-f", "fileFormat=fastq.gz")
    files = _rows(run("get-files", *wanted, "--output", "tsv"))
    assert 0 < len(files) < int(count)
    assert {(one["organ"], one["format"]) for one in files} == {("kidney", "fastq.gz")}
    summary = _rows(run("get-summary", *wanted, "--output", "tsv"))
    (told,) = [one for one in summary if one["what"] == "files"]
    assert (int(told["count"]), int(told["bytes"])) == (len(files), sum(int(one["size"]) for one in files))


def test_what_is_misspelled_is_told(run: Run) -> None:
    outcome = run("get-files", "-f", "organ=Kidney", "--output", "tsv")
    assert outcome.exit_status == 0
    assert outcome.stdout == "name\tformat\tsize\torgan\tspecies\tproject\tuuid\tversion\tsha256\n"
    assert "organ is never 'Kidney': did you mean 'kidney'?" in outcome.stderr
    assert run("get-summary", "-f", "organ=Kidney", "--query", "fileCount").json() == 0


def test_managed_data_are_not_taken_for_a_typing_error(run: Run, tmp_path: Path) -> None:
    project = run("get-projects", "-f", "project=ManagedLungCohort", "--query", "hits[0].entryId").json()
    manifest = ("create-manifest", "--to", tmp_path / "m.tsv")
    for verb, field in ((("get-files",), "project"), (("get-summary",), "projectId"), (manifest, "project")):
        outcome = run(*verb, "-f", f"{field}={project if field == 'projectId' else 'ManagedLungCohort'}")
        assert outcome.exit_status == 0
        assert "the data of ManagedLungCohort are managed" in outcome.stderr
        assert "next: hca azul login" in outcome.stderr
        assert "is never" not in outcome.stderr


def test_fields_that_can_not_be_asked_for_are_not_offered(run: Run) -> None:
    (told,) = _rows(run("get-fields", "assayType", "--output", "tsv"))
    assert (told["relations"], told["facet"]) == ("", "true")


def test_get_file_shows_where_the_bytes_are(run: Run) -> None:
    rows = run("get-files", "--limit", "500").stdout.splitlines()
    (mirrored, *_) = [hit for hit in map(json.loads, rows) if hit["files"][0]["azul_mirror_uri"]]
    file = mirrored["files"][0]
    shown = _rows(run("get-file", file["uuid"], file["sha256"], "--output", "tsv"))
    assert [one["kind"] for one in shown[:3]] == ["mirror", "azul", "drs"]
    assert shown[0]["url"] == file["azul_mirror_uri"]
    assert run("get-file", file["uuid"], "--version", file["version"]).json() == mirrored
    missing = run("get-file", file["uuid"], "--version", "2001-01-01T00:00:00.000000Z")
    assert (missing.exit_status, missing.stdout) == (4, "")
    assert f"there is no file {file['uuid']} of version 2001-01-01" in missing.stderr


def test_the_phantom_has_no_place(run: Run) -> None:
    hits = [json.loads(line) for line in run("get-files", "-f", "project=RetinaSpecialCases").stdout.splitlines()]
    (phantom,) = [hit for hit in hits if hit["files"][0]["drs_uri"] is None]
    shown = _rows(run("get-file", phantom["files"][0]["uuid"], "--output", "tsv"))
    assert [(one["kind"], one["url"]) for one in shown] == [("none", "")]


def test_projects_are_shown_by_any_name(run: Run) -> None:
    (project, *_) = _rows(run("get-projects", "--output", "tsv"))
    page = f"https://explore.data.humancellatlas.org/projects/{project['project_id']}"
    for name in (project["project_id"], project["project"], page):
        assert _rows(run("get-project", name, "--output", "tsv")) == [project]
    assert run("get-entity", "projects", project["project_id"], "--query", "entryId").json() == project["project_id"]


def test_catalogs(run: Run) -> None:
    shown = _rows(run("get-catalogs", "--output", "tsv"))
    everything = _rows(run("get-catalogs", "--all", "--output", "tsv"))
    assert [one["catalog"] for one in shown if one["default"] == "true"] == ["dcp46"]
    assert [one["catalog"] for one in everything if one not in shown] == ["dcp46-it"]
    older = run("get-files", "--catalog", "dcp45", "--limit", "1", "--output", "json").json()
    assert "catalog=dcp45" in older["hits"][0]["files"][0]["azul_url"]


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["get-files", "-f", "orgn=kidney"], 2, "did you mean 'organ'"),
        (["get-files", "--catalog", "dcp99"], 4, "no catalog 'dcp99'"),
        (["get-files", "--catalog", "DCP46"], 4, "did you mean 'dcp46'"),
        (["get-files", "--sort", "accessions"], 2, "can't sort by accessions"),
        (["get-entities", "donors"], 2, "has no 'donors'"),
        (["get-facets", "fileName"], 2, "does not count the values of 'fileName'"),
        (["get-fields", "orga"], 2, "did you mean 'organ'"),
        (["get-file", "x"], 2, "names no data"),
        (["get-project", "Nope"], 4, "no project 'Nope'"),
        (["get-entity", "files", NOTHING], 4, f"dcp46 has nothing with the id {NOTHING} among its files\nnext: "),
        (["get-project", NOTHING], 4, f"dcp46 has nothing with the id {NOTHING} among its projects\nnext: "),
        (["get-summary", "--catalog", "dcp99"], 4, "there is no catalog 'dcp99'\nnext: hca azul get-catalogs"),
        (["get-project", "--catalog", "dcp99", NOTHING], 4, "there is no catalog 'dcp99'\nnext: hca azul get-catalogs"),
    ],
)
def test_what_can_not_be_asked_is_told_in_a_sentence(run: Run, words: list[str], status: int, told: str) -> None:
    outcome = run(*words)
    assert (outcome.exit_status, outcome.stdout) == (status, "")
    assert told in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_firewall_is_waited_for(run: Run, standin: Any) -> None:
    standin.scripted({"route": "GET /index/files", "calls": "1-2", "status": 429, "headers": {"Retry-After": "0"}})
    assert run("get-files", "--limit", "1").exit_status == 0


def test_conditions_are_checked_by_the_fields_of_the_mode(client: AzulClient) -> None:
    if "sha256" in client.fields():
        (hit,) = client.files(limit=1)
        assert client.count("files", f"sha256={row_of(hit).sha256}") >= 1
    else:
        with pytest.raises(UsageError, match="no field 'sha256'"):
            client.count("files", "sha256=ab")
