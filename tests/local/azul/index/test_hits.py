"""Hits of the index: single values where the hit is about it, lists elsewhere; URLs; trees of matrices; one entity."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

Index = Any

RETINA = {"project": {"is": ["RetinaSpecialCases"]}}


def only(index: Index, entity_type: str, filters: dict[str, Any], **query: Any) -> dict[str, Any]:
    """Return the only hit there is."""
    (hit,) = index.found(f"/index/{entity_type}", filters, **query)["hits"]
    assert isinstance(hit, dict)
    return hit


def test_a_project_is_told_in_lists_but_in_its_own_hit(index: Index) -> None:
    hit = only(index, "projects", RETINA)
    project = hit["projects"][0]
    assert hit["entryId"] == project["projectId"]
    assert (project["projectShortname"], project["dataUseRestriction"], project["estimatedCellCount"]) == (
        "RetinaSpecialCases", "NRES", 12345,
    )  # fmt: skip
    assert project["laboratory"] == ["Computing Lab", "Retina Lab"]
    assert project["accessible"] is True
    assert [one["accession"] for one in project["accessions"]] == ["GSE81547", "SRP075496"]
    assert project["publications"][0]["doi"] == "10.1000/example.retina"
    file = only(index, "files", {"fileFormat": {"is": ["h5ad"]}})
    assert file["projects"][0]["projectId"] == [hit["entryId"]]
    assert "projectDescription" not in file["projects"][0]
    assert "accessible" not in file["projects"][0]


@pytest.mark.parametrize(
    ("entity_type", "others"), [("files", "bundles"), ("bundles", "files"), ("projects", None), ("samples", None)]
)
def test_which_lists_a_hit_has(index: Index, entity_type: str, others: str | None) -> None:
    hit = index.found(f"/index/{entity_type}", RETINA, size=1)["hits"][0]
    always = {
        "protocols", "entryId", "sources", "projects", "samples", "specimens", "cellLines", "donorOrganisms",
        "organoids", "cellSuspensions", "dates",
    }  # fmt: skip
    assert set(hit) == always | ({"files", "bundles"} if others else {"fileTypeSummaries"})
    (source,) = hit["sources"]
    assert source.keys() == {"sourceId", "sourceSpec"}
    assert len(hit[entity_type]) == 1
    assert hit[entity_type][0]["accessible"] is True


def test_a_file_and_where_it_is(index: Index, old_index: Index) -> None:
    filters = {"fileName": {"is": ["plate #1: notes.tsv"]}}
    hit = only(index, "files", filters)
    file = hit["files"][0]
    assert hit["entryId"] != file["uuid"]
    url = urlsplit(file["azul_url"])
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{index.url}/repository/files/{file['uuid']}"
    assert parse_qs(url.query) == {"catalog": ["dcp46"], "version": [file["version"]]}
    assert file["azul_mirror_uri"].endswith(f"/file/{file['sha256']}.sha256")
    assert file["drs_uri"].startswith(f"drs://{urlsplit(index.url).netloc}/v1_")
    assert "crc32c" not in file
    assert "url" not in file
    former = only(old_index, "files", filters)["files"][0]
    assert former["url"].startswith(f"{old_index.url}/repository/files/")
    assert former.keys() == file.keys() - {"azul_url", "azul_mirror_uri"} | {"url"}


def test_a_phantom_has_no_address(index: Index) -> None:
    file = only(index, "files", {"fileName": {"is": ["lost.bam"]}})["files"][0]
    assert (file["azul_url"], file["drs_uri"], file["azul_mirror_uri"]) == (None, None, None)
    unmirrored = only(index, "files", {"fileName": {"is": ["counts.csv"]}})["files"][0]
    assert unmirrored["azul_url"]
    assert unmirrored["azul_mirror_uri"] is None


def test_values_of_many_are_together_and_nulls_stay(index: Index) -> None:
    hit = only(index, "files", {"fileFormat": {"is": ["h5ad"]}})
    (donors,) = hit["donorOrganisms"]
    assert donors["donorCount"] == 2
    assert donors["organismAge"] == [{"value": "38", "unit": "year"}, {"value": "6-12", "unit": "week"}]
    assert donors["organismAgeRange"] == [[1198368000, 1198368000], [6 * 7 * 86400, 12 * 7 * 86400]]
    bundle = only(index, "bundles", {"modelOrganPart": {"is": ["retina"]}})
    (donor,) = bundle["donorOrganisms"]
    assert donor["organismAge"] == [None]
    assert {one["sampleEntityType"][0] for one in bundle["samples"]} == {"cellLines", "organoids"}
    keys = [frozenset(one) for one in hit["protocols"]]
    assert keys == [
        {"workflow"}, {"libraryConstructionApproach", "nucleicAcidSource"},
        {"instrumentManufacturerModel", "pairedEnd"},
    ]  # fmt: skip


def test_a_sample_by_itself(index: Index) -> None:
    for entity_type, key in (("organoids", "modelOrganPart"), ("cellLines", "cellLineType"), ("specimens", "organ")):
        hits = index.found("/index/samples", {**RETINA, "sampleEntityType": {"is": [entity_type]}})["hits"]
        for hit in hits:
            assert hit["samples"][0]["sampleEntityType"] == entity_type
            assert isinstance(hit["samples"][0][key], str)
        assert len(hits) == {"specimens": 2}.get(entity_type, 1)


def test_related_files_are_no_hits(index: Index) -> None:
    names = [hit["files"][0]["name"] for hit in index.found("/index/files", RETINA, size=100)["hits"]]
    assert [name for name in names if "zarr" in name] == ["retina.zarr/.zattrs"]


def test_a_format_may_come_several_times_in_summaries(index: Index) -> None:
    hit = only(index, "projects", RETINA)
    files = [one["files"][0] for one in index.found("/index/files", RETINA, size=100)["hits"]]
    summaries = hit["fileTypeSummaries"]
    assert sum(one["count"] for one in summaries) == len(files)
    assert sum(one["totalSize"] for one in summaries) == sum(one["size"] for one in files)
    assert all(isinstance(one["totalSize"], float) for one in summaries)


def leaves(tree: Any, path: tuple[tuple[str, str], ...] = ()) -> list[tuple[tuple[tuple[str, str], ...], Any]]:
    """Return the leaves of a tree of matrices with their strata."""
    if isinstance(tree, list):
        return [(path, leaf) for leaf in tree]
    return [
        found
        for name, values in tree.items()
        for value, below in values.items()
        for found in leaves(below, (*path, (name, value)))
    ]


def test_trees_of_matrices(index: Index) -> None:
    project = only(index, "projects", RETINA)["projects"][0]
    contributed, platform = leaves(project["contributedAnalyses"]), leaves(project["matrices"])
    assert {leaf["name"] for _, leaf in contributed} == {"retina.h5ad"}
    assert {leaf["name"] for _, leaf in platform} == {"retina.loom", "retina.zarr/.zattrs"}
    # One value first, then those with two; between equals in the order of the contract.
    order = ["genusSpecies", "organ", "developmentStage", "libraryConstructionApproach"]
    assert [[name for name, _ in path] for path, _ in contributed] == [order] * 2
    assert {dict(path)["developmentStage"] for path, _ in contributed} == {"adult", "fetal stage"}
    leaf = contributed[0][1]
    assert leaf["azul_url"]
    assert "accessible" not in leaf
    other = only(index, "projects", {"project": {"is": ["MouseKidneyPilot"]}})["projects"][0]
    assert (other["matrices"], other["contributedAnalyses"]) == ({}, {})


def test_one_entity_is_the_bare_hit(index: Index) -> None:
    hit = only(index, "files", {"fileFormat": {"is": ["h5ad"]}})
    assert index.found(f"/index/files/{hit['entryId']}") == hit
    old = index.found(f"/index/files/{hit['entryId']}", catalog="dcp45")
    assert old["files"][0]["version"] < hit["files"][0]["version"]
    assert index.get(f"/index/files/{hit['files'][0]['uuid']}").status_code == 404
    assert index.get("/index/files/no-uuid").status_code == 400
    assert index.get(f"/index/cells/{hit['entryId']}").status_code == 400
    assert index.get(f"/index/projects/{hit['entryId']}").status_code == 404


def test_dates(index: Index) -> None:
    filters = {"updateDate": {"is": [None]}}
    assert only(index, "projects", RETINA)["dates"][0]["updateDate"] not in (None, "")
    assert len(index.ids("projects", filters)) == 5
    dates = only(index, "projects", RETINA)["dates"][0]
    assert dates["lastModifiedDate"] == dates["updateDate"] > dates["submissionDate"]
    assert dates["aggregateSubmissionDate"] <= dates["aggregateUpdateDate"]
    assert index.ids("projects", {"updateDate": {"is": [dates["updateDate"]]}}) != []


def test_catalogs(index: Index) -> None:
    found = index.found("/index/catalogs")
    assert found["default_catalog"] == "dcp46"
    assert {name: one["internal"] for name, one in found["catalogs"].items()} == {
        "dcp46": False, "dcp45": False, "dcp46-it": True,
    }  # fmt: skip
    assert index.refusal("/index/catalogs", x=1)[0] == 400
    totals = {
        name: index.found("/index/files", size=1, catalog=name)["pagination"]["total"] for name in ("dcp45", "dcp46-it")
    }
    assert totals == {"dcp45": 138, "dcp46-it": 15}
