"""One rule of a fault script: which calls it is for, and what happens to them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_CALLS = re.compile(r"(\d+)(?:(-)(\d*))?", re.ASCII)
_NUMBER = (int, float)
# What each key of a rule may be; bool is an int in Python and is told apart below.
_KINDS: dict[str, tuple[type, ...]] = {
    "route": (str,), "calls": (str,), "query": (str,),
    "status": (int,), "headers": (dict,), "body": (str,), "json": (dict, list, str, int, float, type(None)),
    "delay": _NUMBER, "drip": _NUMBER, "stall": (int,), "cut": (int,), "flip": (int,), "length": (int,),
    "reset": (bool,),
    "redirects": (int,), "wait": (int,), "lifetime": (int,), "polls": (int,), "job": (str,),
}  # fmt: skip
_HINTS = ("redirects", "wait", "lifetime", "polls", "job")
_JOBS = ("failed",)


class ScriptError(Exception):
    """A fault script that makes no sense."""


@dataclass
class Rule:
    """What happens to some calls of a route; `seen` counts the calls of the route since the script was read.

    `hints` are for the handlers of the route: they are not faults of the transport.
    """

    method: str
    path: str
    given: Mapping[str, Any]
    hints: Mapping[str, Any] = field(default_factory=dict)
    seen: int = 0

    def takes(self, method: str, path: str, query: str) -> bool:
        """Count a call, and tell whether the rule is for it."""
        if self.method not in ("*", method) or not fnmatchcase(path, self.path):
            return False
        if self.given.get("query", "") not in query:
            return False
        self.seen += 1
        return any(first <= self.seen <= last for first, last in _spans(self.given.get("calls", "1-")))


def rule(given: object) -> Rule:
    """Return the rule that an object of the script describes. Raises ScriptError."""
    if not isinstance(given, dict):
        raise ScriptError("A rule is not an object.")
    for key, value in given.items():
        if key not in _KINDS:
            raise ScriptError(f"A rule has no key {key!r}; those it may have are {', '.join(_KINDS)}.")
        if not isinstance(value, _KINDS[key]) or (isinstance(value, bool) and bool not in _KINDS[key]):
            raise ScriptError(f"{key!r} of a rule can't be {value!r}.")
    method, space, path = given.get("route", "").partition(" ")
    if not space or not path.startswith(("/", "*")):
        raise ScriptError(f"'route' is a method and a path such as 'GET /signed/*', not {given.get('route')!r}.")
    if "job" in given and given["job"] not in _JOBS:
        raise ScriptError(f"'job' is one of {', '.join(_JOBS)}, not {given['job']!r}.")
    if any(not isinstance(value, str) for value in given.get("headers", {}).values()):
        raise ScriptError("The values of 'headers' are texts.")
    _spans(given.get("calls", "1-"))
    return Rule(method, path, given, {key: given[key] for key in _HINTS if key in given})


def _spans(text: str) -> list[tuple[int, float]]:
    """Return the first and last numbers of the calls that `1,3-5,8-` means. Raises ScriptError."""
    found = []
    for part in text.split(","):
        match = _CALLS.fullmatch(part.strip())
        if match is None:
            raise ScriptError(f"'calls' is a text such as '1', '2-4' or '1,3-', not {text!r}.")
        first, dash, last = match.groups()
        found.append((int(first), (float(last) if last else float("inf")) if dash else int(first)))
    return found
