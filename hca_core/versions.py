"""Versions, which are timestamps: UTC, no colons, six decimals, so that the order of text is the order of time."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_SHAPE = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d)(\d\d)(\d\d)\.(\d{6})Z", re.ASCII)


def now() -> str:
    """Return the present moment as a version."""
    return format(datetime.now(UTC))


def format(moment: datetime) -> str:
    """Return `moment` (with a time zone) as a version; years below 1000 keep their zeros, which strftime would drop."""
    utc = moment.astimezone(UTC)
    return f"{utc.year:04d}-{utc.month:02d}-{utc.day:02d}T{utc:%H%M%S}.{utc.microsecond:06d}Z"


def is_valid(text: str) -> bool:
    """Tell whether `text` is a canonical version of a moment that exists (service contract §1)."""
    match = _SHAPE.fullmatch(text)
    if not match:
        return False
    year, month, day, hour, minute, second, micro = map(int, match.groups())
    try:
        datetime(year, month, day, hour, minute, second, micro, tzinfo=UTC)
    except ValueError:
        return False
    return True
