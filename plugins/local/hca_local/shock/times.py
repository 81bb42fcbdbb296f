"""Points in time as nodes have them."""

from __future__ import annotations

from datetime import UTC, datetime

UNSET = "0001-01-01T00:00:00Z"


def now() -> str:
    """Return the present time."""
    return text(datetime.now(UTC))


def text(time: datetime) -> str:
    """Return a time in UTC as nodes have it: RFC 3339 with milliseconds, without zeros at their end."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{time.microsecond // 1000:03}".rstrip("0")
    return f"{whole}{'' if fraction == '.' else fraction}Z"


def seconds(value: str) -> float | None:
    """Return a time of a node in seconds since 1970; None if it is unset."""
    return None if value == UNSET else datetime.fromisoformat(value).timestamp()
