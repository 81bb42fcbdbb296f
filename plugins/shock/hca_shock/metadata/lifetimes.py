"""How long a node is kept, in the server's words: a whole number and M, H or D for minutes, hours or days."""

from __future__ import annotations

import re
from datetime import timedelta

from hca_core.errors import UsageError

_TEXT = re.compile(r"\s*([0-9]{1,9})\s*(m|min|minutes?|h|hours?|d|days?)\s*", re.IGNORECASE)
_UNITS = {"M": timedelta(minutes=1), "H": timedelta(hours=1), "D": timedelta(days=1)}
_MOST = timedelta(days=36500)  # the server counts nanoseconds, and ends at 292 years


def in_server_words(lifetime: str | timedelta) -> str:
    """Return a lifetime ("30D", "12 hours", a timedelta of whole minutes) as the server wants it.

    Raises UsageError for anything else, and for what is not between a minute and 100 years.
    """
    length = lifetime if isinstance(lifetime, timedelta) else _length(lifetime)
    if not timedelta(0) < length <= _MOST or length % _UNITS["M"]:
        raise UsageError(f"a node can be kept from a minute to 36500 days, in whole minutes, and not for {lifetime}")
    unit = next(unit for unit in "DHM" if length % _UNITS[unit] == timedelta(0))
    return f"{length // _UNITS[unit]}{unit}"


def _length(text: str) -> timedelta:
    found = _TEXT.fullmatch(text)
    if found is None:
        raise UsageError(
            f"{text!r} is no lifetime",
            "give a whole number and M (minutes), H (hours) or D (days), as in 30D",
        )
    try:
        return int(found[1]) * _UNITS[found[2][0].upper()]
    except OverflowError as error:
        raise UsageError(f"{text!r} is longer than a node can be kept") from error
