"""Attributes as they come: any JSON."""

from __future__ import annotations

import json
import math
from typing import Any

from hca_local.shock.calls import ShockError

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
    return found


def _go_number(text: str) -> int | float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is too large")
    return int(number) if number.is_integer() and abs(number) < _WITHOUT_EXPONENT else number
