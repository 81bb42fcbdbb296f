"""Attributes as they come: any JSON."""

from __future__ import annotations

import json
import math
from typing import Any

from hca_local.shock import leaves
from hca_local.shock.calls import ShockError

# Far from what the readers and writers of JSON can do, here and at clients.
_DEEPEST = 100
# What one node may add to the tables that queries look at. Each value stands there with its whole path, so that a few
# long names around many values would take thousands of times the room of the attributes.
_MOST_VALUES = 50_000
_MOST_IN_PATHS = 2 * 1024 * 1024

# Go has one kind of number; larger ones are written with an exponent there.
_WITHOUT_EXPONENT = 1e21


def parsed(text: str | bytes, *, quirks: bool) -> Any:
    """Return the value of a JSON text. Raises ShockError (400).

    Parameters: `quirks` makes every number one of 64 bits, as the real server does: large integers lose digits there.
    """
    try:
        found = json.loads(text, parse_int=_go_number, parse_float=_go_number) if quirks else json.loads(text)
        # Neither NaN nor half a character (\ud800), both of which json reads, can be sent to anybody.
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise ShockError(400, f"The attributes are not valid JSON: {error}.") from error
    _require_modest(found)
    return found


def _require_modest(found: Any) -> None:
    """Raise ShockError (400) for attributes that take too much to be kept and found."""
    in_paths = 0
    for values, (path, depth) in enumerate(leaves.paths("attributes", found), 1):
        in_paths += len(path)
        if depth > _DEEPEST:
            raise ShockError(400, f"The attributes are nested more than {_DEEPEST} levels deep.")
        if values > _MOST_VALUES:
            raise ShockError(400, f"The attributes have more than {_MOST_VALUES} values: send such as a file.")
        if in_paths > _MOST_IN_PATHS:
            raise ShockError(
                400,
                f"The names that lead to the values of the attributes have more than {_MOST_IN_PATHS} characters "
                "together, counted again for each value: use shorter names or fewer levels, or send a file.",
            )


def _go_number(text: str) -> int | float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is too large")
    return int(number) if number.is_integer() and abs(number) < _WITHOUT_EXPONENT else number
