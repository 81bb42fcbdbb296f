"""Listing: all pages, in portions that the service allows, whatever happens between them (contract §0.3, §0.4, §3)."""

from __future__ import annotations

import itertools
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from hca_azul.errors import AzulApiError, AzulError, AzulNotFoundError
from hca_azul.search.filters import Filter
from hca_core.errors import NotFoundError, UsageError
from hca_core.testing.replies import Reply, Request, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hca_azul.client import AzulClient
    from hca_core.testing import LoopbackService

LONG = Filter({"fileName": {"is": [f"{number:05}" * 20 for number in range(200)]}})


def _ids(hits: Iterable[dict[str, Any]]) -> list[str]:
    return [hit["entryId"] for hit in hits]


def _first(count: int) -> list[str]:
    return [f"{number:02}" for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 25])
def test_all_pages_come_each_entity_once(index: Any, azul: AzulClient, count: int) -> None:
    index(count)
    assert _ids(azul.files(per_page=10)) == _first(count)


def test_a_full_last_page_is_the_last(index: Any, azul: AzulClient, asked: Any) -> None:
    index(20)
    assert len(list(azul.files(per_page=10))) == 20
    assert len(asked()) == 2


def test_what_is_asked(index: Any, azul: AzulClient, asked: Any) -> None:
    index(12)
    list(azul.files(Filter({"organ": {"is": ["lung"]}}), per_page=10))
    first, second = asked()
    assert first == {
        "catalog": "new",
        "size": "10",
        "sort": "entryId",
        "order": "asc",
        "filters": '{"organ":{"is":["lung"]}}',
    }
    assert second == {**first, "search_after": '["09", "09"]'}


def test_pages_are_asked_for_when_they_are_needed(index: Any, azul: AzulClient, asked: Any) -> None:
    index(30)
    hits = azul.files(per_page=10)
    assert _ids(itertools.islice(hits, 10)) == _first(10)
    assert len(asked()) == 1
    next(hits)
    assert len(asked()) == 2


@pytest.mark.parametrize(("limit", "requests"), [(0, 0), (1, 1), (10, 1), (11, 2), (20, 2), (99, 3)])
def test_limits(index: Any, azul: AzulClient, asked: Any, limit: int, requests: int) -> None:
    index(30)
    assert _ids(azul.files(per_page=10, limit=limit)) == _first(min(limit, 30))
    assert len(asked()) == requests


def test_a_limit_asks_for_no_more(index: Any, azul: AzulClient, asked: Any) -> None:
    index(30)
    list(azul.files(limit=3))
    assert [one["size"] for one in asked()] == ["3"]


def test_the_most_is_asked_for_at_once(service: LoopbackService, azul: AzulClient) -> None:
    empty = {"hits": [], "pagination": {"next": None, "total": 0}}
    for name in ("files", "projects"):
        service.on("GET", f"/index/{name}").reply(json=empty)
        list(azul.iter(name))
    sizes = [dict(one.query).get("size") for one in service.requests if one.path != "/index/catalogs"]
    assert sizes == ["1000", "75"]


def test_a_size_that_is_refused_is_halved_once_and_remembered(index: Any, azul: AzulClient, asked: Any) -> None:
    index(30, most=500)
    assert len(list(azul.files())) == 30
    assert len(list(azul.files())) == 30
    assert [one["size"] for one in asked()] == ["1000", "500", "500"]


def test_a_size_is_halved_once_only(index: Any, azul: AzulClient, asked: Any) -> None:
    index(30, most=400)
    with pytest.raises(AzulApiError, match="size"):
        list(azul.files())
    assert [one["size"] for one in asked()] == ["1000", "500"]


def test_a_size_that_the_user_chose_stays(index: Any, azul: AzulClient, asked: Any) -> None:
    index(30, most=400)
    with pytest.raises(AzulApiError, match="size"):
        list(azul.files(per_page=1000))
    assert len(asked()) == 1


def test_other_refusals_are_not_tried_again(service: LoopbackService, azul: AzulClient, asked: Any) -> None:
    problem = {"Code": "BadRequestError", "Message": "Unknown field `organ`"}
    service.on("GET", "/index/files").reply(json=problem, status=400)
    with pytest.raises(AzulApiError, match="Unknown field"):
        list(azul.files())
    assert len(asked()) == 1


