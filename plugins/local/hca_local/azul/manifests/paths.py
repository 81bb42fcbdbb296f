"""Names of files as paths: the rules that the service has for its curl manifests (contract §7)."""

from __future__ import annotations

import re

_REFUSED = re.compile(r"[\x00-\x1f\\]")
_REPLACED = re.compile(r'[<>:"|?*]')
_COMPONENT = re.compile(r"\.?[^. /](?:[^/]*[^. /])?", re.ASCII)
_DEVICES = re.compile(r"CON|PRN|AUX|NUL|COM[1-9]|LPT[1-9]", re.ASCII)


class PathError(ValueError):
    """A name that can't be made a path."""


def sanitized(name: str) -> str:
    """Return the path for the file `name`. Raises PathError."""
    path = _REPLACED.sub("_", name)
    parts = path.split("/")
    if _REFUSED.search(path) or not all(_COMPONENT.fullmatch(part) for part in parts):
        raise PathError(name)
    if any(_DEVICES.fullmatch(part) for part in parts):
        raise PathError(name)
    return path
