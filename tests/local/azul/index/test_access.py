"""Who may see what: managed projects are told to everybody, what is in them to callers with a grant only."""

from __future__ import annotations

from typing import Any

import pytest

Index = Any

MANAGED = {"project": {"is": ["ManagedLungCohort"]}}


def total(index: Index, entity_type: str, filters: Any, token: str = "") -> int:
    return int(index.found(f"/index/{entity_type}", filters, token=token, size=1)["pagination"]["total"])


@pytest.mark.parametrize(("entity_type", "number"), [("files", 4), ("samples", 2), ("bundles", 2)])
def test_what_is_managed_is_for_callers_with_a_grant(index: Index, entity_type: str, number: int) -> None:
    assert total(index, entity_type, MANAGED) == 0
    assert total(index, entity_type, MANAGED, index.token) == number
    assert total(index, entity_type, MANAGED, index.token_of("stranger@example.org")) == 0
    everything, less = (total(index, entity_type, {}, token) for token in (index.token, ""))
    assert everything - less == number


def test_its_project_is_there_for_everybody(index: Index) -> None:
    for token, accessible in (("", False), (index.token, True)):
        (hit,) = index.found("/index/projects", MANAGED, token=token)["hits"]
        assert hit["projects"][0]["accessible"] is accessible
        assert index.found(f"/index/projects/{hit['entryId']}", token=token) == hit


def test_the_field_accessible(index: Index) -> None:
    readable, hidden = {"accessible": {"is": [True]}}, {"accessible": {"is": [False]}}
    assert (total(index, "projects", readable), total(index, "projects", hidden)) == (5, 1)
    assert total(index, "projects", {"accessible": {"is": [True, False]}}) == 6
    assert (total(index, "projects", readable, index.token), total(index, "projects", hidden, index.token)) == (6, 0)
    assert total(index, "files", hidden) == 0
    assert total(index, "files", readable) == total(index, "files", {})
    facets = index.found("/index/projects", readable, size=1)["termFacets"]
    told = {one["term"]: one["count"] for one in facets["accessible"]["terms"]}
    assert told == {"true": 5, "false": 1}, "it ignores its own filter"
    assert "ManagedLungCohort" not in {one["term"] for one in facets["project"]["terms"]}


def test_sources(index: Index) -> None:
    readable, all_of_them = (index.found("/repository/sources", token=token)["sources"] for token in ("", index.token))
    (managed,) = [one for one in all_of_them if one not in readable]
    assert managed["sourceSpec"].split(":")[-2] == "ManagedLungCohort"
    assert len(index.found("/repository/sources", catalog="dcp46-it")["sources"]) == 1
    filters = {"sourceId": {"is": [managed["sourceId"]]}}
    for path in ("/index/files", "/index/projects", "/index/summary"):
        assert index.refusal(path, filters)[:2] == (403, "ForbiddenError")
    assert total(index, "files", filters, index.token) == 4
    assert total(index, "files", {"sourceId": {"is": [readable[0]["sourceId"]]}}) > 0


def test_the_summary_has_only_what_may_be_read(index: Index) -> None:
    assert (
        index.found("/index/summary", token=index.token)["fileCount"] - index.found("/index/summary")["fileCount"] == 4
    )


@pytest.mark.parametrize("header", ["Bearer", "Basic x", "Bearer a b", "", "x"])
def test_a_bad_header_is_echoed(index: Index, header: str) -> None:
    for path in ("/index/files", "/version", "/openapi"):
        answer = index.send("GET", path, headers={"Authorization": header})
        assert answer.status_code == 401
        assert answer.json() == {"Code": "UnauthorizedError", "Message": header}


def test_a_bad_token_is_never_anonymous(index: Index) -> None:
    for token in ("x", index.token[:-4] + "AAAA", index.token_of("a@example.org", lifetime=-600)):
        assert index.refusal("/index/projects", token=token)[:2] == (401, "UnauthorizedError")
        assert index.refusal("/repository/sources", token=token)[:2] == (401, "UnauthorizedError")
    lower = index.send("GET", "/index/files", headers={"Authorization": f"bearer {index.token}"})
    assert lower.status_code == 200


def test_administrators_have_the_grant(index: Index) -> None:
    import subprocess
    import sys

    email = "second@example.org"
    assert total(index, "files", MANAGED, index.token_of(email)) == 0
    command = [sys.executable, "-m", "hca_core", "local", "admin", email, "--data", str(index.launched.directory.root)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert total(index, "files", MANAGED, index.token_of(email)) == 4
