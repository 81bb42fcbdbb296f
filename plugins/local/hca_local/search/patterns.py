"""Wildcard patterns, where `*` is any text, `?` one character and a back-slash takes the meaning of what follows."""

from __future__ import annotations

import re

_PART = re.compile(r"\\(.)|(.)", re.DOTALL)


def glob(pattern: str) -> str:
    """Return `pattern` for SQLite's GLOB."""
    return "".join(_in_glob(match) for match in _PART.finditer(pattern))


def regexp(pattern: str) -> str:
    """Return `pattern` as a regular expression of Lucene."""
    return "".join(_in_regexp(match) for match in _PART.finditer(pattern))


def quoted(text: str) -> str:
    """Return the regular expression of Lucene for `text` itself."""
    return "".join(f"\\{character}" for character in text)


def _in_glob(part: re.Match[str]) -> str:
    literal = part[1] or (part[2] if part[2] not in ("*", "?") else None)
    if literal is None:
        return part[2]
    return f"[{literal}]" if literal in "*?[" else literal


def _in_regexp(part: re.Match[str]) -> str:
    if part[2] in ("*", "?"):
        return {"*": ".*", "?": "."}[part[2]]
    return quoted(part[1] or part[2])