def test_long_filters_go_by_post_on_every_page(
    service: LoopbackService, index: Any, azul: AzulClient, asked: Any
) -> None:
    index(25)
    assert _ids(azul.files(LONG, per_page=10)) == _first(25)
    requests = service.asked(path="/index/files")
    assert [one.method for one in requests] == ["POST"] * 3
    assert {one.json()["filters"] for one in requests} == {LONG.to_json()}
    assert [one.get("search_after") for one in asked()] == [None, '["09", "09"]', '["19", "19"]']
    assert all(one["catalog"] == "new" and "filters" not in one for one in asked())


def test_a_catalog_that_vanishes_meanwhile_is_told(service: LoopbackService, index: Any, azul: AzulClient) -> None:
    made = index(25)
    gone = {"Code": "NotFoundError", "Message": "Catalog name 'new' does not exist. Must be one of {'newer'}."}

    def vanishing(request: Request) -> Reply:
        return reply(json=gone, status=404) if "search_after" in dict(request.query) else made(request)

    service.on("GET", "/index/files").reply(vanishing)
    with pytest.raises(AzulNotFoundError) as caught:
        list(azul.files(per_page=10))
    assert "catalog new vanished after 10 files" in caught.value.message
    assert "get-catalogs" in str(caught.value.hint)


@pytest.mark.parametrize("link", ["http://127.0.0.1:1/index/files?search_after=[1,2]", "https://evil.example/?x=1"])
def test_links_that_lead_elsewhere_are_refused(service: LoopbackService, azul: AzulClient, link: str) -> None:
    service.on("GET", "/index/files").reply(json={"hits": [{"entryId": "00"}], "pagination": {"next": link}})
    hits = azul.files()
    assert next(hits) == {"entryId": "00"}
    with pytest.raises(AzulError, match="not its own"):
        next(hits)


@pytest.mark.parametrize("query", ["", "?search_after=5", "?search_after=%5B1", "?search_before=%5B1%2C2%5D"])
def test_links_that_lead_nowhere_are_refused(service: LoopbackService, azul: AzulClient, query: str) -> None:
    link = f"{service.url}/index/files{query}"
    service.on("GET", "/index/files").reply(json={"hits": [{"entryId": "00"}], "pagination": {"next": link}})
    with pytest.raises(AzulError, match="leads nowhere"):
        list(azul.files())


def test_pages_that_go_in_a_circle_are_refused(service: LoopbackService, azul: AzulClient) -> None:
    link = f"{service.url}/index/files?search_after=%5B1%2C%22a%22%5D"
    service.on("GET", "/index/files").reply(json={"hits": [{"entryId": "00"}], "pagination": {"next": link}})
    with pytest.raises(AzulError, match="circle: after 2 files"):
        list(azul.files())


@pytest.mark.parametrize("document", [{"hits": []}, {"pagination": {}}, {"hits": {}, "pagination": {"next": None}}, []])
def test_answers_that_are_not_azul_s_are_refused(service: LoopbackService, azul: AzulClient, document: Any) -> None:
    service.on("GET", "/index/files").reply(json=document)
    with pytest.raises(Exception, match=r"does not answer as Azul does|has no list at") as caught:
        list(azul.files())
    assert type(caught.value).__module__.startswith("hca_")


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"order": "up"}, "asc or desc"), ({"limit": -1}, "negative"), ({"per_page": 0}, "one entity or more")],
)
def test_orders_that_there_are_not_are_refused(
    service: LoopbackService, azul: AzulClient, settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        list(azul.files(**settings))
    assert not service.requests


def test_types_come_from_the_catalog(azul: AzulClient) -> None:
    assert azul.types() == ("files", "projects", "samples")
    with pytest.raises(UsageError, match="no 'fils': did you mean 'files'"):
        list(azul.iter("fils"))
    with pytest.raises(UsageError, match="no 'bundles'"):
        list(azul.bundles())


def test_an_unknown_catalog_is_told(clients: Callable[..., AzulClient]) -> None:
    with pytest.raises(NotFoundError, match="no catalog 'NEW': did you mean 'new'"):
        list(clients(catalog="NEW").files())


def test_the_default_catalog_is_asked_for_once(service: LoopbackService, index: Any, azul: AzulClient) -> None:
    index(1)
    for _ in range(3):
        list(azul.files())
    assert len(service.asked(path="/index/catalogs")) == 1


def test_counts_need_one_entity(index: Any, azul: AzulClient, asked: Any) -> None:
    index(25)
    assert azul.count("files") == 25
    assert [one["size"] for one in asked()] == ["1"]


def test_memory_does_not_grow_with_the_pages(index: Any, azul: AzulClient) -> None:
    index(300)
    hits = azul.files(per_page=10)
    list(itertools.islice(hits, 50))
    tracemalloc.start()
    for _ in hits:
        pass
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1_000_000
