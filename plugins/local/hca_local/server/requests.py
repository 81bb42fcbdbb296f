"""Reads headers and query of a request, once each."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from starlette.types import Scope


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
