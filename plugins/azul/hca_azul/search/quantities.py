"""Numbers as people write them in filters: 1e9, 1.5GiB, 40y, 2024-01-31 (contract §4)."""

from __future__ import annotations

import re
from decimal import Decimal

from hca_core.errors import UsageError

MOST = 2**53  # where a range has no upper end (contract §4)
_NUMBER = re.compile(r"([+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?)\s*([A-Za-z]*)", re.ASCII)
_DATE = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:T(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})(?P<part>\.[0-9]{1,6})?Z)?", re.ASCII
)
_PREFIXES = ("k", "m", "g", "t", "p")
_BYTES = {
    "": 1,
    "b": 1,
    **{spelled: 1000**power for power, one in enumerate(_PREFIXES, 1) for spelled in (one, f"{one}b")},
    **{f"{one}ib": 1024**power for power, one in enumerate(_PREFIXES, 1)},
}
_DAY = 24 * 3600
_SECONDS = {"": 1, "s": 1, "d": _DAY, "w": 7 * _DAY, "mo": 365 * _DAY // 12, "y": 365 * _DAY}


def integer(text: str, *, is_size: bool = False) -> int:
    """Return a whole number, such as 12 or 1e9; a size may have a unit of bytes (k, MB, GiB). Raises UsageError."""
    units = _BYTES if is_size else {"": 1}
    number = _number(text, units, "a number of bytes such as 5000, 1e9, 20M or 1.5GiB" if is_size else "a whole number")
    if number != int(number):
        raise UsageError(f"{text!r} is not a whole number")
    return int(number)


def seconds(text: str) -> int | float:
    """Return an age in seconds: a number with s, d, w, mo or y behind it; a year has 365 days. Raises UsageError."""
    number = _number(text, _SECONDS, "an age such as 40y, 18mo, 6w, 10d or 3600s")
    return int(number) if number == int(number) else float(number)


def moment(text: str, *, is_end: bool = False) -> str:
    """Return a time as the service writes it: `YYYY-MM-DDThh:mm:ss.ffffffZ`.

    A day stands for its first moment, or for its last if `is_end`. Raises UsageError.
    """
    from datetime import date, time

    match = _DATE.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        date.fromisoformat(match["day"])
        time.fromisoformat(match["time"] or "00:00:00")
    except ValueError as error:
        raise UsageError(f"{text!r} is not a time such as 2024-01-31 or 2024-01-31T12:00:00Z") from error
    if match["time"] is None:
        return f"{match['day']}T{'23:59:59.999999' if is_end else '00:00:00.000000'}Z"
    return f"{match['day']}T{match['time']}{(match['part'] or '.').ljust(7, '0')}Z"


def is_day(text: str) -> bool:
    """Tell whether a text is a date without a time."""
    match = _DATE.fullmatch(text)
    return match is not None and match["time"] is None


def _number(text: str, units: dict[str, int], what: str) -> Decimal:
    match = _NUMBER.fullmatch(text)
    unit = units.get(match[2].lower()) if match else None
    if match is None or unit is None:
        raise UsageError(f"{text!r} is not {what}")
    return Decimal(match[1]) * unit
