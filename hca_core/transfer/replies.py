"""What the headers and the body of an answer say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import requests.structures  # noqa: TID253 - loaded with the engine only

from hca_core import answers

if TYPE_CHECKING:
    from hca_core.transfer.curls import Exchange

_MOST_DIGITS = 19


def number(text: str) -> int | None:
    """Return a number of bytes that a header tells; None if it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < _MOST_DIGITS else None


def validator(exchange: Exchange) -> str:
    """Return what tells one version of an object from all others; "" if the answer has nothing (RFC 9110 §8.8.1)."""
    tag = exchange.header("ETag")
    return tag if tag and not tag.startswith("W/") else exchange.header("Last-Modified")


def where(exchange: Exchange) -> str:
    """Return the URL of an answer without its query, which may hold a signature."""
    return exchange.url.partition("?")[0]


def answer(exchange: Exchange) -> Any:
    """Return an answer in the form that the rest of the core knows."""
    return SimpleNamespace(
        status_code=exchange.status,
        reason=exchange.reason,
        headers=requests.structures.CaseInsensitiveDict(exchange.all_headers()),
        url=where(exchange),
        request=SimpleNamespace(method="GET", headers={}),
    )


def problem(exchange: Exchange, answer: Any) -> object:
    body = b"".join(exchange.problem or ())
    return answers.problem_in(body, answer.headers.get("Content-Type", ""))
