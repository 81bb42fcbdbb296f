"""Lengths of time in words."""

from __future__ import annotations

_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def in_words(seconds: float) -> str:
    """Return a length of time in its two largest units: "2 hours 5 minutes"."""
    rest = round(abs(seconds))
    words: list[str] = []
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            words.append(f"{count} {unit}{'s' if count > 1 else ''}")
        elif words:
            break
        if len(words) == 2:
            break
    return " ".join(words) or "less than a second"


def from_now(moment: float, now: float) -> str:
    """Return where a `moment` lies, seen from `now` (both in seconds since 1970): "in 2 hours", "3 days ago"."""
    return f"in {in_words(moment - now)}" if moment > now else f"{in_words(now - moment)} ago"
