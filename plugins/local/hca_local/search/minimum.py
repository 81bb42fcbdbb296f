"""Reads `minimum_should_match`: how many of a number of optional clauses have to match."""

from __future__ import annotations

import re
from typing import Any

from hca_local.search.errors import QueryError

_COUNT = re.compile(r"([+-]?\d{1,9})(%?)", re.ASCII)
_CONDITION = re.compile(r"(\d{1,9})<([+-]?\d{1,9}%?)", re.ASCII)


def needed(wanted: Any, clauses: int, where: str) -> int:
    """Return how many of `clauses` have to match: `2`, `-1` (all but one), `75%`, `-25%`, or `3<90%` and several such.

    Raises QueryError.
    """
    if isinstance(wanted, bool) or not isinstance(wanted, int | str):
        raise QueryError(f"{where} has to be a number or a string")
    text = re.sub(r"\s*<\s*", "<", str(wanted).strip())
    if "<" not in text:
        return _count(text, clauses, where)
    found = clauses
    for part in text.split():
        condition = _CONDITION.fullmatch(part)
        if condition is None:
            raise QueryError(f"{where} is malformed: {wanted!r}")
        if clauses <= int(condition[1]):
            break
        found = _count(condition[2], clauses, where)
    return found


def _count(text: str, clauses: int, where: str) -> int:
    match = _COUNT.fullmatch(text)
    if match is None:
        raise QueryError(f"{where} is malformed: {text!r}")
    count = int(match[1])
    if match[2]:
        share = clauses * abs(count) // 100  # rounded towards zero on either side
        count = -share if count < 0 else share
    return min(max(clauses + count if text.startswith("-") else count, 0), clauses)
