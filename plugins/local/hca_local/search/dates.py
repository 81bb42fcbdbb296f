"""Dates as Elasticsearch reads them: ISO 8601 in full or in part, and `yyyy-MM-dd HH:mm:ss`."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

_DATE = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:[Tt](?P<hour>\d\d)(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?)?"
    r"(?P<zone>[Zz]|[+-]\d\d(?::?\d\d)?)?"
    r"| (?P<clock>\d\d:\d\d:\d\d))?)?)?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_SHORTEST = len("2019-05-14")
# How many milliseconds a date covers whose last part this is.
_LENGTHS = {"day": 86_400_000, "hour": 3_600_000, "minute": 60_000, "second": 1_000, "fraction": 1}


class Period(NamedTuple):
    """What a date stands for: its first and its last millisecond since 1970."""

    first: int
    last: int


def moment(text: str) -> int | None:
    """Return the millisecond that a text in a document stands for; None if it is no date with at least a day."""
    # A cheap look first: nearly all strings are something else.
    if len(text) < _SHORTEST or text[4] != "-" or text[7] != "-":
        return None
    found = period(text)
    return None if found is None else found.first


def period(text: str) -> Period | None:
    """Return the time that a date in a query covers, a whole year for `2019`; None if the text is no date."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    parts = {name: part for name, part in match.groupdict().items() if part}
    if "clock" in parts:
        parts |= zip(("hour", "minute", "second"), parts["clock"].split(":"), strict=True)
    try:
        return _period(parts)
    except ValueError:
        return None  # there is no such day


def _period(parts: dict[str, str]) -> Period:
    year, month, last_month = int(parts["year"]), int(parts.get("month", 1)), int(parts.get("month", 12))
    hour, minute, second = (int(parts.get(name, 0)) for name in ("hour", "minute", "second"))
    zone = _zone(parts.get("zone", "Z"))
    start = datetime(year, month, int(parts.get("day", 1)), hour, minute, second, tzinfo=zone)
    first = (start - _EPOCH) // _MILLISECOND + int(parts.get("fraction", "")[:3].ljust(3, "0"))
    if "day" in parts:
        return Period(first, first + _LENGTHS[next(name for name in reversed(_LENGTHS) if name in parts)] - 1)
    last_day = datetime(year, last_month, calendar.monthrange(year, last_month)[1], tzinfo=UTC)
    return Period(first, (last_day - _EPOCH) // _MILLISECOND + _LENGTHS["day"] - 1)


def _zone(text: str) -> timezone:
    if text in "Zz":
        return UTC
    hours, minutes = int(text[1:3]), int(text[3:].removeprefix(":") or 0)
    return timezone((-1 if text[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes))
