"""Names that come from outside: which of them may become a path below a directory that the user named."""

from __future__ import annotations

import os
import re
import unicodedata

_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_HALF = re.compile(r"[\ud800-\udfff]")  # JSON can name half a character; no file system's encoding can
# Reserved by Windows in any case and with any suffix (Microsoft: "Naming Files, Paths, and Namespaces").
_WINDOWS_DEVICES = re.compile(r"(con|prn|aux|nul|com[1-9]|lpt[1-9])(\..*)?", re.IGNORECASE)
_WINDOWS_CHARACTERS = re.compile(r'[<>:"|?*]')


def problem(name: str) -> str | None:
    """Return why the relative file `name` must not be written below a directory, or None if it may.

    Names are `/`-separated, as in a bundle. The rules hold on every system, so that a manifest that works on one
    machine works on all; names that only Windows can't hold are refused on Windows only.
    """
    if not name:
        return "is empty"
    if _CONTROL.search(name):
        return "has a control character"
    if _HALF.search(name):
        return "has half a character, which can't be written"
    if "\\" in name:
        return "has a backslash"
    if name.startswith("/"):
        return "is an absolute path"
    if _DRIVE.match(name):
        return "begins with a drive letter"
    parts = name.split("/")
    if ".." in parts:
        return "leads out of its directory"
    if "." in parts or "" in parts:
        return "has an empty part or a part '.'"
    if max(len(part.encode()) for part in parts) > 255:
        return "has a part longer than 255 bytes"
    if os.name == "nt":
        return _windows_problem(parts)
    return None


def _windows_problem(parts: list[str]) -> str | None:
    for part in parts:
        if _WINDOWS_DEVICES.fullmatch(part):
            return f"has the part {part!r}, which Windows keeps for a device"
        if _WINDOWS_CHARACTERS.search(part) or part[-1] in " .":
            return f"has the part {part!r}, which Windows can't hold"
    return None


def case_clashes(names: list[str]) -> list[str]:
    """Return the `names` that another one equals, fully or but for upper and lower case (sorted, once each)."""
    first: dict[str, int] = {}
    clashes: set[str] = set()
    for position, name in enumerate(names):
        other = first.setdefault(_folded(name), position)
        if other != position:
            clashes |= {name, names[other]}
    return sorted(clashes)


def _folded(name: str) -> str:
    # Some systems also take an accented letter and a letter with an accent behind it for the same.
    return (name if name.isascii() else unicodedata.normalize("NFC", name)).casefold()
