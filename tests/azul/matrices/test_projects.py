"""Projects as people name them."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from neighbours import load

from hca_azul.errors import AzulError
from hca_azul.projects import find
from hca_core.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_azul.client import AzulClient
    from hca_core.testing import LoopbackService

hits = load(Path(__file__).with_name("projecthits.py"), "azul_projecthits")


def asked(service: LoopbackService, path: str) -> list[dict[str, str]]:
    return [dict(request.query) for request in service.asked("GET", path)]


@pytest.mark.parametrize("text", [hits.ID, hits.ID.upper(), hits.PAGE, f"{hits.PAGE}?catalog=new", f" {hits.ID} "])
def test_by_id_and_by_page(scripted: Callable[..., AzulClient], service: LoopbackService, text: str) -> None:
    service.on("GET", f"/index/projects/{hits.ID}").reply(json=hits.project())
    found = find(scripted().service, text)
    assert (found.id, found.name, found.catalog) == (hits.ID, "EyeLung", "new")
    assert asked(service, f"/index/projects/{hits.ID}") == [{"catalog": "new"}]


def test_by_name_in_one_request(scripted: Callable[..., AzulClient], service: LoopbackService) -> None:
    service.on("GET", "/index/projects").reply(json={"hits": [hits.project()], "pagination": {}})
    found = find(scripted(catalog="mine").service, "EyeLung")
    assert (found.id, found.catalog) == (hits.ID, "mine")
    (query,) = asked(service, "/index/projects")
    assert json.loads(query["filters"]) == {"project": {"is": ["EyeLung"]}}
    assert query["catalog"] == "mine"
    assert not service.asked("GET", "/index/catalogs")


def test_names_of_none_or_of_several(scripted: Callable[..., AzulClient], service: LoopbackService) -> None:
    azul = scripted().service
    service.on("GET", "/index/projects").reply(json={"hits": []}).reply(json={"hits": [hits.project()] * 2})
    with pytest.raises(NotFoundError, match="there is no project 'eyelung' in catalog new"):
        find(azul, "eyelung")
    with pytest.raises(UsageError, match="several projects are called"):
        find(azul, "EyeLung")
    with pytest.raises(UsageError, match="is empty"):
        find(azul, " ")


@pytest.mark.parametrize(
    "text", ["https://example.org/", f"https://azul.example.org/repository/files/{hits.ID}", "drs://x.org/1", "a" * 64]
)
def test_what_is_no_project_is_told_without_a_request(
    scripted: Callable[..., AzulClient], service: LoopbackService, text: str
) -> None:
    with pytest.raises(UsageError):
        find(scripted().service, text)
    assert not service.asked()


def test_the_catalog_of_a_page(
    scripted: Callable[..., AzulClient], service: LoopbackService, caplog: pytest.LogCaptureFixture
) -> None:
    catalogs = {"default_catalog": "new", "catalogs": {"new": {}, "old": {}}}
    service.on("GET", "/index/catalogs").next_answer()
    service.on("GET", "/index/catalogs").reply(json=catalogs)
    service.on("GET", f"/index/projects/{hits.ID}").reply(json=hits.project())
    assert find(scripted().service, f"{hits.PAGE}?catalog=old").catalog == "old"
    assert find(scripted(catalog="new").service, f"{hits.PAGE}?catalog=old").catalog == "new"
    logging.getLogger("hca").addHandler(caplog.handler)
    assert find(scripted().service, f"{hits.PAGE}?catalog=dcp1").catalog == "new"
    logging.getLogger("hca").removeHandler(caplog.handler)
    assert "there is no catalog dcp1 any more" in caplog.text
    assert [one["catalog"] for one in asked(service, f"/index/projects/{hits.ID}")] == ["old", "new", "new"]


@pytest.mark.parametrize("answer", [{"projects": []}, {"projects": ["x"]}, {"projects": [{}, {}]}, {}])
def test_strange_hits_are_told(scripted: Callable[..., AzulClient], service: LoopbackService, answer: Any) -> None:
    service.on("GET", f"/index/projects/{hits.ID}").reply(json={"entryId": hits.ID, **answer})
    with pytest.raises(AzulError, match="in a way that is not Azul's"):
        find(scripted().service, hits.ID)
