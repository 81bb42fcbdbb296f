"""How values of a node are compared with the text of a condition."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from hca_core.errors import UsageError

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_CANONICAL = re.compile(r"-?(0|[1-9]\d{0,99})")  # Python reads no more than some 4000 digits
_LIKE_INTEGER = re.compile(r"[+-]?\d+")
_LIKE_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?")
_SIZE = re.compile(r"(\d{1,99})([KMGTP])i?B?", re.IGNORECASE)
LEAST_INTEGER, MOST_INTEGER = -(2**63), 2**63 - 1


def is_number(text: str) -> bool:
    """Tell whether `text` is a number as JSON writes them."""
    return _NUMBER.fullmatch(text) is not None


def is_integer(text: str) -> bool:
    """Tell whether `text` is the one way to write an integer that a server holds."""
    return _CANONICAL.fullmatch(text) is not None and LEAST_INTEGER <= int(text) <= MOST_INTEGER


def looks_typed(text: str) -> bool:
    """Tell whether a server takes `text` for more than text: an integer, a date, nothing."""
    return text == "null" or any(kind.fullmatch(text) for kind in (_LIKE_INTEGER, _LIKE_DATE))


def number(text: str) -> int | float:
    """Return the number that `text` writes."""
    return int(text) if _CANONICAL.fullmatch(text) else float(text)


def same(value: Any, text: str) -> bool:
    """Tell whether `value` is what `text` writes: that text, that number, that truth value, or nothing (null)."""
    if isinstance(value, str):
        return value == text
    if value is None or isinstance(value, bool):
        return json.dumps(value) == text
    return is_number(text) and bool(value == number(text))


def is_numeric(value: Any) -> bool:
    """Tell whether `value` is a number; a truth value is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def amount(name: str, text: str) -> int:
    """Return the integer that `text` writes; K, M, G, T, P behind it stand for powers of 1024. Raises UsageError."""
    found = _SIZE.fullmatch(text)
    if found:
        return min(int(found[1]) << 10 * ("KMGTP".index(found[2].upper()) + 1), MOST_INTEGER)
    if not is_integer(text):
        raise UsageError(f"{name} is an integer, and {text!r} is none", hint="write 1048576, or 1M")
    return int(text)


def moments(name: str, text: str) -> tuple[datetime, datetime]:
    """Return when the time that `text` writes begins and ends: a day has a length, a moment has none.

    Without an offset it is UTC. Raises UsageError.
    """
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        ends = moment + timedelta(days=1) if len(text) <= len("2026-01-01") else moment
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{name} is a time, and {text!r} is none", hint="write 2026-01-31, or 2026-01-31T12:00:00Z"
        ) from error
    return moment, ends
