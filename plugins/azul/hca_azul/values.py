"""How hits say the same thing in two forms: one value, or a list of them (contract §5)."""

from __future__ import annotations

from typing import Any


def as_list(value: Any) -> list[Any]:
    """Return a value of a hit as a list: scalars stand alone where the entity is the one that was asked for."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def only(value: Any) -> Any:
    """Return the one value that a hit tells, None if it tells none or several."""
    values = as_list(value)
    return values[0] if len(values) == 1 else None
