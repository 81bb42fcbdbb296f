"""What the tests of searching share: an index of a scripted service, with cursors as Azul's."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from hca_azul.client import AzulClient
from hca_core.testing.replies import Reply, Request, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hca_core.testing import LoopbackService

QUICK = {"tries": 3, "first_wait": 0.001, "most_wait": 0.002}
TYPES = ("files", "projects", "samples")
LISTED = {
    "default_catalog": "new",
    "catalogs": {
        "new": {"atlas": "hca", "internal": False, "plugins": {"metadata": {"indices": {name: {} for name in TYPES}}}}
    },
}


class Index:
    """The files 00, 01, ... of a service that gives at most `most` of them at once."""

    def __init__(self, url: str, count: int, most: int) -> None:
        self.url = url
        self.count = count
        self.most = most
        self.facets: dict[str, Any] = {}

    def __call__(self, request: Request) -> Reply:
        """Answer a request for a page."""
        query = dict(request.query)
        size = int(query["size"])
        if size > self.most:
            return reply(json={"Code": "BadRequestError", "Message": f"Invalid value `{size}` for size"}, status=400)
        after = json.loads(query.get("search_after", "[null, null]"))[1]
        start = 0 if after is None else int(after) + 1
        hits = [{"entryId": f"{number:02}"} for number in range(start, min(start + size, self.count))]
        more = start + size < self.count
        filters = query.get("filters") or request.json()["filters"]
        last = hits[-1]["entryId"] if hits else ""
        link = {**query, "filters": filters, "search_after": json.dumps([last, last])}
        return reply(
            json={
                "hits": hits,
                "pagination": {
                    "count": len(hits),
                    "total": self.count,
                    "next": f"{self.url}{request.path}?{urlencode(link)}" if more else None,
                },
                "termFacets": self.facets,
            }
        )


@pytest.fixture
def index(service: LoopbackService) -> Callable[..., Index]:
    """A function that gives `service` an index: `index(25, most=10)`."""

    def make(count: int, most: int = 1000) -> Index:
        made = Index(service.url, count, most)
        service.on("*", "/index/files").reply(made)
        return made

    return make


@pytest.fixture
def clients(service: LoopbackService, isolated_home: Path) -> Iterator[Callable[..., AzulClient]]:
    """A function that makes clients of `service`, whose catalog has files, projects and samples."""
    service.on("GET", "/index/catalogs").reply(json=LISTED)
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(AzulClient(**{"url": service.url, **QUICK, **settings}))


@pytest.fixture
def azul(clients: Callable[..., AzulClient]) -> AzulClient:
    """One of them."""
    return clients()


@pytest.fixture
def asked(service: LoopbackService) -> Callable[[], list[dict[str, str]]]:
    """A function that returns the queries of all requests for files so far."""
    return lambda: [dict(request.query) for request in service.asked(path="/index/files")]
