"""Which names a new plugin may have: the word behind `hca`, from which all its other names are made."""

from __future__ import annotations

import keyword
import re
from typing import TYPE_CHECKING

from hca_core import discover
from hca_core.commands import FORMATS
from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Container

_LONGEST = 20  # characters: help pages have it in a column
_NAME = re.compile(r"[a-z][a-z0-9]*")
_TAKEN = {"core": "hca_core is the core itself", "hca": "it is the name of the program"}


def checked(name: str) -> str:
    """Return `name`. Raises UsageError if a new plugin can't be called so."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r:.60} is no name for a plugin: it must be one word of lower-case letters and digits",
            hint=_advice(name),
        )
    if len(name) > _LONGEST:
        raise UsageError(f"{name[:_LONGEST]!r}... is too long for a plugin: {_LONGEST} characters are the most")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise UsageError(f"a plugin can't be called {name!r}: it is a keyword of Python")
    why = _TAKEN.get(name) or _taken(name)
    if why:
        raise UsageError(f"a plugin can't be called {name!r}: {why}")
    return name


def check_parts(name: str, parts: Container[str]) -> None:
    """Raise UsageError if one of the `parts` of a new plugin can't have its `name`: it would hide what has it now."""
    if "format" in parts and name in FORMATS:
        raise UsageError(f"a format can't be called {name!r}: hca has that one itself")
    if "filesystem" in parts and name in _protocols():
        raise UsageError(f"a file system can't be called {name!r}: fsspec has that one itself")


def _protocols() -> Container[str]:
    """Return the names of the file systems that fsspec knows; none where it is not installed."""
    try:
        from fsspec.registry import known_implementations
    except ImportError:
        return ()
    return frozenset(known_implementations)


def _advice(name: str) -> str | None:
    """Return what to type instead, if what is meant can be seen."""
    word = re.sub(r"[-_ .]", "", name.lower().removeprefix("hca-plugin-").removeprefix("hca_"))
    return f"hca plugins new {word}" if _NAME.fullmatch(word) and len(word) <= _LONGEST else None


def _taken(name: str) -> str:
    """Return who has the name already, or an empty text."""
    from hca_core.main import OWN_COMMANDS

    if name in OWN_COMMANDS:
        return f"'hca {name}' is a command of hca itself"
    found = [entry for entry in discover.declared(discover.PLUGINS) if entry.name == name]
    if found:
        return f"{found[0].distribution} {found[0].version} has it, which is installed"
    return f"hca-plugin-{name} is one of this project" if discover.installing(name) else ""
