"""The order of documents, and the page of them that a request is for (contract §3)."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from hca_local.azul.calls import AzulError, opaque
from hca_local.azul.index import fields
from hca_local.azul.index.fields import Kind

if TYPE_CHECKING:
    from hca_local.azul.index.documents import Document

# The index has no order for values of these kinds.
_UNSORTED = (Kind.NESTED, Kind.RANGE, Kind.BLOB)


@dataclass(frozen=True)
class Order:
    """How hits are sorted; nothing comes last when ascending, first when descending."""

    field: str
    direction: str
    size: int

    def key(self, document: Document) -> tuple[bool, Any, str]:
        """Return what documents are compared by: of several values the smallest counts, in both directions."""
        values = [_comparable(value) for value in document.values(self.field) if value is not None]
        return (not values, min(values) if values else "", document.id)


@dataclass(frozen=True)
class Cursor:
    """Where a page begins (`after` is True) or ends, itself not on it: what the neighbour is sorted by, and its id."""

    value: Any
    id: str
    after: bool

    def key(self) -> tuple[bool, Any, str]:
        """Return what documents are compared with."""
        return (self.value is None, "" if self.value is None else self.value, self.id)


@dataclass(frozen=True)
class Page:
    """The documents of a page, and whether there are others on either side."""

    documents: list[Document]
    has_previous: bool
    has_next: bool


def check_sort(field: str, *, old: bool) -> None:
    """Raise AzulError (500) for a field that the index can't sort by."""
    if fields.kinds(old=old)[field] in _UNSORTED:
        raise opaque()


def cursor(after: Any, before: Any) -> Cursor | None:
    """Return the cursor in the JSON of `search_after` or `search_before`. Raises AzulError (400, 500)."""
    if after is not None and before is not None:
        raise AzulError(400, "BadRequestError", "Only one of search_after or search_before may be set")
    if after is None and before is None:
        return None
    found = json.loads(before if after is None else after)
    is_key = isinstance(found, list) and len(found) == 2
    if not is_key or isinstance(found[0], (list, dict)) or not isinstance(found[1], str):
        raise AzulError(500, "ChaliceViewError", str(("Not a sort key", found)))
    return Cursor(found[0], found[1], after is not None)


def page(documents: list[Document], order: Order, cursor: Cursor | None) -> Page:
    """Return the page of `documents` that comes first, or next to `cursor`. Raises AzulError (500)."""
    ordered = sorted(((order.key(document), document) for document in documents), key=lambda pair: pair[0])
    keys = [key for key, _ in ordered]
    ascending = order.direction == "asc"
    if cursor is None:
        low, high = (0, order.size) if ascending else (len(keys) - order.size, len(keys))
    else:
        low, high = _beside(keys, cursor, order.size, upwards=cursor.after == ascending)
    low, high = max(low, 0), min(high, len(keys))
    found = [document for _, document in ordered[low:high]]
    below, above = low > 0, high < len(keys)
    if not ascending:
        found.reverse()
        below, above = above, below
    if cursor is None:
        below = False
    elif cursor.after:
        below = True
    else:
        above = True
    return Page(found, below, above)


def _beside(keys: list[Any], cursor: Cursor, size: int, *, upwards: bool) -> tuple[int, int]:
    """Return from where to where in `keys` the page above or below the cursor is."""
    try:
        if upwards:
            low = bisect_right(keys, cursor.key())
            return low, low + size
        high = bisect_left(keys, cursor.key())
    except TypeError as error:  # a number where texts are compared
        raise opaque() from error
    return high - size, high


def described(found: Page, order: Order, total: int, address: str, link: dict[str, str]) -> dict[str, Any]:
    """Return the member `pagination` of an answer. Links lead to `address` with the parameters `link`."""
    first, last = (found.documents[0], found.documents[-1]) if found.documents else (None, None)
    return {
        "count": len(found.documents),
        "total": total,
        "size": order.size,
        "pages": -(-total // order.size),
        "next": _link(address, link, order, "search_after", last) if found.has_next else None,
        "previous": _link(address, link, order, "search_before", first) if found.has_previous else None,
        "sort": order.field,
        "order": order.direction,
    }


def _link(address: str, link: dict[str, str], order: Order, name: str, neighbour: Document | None) -> str | None:
    if neighbour is None:
        return None
    is_null, value, id = order.key(neighbour)
    sorting = {name: json.dumps([None if is_null else value, id]), "sort": order.field, "order": order.direction}
    return f"{address}?{urlencode(link | sorting | {'size': str(order.size)})}"


def _comparable(value: Any) -> Any:
    """Return a value for comparing: of an age with its unit the text."""
    return value["value"] if isinstance(value, dict) else value
