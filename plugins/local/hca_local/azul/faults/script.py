"""The fault script: the file `faults.json` of the stand-in, read again whenever it changes."""

from __future__ import annotations

import json
import os
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hca_local.azul.faults.limits import Limits
from hca_local.azul.faults.rules import Rule, ScriptError, rule

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME = "faults.json"
_KEYS = ("script", "limits", "maintenance")

# What the script says about the call that is being answered, for the handlers of its route.
_hints: ContextVar[Mapping[str, Any]] = ContextVar("azul_hints", default={})  # noqa: B039 - nobody changes it


@dataclass
class Script:
    """What goes wrong: `maintenance` are the seconds after which to ask again, None if there is none."""

    rules: list[Rule] = field(default_factory=list)
    limits: Limits = field(default_factory=lambda: Limits({}))
    maintenance: int | None = None

    def rule_for(self, method: str, path: str, query: str) -> Rule | None:
        """Count a call at all rules of its route, and return the first that is for it."""
        found = [one for one in self.rules if one.takes(method, path, query)]
        return found[0] if found else None


class ScriptFile:
    """The file with the script; where it is missing, nothing goes wrong."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark: tuple[int, int, int] | None = None
        self._script = Script()

    def current(self) -> Script:
        """Return the script; its counts begin anew when the file has changed. Raises ScriptError."""
        try:
            found = os.stat(self._path)
            mark = (found.st_mtime_ns, found.st_size, found.st_ino)
        except FileNotFoundError:
            mark = None
        if mark != self._mark:
            self._script = Script() if mark is None else parsed(self._path.read_bytes())
            self._mark = mark
        return self._script


def parsed(text: bytes) -> Script:
    """Return the script that the JSON document `text` describes. Raises ScriptError."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ScriptError(f"It is not JSON: {error}.") from error
    if not isinstance(document, dict) or set(document) - set(_KEYS):
        raise ScriptError(f"It is an object with the keys {', '.join(_KEYS)}.")
    rules, limits, maintenance = document.get("script", []), document.get("limits", {}), document.get("maintenance")
    if not isinstance(rules, list) or not isinstance(limits, dict):
        raise ScriptError("'script' is a list, 'limits' an object.")
    if maintenance is not None and type(maintenance) is not int:
        raise ScriptError(f"'maintenance' is a whole number of seconds, not {maintenance!r}.")
    return Script([rule(one) for one in rules], Limits(limits), maintenance)


def hint(name: str, default: Any) -> Any:
    """Return what the script says about `name` for the call that is being answered."""
    return _hints.get().get(name, default)


def give_hints(hints: Mapping[str, Any]) -> None:
    """Let the handler of the call that is being answered, which has a context of its own, know what is scripted."""
    _hints.set(hints)
