"""Matrices of projects: trees as rows, what is selected of them, and the verbs."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from neighbours import load

from hca_azul.errors import AzulError
from hca_azul.matrices.tree import files_of
from hca_azul.projects import Project
from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_azul.client import AzulClient
    from hca_core.testing import LoopbackService, Outcome

hits = load(Path(__file__).with_name("projecthits.py"), "azul_projecthits")


def listed(kind: str = "all", **changes: Any) -> list[Any]:
    return list(files_of(Project(hits.project(**changes), "new"), kind=kind))


def test_each_file_is_a_row_with_all_that_it_covers() -> None:
    both, eye, geo = listed()
    assert both.strata == {
        "genusSpecies": ("Homo sapiens",),
        "developmentStage": ("adult",),  # of the other stratum none is told
        "organ": ("eye", "lung"),
        "libraryConstructionApproach": ("10X v2 sequencing",),
    }
    assert (both.row.name, both.row.size, both.row.project, both.row.project_id) == (
        "all.loom",
        100,
        "EyeLung",
        hits.ID,
    )
    assert both.row.mirror_uri == hits.EYE_LUNG["azul_mirror_uri"]
    assert (both.kind, both.source, both.content, both.cell_count) == (
        "dcp",
        ("DCP/2 Analysis",),
        ("Count Matrix",),
        54140,
    )
    assert (eye.stratum("organ"), eye.cell_count) == (("eye",), None)
    assert (geo.kind, geo.stratum("organ"), geo.stratum("developmentStage")) == ("contributed", ("eye",), ())


def test_kinds_are_the_two_trees() -> None:
    assert [one.row.name for one in listed("dcp")] == ["all.loom", "eye.h5ad"]
    assert [one.row.name for one in listed("contributed")] == ["GSE1.tsv.gz"]
    assert listed(matrices={}, contributedAnalyses=None) == []


@pytest.mark.parametrize(
    "tree", [{"organ": ["eye"]}, {"organ": {"eye": [{"name": "no uuid"}]}}, {"organ": {"eye": "x"}}]
)
def test_what_is_no_tree_is_told(tree: Any) -> None:
    with pytest.raises(AzulError, match="in a way that is not Azul's"):
        listed(matrices=tree)


def test_a_deep_tree_is_no_trouble() -> None:
    tree: Any = [hits.EYE]
    for _ in range(5000):
        tree = {"organ": {"eye": tree}}
    (found,) = listed(matrices=tree, contributedAnalyses={})
    assert found.strata == {"organ": ("eye",)}


@pytest.fixture
def answering(scripted: Callable[..., AzulClient], service: LoopbackService) -> Callable[..., AzulClient]:
    """A function that makes clients of a service that has the project."""
    service.on("GET", f"/index/projects/{hits.ID}").reply(json=hits.project())
    return scripted


def test_clients_yield_them(answering: Callable[..., AzulClient]) -> None:
    assert [one.row.uuid[7] for one in answering().matrices(hits.ID, "dcp")] == ["1", "2"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["all.loom", "eye.h5ad", "GSE1.tsv.gz"]),
        (["--kind", "contributed"], ["GSE1.tsv.gz"]),
        (["--format", "h5ad,.LOOM"], ["all.loom", "eye.h5ad"]),
        (["--format", "h5ad", "--format", "tsv.gz"], ["eye.h5ad", "GSE1.tsv.gz"]),
        (["--organ", "LUNG, brain"], ["all.loom"]),
        (["--development-stage", "adult"], ["all.loom", "eye.h5ad"]),
        (["--species", "mus musculus"], []),
        (["--library", "10x v2 sequencing", "--organ", "eye", "--format", "loom"], ["all.loom"]),
    ],
)
def test_selectors(
    answering: Any, service: LoopbackService, hca: Callable[..., Outcome], options: list[str], expected: list[str]
) -> None:
    outcome = hca("azul", "get-matrices", "--service-url", service.url, hits.ID, *options, "--output", "json")
    assert outcome.exit_status == 0, outcome.stderr
    assert [one["name"] for one in outcome.json()] == expected


@pytest.mark.parametrize(("options", "told"), [([], "no matrices\n"), (["--organ", "brain"], "without selectors")])
def test_why_there_is_none(
    scripted: Any, service: LoopbackService, hca: Callable[..., Outcome], options: list[str], told: str
) -> None:
    service.on("GET", f"/index/projects/{hits.ID}").reply(json=hits.project(matrices={}, contributedAnalyses={}))
    outcome = hca("azul", "get-matrices", "--service-url", service.url, hits.ID, *options)
    assert outcome.exit_status == 0
    assert told in outcome.stderr


def test_a_kind_that_there_is_not(scripted: Any) -> None:
    with pytest.raises(UsageError, match="'mine' is no kind of matrices"):
        scripted().matrices(hits.ID, kind="mine")


def test_the_table(answering: Any, service: LoopbackService, hca: Callable[..., Outcome]) -> None:
    outcome = hca("azul", "get-matrices", "--service-url", service.url, hits.ID, "--kind", "dcp", "--output", "tsv")
    header, first, _ = outcome.stdout.splitlines()
    told = dict(zip(header.split("\t"), first.split("\t"), strict=True))
    assert (told["name"], told["organ"], told["size"], told["kind"]) == ("all.loom", "eye || lung", "100", "dcp")


def test_matrices_are_downloaded(
    scripted: Any, service: LoopbackService, hca: Callable[..., Outcome], tmp_path: Path
) -> None:
    content = b"a matrix"
    digest = hashlib.sha256(content).hexdigest()
    file = hits.leaf(
        4, "m.h5ad", "h5ad", size=8.0, sha256=digest, azul_mirror_uri=f"s3://humancellatlas/file/{digest}.sha256"
    )
    service.on("GET", f"/index/projects/{hits.ID}").reply(
        json=hits.project(matrices={"organ": {"eye": [file, hits.EYE_LUNG]}})
    )
    service.on("GET", f"/mirror/humancellatlas/file/{digest}.sha256").reply(body=content, ranges=True)
    words = ("azul", "--service-url", service.url, "download-matrices", hits.ID, "--kind", "dcp")
    outcome = hca(*words, "--format", "h5ad", "-d", str(tmp_path), "--layout", "flat")
    assert outcome.exit_status == 0, outcome.stderr
    assert (tmp_path / "m.h5ad").read_bytes() == content
    outcome = hca(*words, "--format", "mtx", "-d", str(tmp_path))
    assert outcome.exit_status == 4
    assert "no matrices are selected" in outcome.stderr
