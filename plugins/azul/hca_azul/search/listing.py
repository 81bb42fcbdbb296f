"""All entities of a type that filters select, page after page, in constant memory (contract §3)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from hca_azul.errors import AzulApiError, AzulError, AzulNotFoundError
from hca_core import paging
from hca_core.errors import UsageError
from hca_core.paging import Page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_azul.search.filters import Filter
    from hca_azul.service import AzulService

HITS = "hits"
_MOST_PER_PAGE = {"bundles": 100, "projects": 75}  # of all other types it is 1000 (contract §3)
_MOST_OF_OTHERS = 1000
BY_ID = "entryId"  # no two entities have the same, so that no page repeats or skips one (contract §3)
ORDERS = ("asc", "desc")


class Order(NamedTuple):
    """In which order and in what portions entities are told.

    `per_page` is how many a request, the most that the service allows if None; `limit` how many in all.
    """

    sort: str = BY_ID
    order: str = "asc"
    per_page: int | None = None
    limit: int | None = None

    def check(self) -> None:
        """Raise UsageError for an order that there is not."""
        if self.order not in ORDERS:
            raise UsageError(f"{self.order!r} is no order: it is asc or desc")
        if self.per_page is not None and self.per_page < 1:
            raise UsageError("a page has one entity or more", hint="leave --per-page out to have the most at once")
        if self.limit is not None and self.limit < 0:
            raise UsageError("the number of entities can't be negative")


class Listing:
    """Asks one service for pages; remembers how many entities it gives at once. May be used by several threads."""

    def __init__(self, service: AzulService) -> None:
        self._service = service
        self._most: dict[tuple[str, str], int] = {}

    def pages(self, entity_type: str, filters: Filter, order: Order) -> Iterator[Page]:
        """Yield the answers of the service one after the other, with at most `order.limit` hits in all.

        There is always one, unless none is wanted. Raises UsageError before anything is sent; AzulApiError,
        NetworkError; AzulNotFoundError if the catalog vanishes meanwhile.
        """
        order.check()
        if order.limit == 0:
            return
        seen, cursors = 0, set()
        cursor: str | None = None
        while True:
            page = self._page(entity_type, filters, order, cursor, seen)
            if order.limit is not None:
                page = page._replace(items=page.items[: order.limit - seen])
                page = page._replace(document={**page.document, HITS: page.items})
            yield page
            seen += len(page.items)
            cursor = self._next(page.document)
            if cursor is None or (order.limit is not None and seen >= order.limit):
                return
            if cursor in cursors:
                raise AzulError(
                    f"the service's pages go in a circle: after {seen:,} {entity_type} it comes back to earlier ones",
                    hint="run it again; please tell those who run the service if that happens again",
                )
            cursors.add(cursor)

    def first(self, entity_type: str, filters: Filter) -> dict[str, Any]:
        """Return the smallest answer to a question: what it counts is of all entities (contract §3)."""
        order = Order(per_page=1, limit=1)
        document: dict[str, Any] = next(self.pages(entity_type, filters, order)).document
        return document

    def _page(self, entity_type: str, filters: Filter, order: Order, cursor: str | None, seen: int) -> Page:
        size = self._size(entity_type, order)
        try:
            return self._asked(entity_type, filters, order, cursor, size)
        except AzulNotFoundError as error:
            if cursor is None:
                raise
            raise AzulNotFoundError(
                f"catalog {self._service.catalog} vanished after {seen:,} {entity_type}: {error.message}",
                error.status,
                error.reason,
                hint="old catalogs are dropped without notice: hca azul get-catalogs tells which there are",
            ) from error
        except AzulApiError as error:
            # The largest size has changed more than once (contract §3). What the user chose is the user's to change.
            if error.status != 400 or "size" not in error.reason.lower() or order.per_page is not None or size < 2:
                raise
            self._most[self._service.catalog, entity_type] = size // 2
            return self._asked(entity_type, filters, order, cursor, size // 2)

    def _asked(self, entity_type: str, filters: Filter, order: Order, cursor: str | None, size: int) -> Page:
        params = {
            "catalog": self._service.catalog,
            "size": size,
            "sort": order.sort,
            "order": order.order,
            "search_after": cursor,
        }
        document = self._service.filtered(
            "index", entity_type, filters=filters.to_json(), params=params, keys=(HITS, "pagination")
        )
        return Page(document, paging.items(document, HITS), HITS)

    def _size(self, entity_type: str, order: Order) -> int:
        most = self._most.get((self._service.catalog, entity_type), _MOST_PER_PAGE.get(entity_type, _MOST_OF_OTHERS))
        size = order.per_page or most
        return size if order.limit is None else min(size, order.limit)

    def _next(self, document: dict[str, Any]) -> str | None:
        """Return what `search_after` is of the page behind this one, None if this is the last.

        The link to it has that, and the filters once more: too long a URL if they came in a body (contract §0.4). So it
        is not followed; the next page is asked for as this one was.
        """
        pagination = document["pagination"]
        link = pagination.get("next") if isinstance(pagination, dict) else None
        if not link:
            return None
        self._service.check_own(str(link))
        (cursor,) = parse_qs(urlsplit(str(link)).query).get("search_after", [None])
        try:
            if not isinstance(json.loads(cursor or ""), list):
                raise ValueError
        except ValueError as error:
            raise AzulError(
                "the service's link to the next page leads nowhere", hint="please tell those who run the service"
            ) from error
        return cursor
