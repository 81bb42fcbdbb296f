"""What login services say: documents and texts of a foreign host, looked at before anything of them is believed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hca_core import log
from hca_core.errors import LoginError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST = 200  # characters of a foreign text in a sentence of ours


def said(text: object) -> str:
    """Return what a foreign host said as a piece of one line: short, no secrets, nothing that moves a terminal."""
    line = " ".join(log.redact(str(text)[:65536]).split())[:_MOST]
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in line)


def decoded(body: bytes, what: str) -> dict[str, Any]:
    """Return the JSON object in `body`; `what` names its sender in errors. Raises LoginError if it is none."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise LoginError(f"{what} answered with something that is not JSON") from error
    if not isinstance(found, dict):
        raise LoginError(f"{what} answered with JSON that is no object")
    return found


def text(document: Mapping[str, Any], name: str, what: str) -> str:
    """Return the text `name` of a document, empty if it has none. Raises LoginError if it is something else."""
    found = document.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise LoginError(f"{what} answered with a {name} that is no text")
    return found


def seconds(document: Mapping[str, Any], name: str) -> float | None:
    """Return the number of seconds `name` of a document, None if it says nothing of use: 0 or less, not a number."""
    found = document.get(name)
    try:
        # Some services send numbers as text. A boolean is a number to Python only.
        value = float(found) if isinstance(found, (int, float, str)) and not isinstance(found, bool) else 0.0
    except (ValueError, OverflowError):
        return None
    return value if 0 < value < float("inf") else None
