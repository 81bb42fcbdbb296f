"""Reads headers, query and body of a request, once each."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope

_THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})
# Other names of this machine are taken from the request (think of a forwarded port), foreign ones never.
_OWN_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.ASCII)


class TooLargeError(Exception):
    """A body that is larger than it may be."""


def headers(scope: Scope) -> dict[str, str]:
    """Return the headers by lower-case name; one that comes several times is a list (RFC 9110 §5.3)."""
    found: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def query(scope: Scope) -> list[tuple[str, str]]:
    """Return the keys and values of the query, in order."""
    return parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)


def first_values(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Return the first value of each key: clients send theirs again behind the ones of a Link."""
    return dict(reversed(pairs))


async def body(receive: Receive, most: int) -> bytes:
    """Return the body of a request. Raises TooLargeError if it has more than `most` bytes."""
    parts = bytearray()
    more = True
    while more:
        message = await receive()
        parts += message.get("body", b"")
        more = message.get("more_body", False)
        if len(parts) > most:
            raise TooLargeError(f"A body may have {most} bytes.")
    return bytes(parts)


def own_host(headers: Mapping[str, str], server: tuple[str, int]) -> str:
    """Return name and port of this server as the request has them; `server` is where it really listens."""
    host = headers.get("host", "")
    return host if _OWN_HOST.fullmatch(host) else f"{server[0]}:{server[1]}"


@lru_cache(maxsize=256)
def is_ours(url: str) -> bool:
    """Tell whether the host of `url`, an origin or a Host header after `//`, is this machine; nobody's is none."""
    if url in ("", "//"):
        return True
    try:
        return urlsplit(url).hostname in _THIS_MACHINE
    except ValueError:
        return False
