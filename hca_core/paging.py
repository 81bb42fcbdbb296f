"""Pages of an answer that is told in pieces: `Link: <url>; rel="next"` (RFC 8288), in constant memory."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin

from hca_core.errors import HCAError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from requests import Response

_LINK = re.compile(r"<([^>]*)>((?:[^,\"']|\"[^\"]*\"|'[^']*')*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s;,]+))", re.IGNORECASE)


class Page(NamedTuple):
    """One page of a paged answer: the whole document, its items, and the dotted key at which they lie in it."""

    document: Any
    items: list[Any]
    key: str


def next_url(link: str | None, base: str) -> str | None:
    """Return the URL that a `Link` header names as the next page, resolved against `base`; None if there is none.

    Services write `rel="next"`, `rel='next'` and `rel=next`; all are read.
    """
    for target, parameters in _LINK.findall(link or ""):
        for found in _REL.findall(parameters):
            if "next" in "".join(found).lower().split():
                return str(urljoin(base, target.strip()))
    return None


def pages(first: Response, follow: Callable[[str], Response]) -> Iterator[Response]:
    """Yield `first` and every page after it; `follow` fetches a URL. One page at a time is in memory.

    Raises HCAError if a page's link leads to a page that was read before (it would never end).
    """
    seen = {first.url}
    response = first
    while True:
        yield response
        url = next_url(response.headers.get("Link"), response.url)
        if url is None:
            return
        if url in seen:
            raise HCAError(f"the service's pages go in a circle: {url} was read before")
        seen.add(url)
        response = follow(url)


def only_list(document: Any) -> str:
    """Return the key of the only list in a page whose service tells no key; "results" if there is not just one."""
    lists = [key for key, value in document.items() if isinstance(value, list)] if isinstance(document, dict) else []
    return lists[0] if len(lists) == 1 else "results"


def items(document: Any, key: str) -> list[Any]:
    """Return the list at the dotted `key` of a page. Raises HCAError if the page has none there."""
    found = document
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    if not isinstance(found, list):
        raise HCAError(f"a page of the service has no list at {key!r}")
    return found
