"""Ages of donors: a text such as `38` or `6-12` with a unit, and the range of seconds that it means (contract §4)."""

from __future__ import annotations

_DAY = 24 * 60 * 60
_SECONDS = {
    "second": 1,
    "minute": 60,
    "hour": 60 * 60,
    "day": _DAY,
    "week": 7 * _DAY,
    "month": 365 * _DAY // 12,
    "year": 365 * _DAY,
}


def seconds(age: str, unit: str) -> tuple[int, int]:
    """Return the range of seconds that `age` in `unit` means; both ends are the same for a single number."""
    low, _, high = age.partition("-")
    return round(float(low) * _SECONDS[unit]), round(float(high or low) * _SECONDS[unit])
