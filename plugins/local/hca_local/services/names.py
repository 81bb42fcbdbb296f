"""Which names services of plugins may have: they become folders, and a part of the variable HCA_<NAME>_URL."""

from __future__ import annotations

import re

from hca_core import names

_OURS = frozenset({"auth", "azul", "dss", "local", "s3", "shock", "upload"})
_FORM = re.compile(r"[a-z][a-z0-9_]{0,29}", re.ASCII)


def problem(name: str) -> str | None:
    """Return why a service can't have `name`, None if it can."""
    if name in _OURS:
        return f"the name {name!r} belongs to a service of hca local itself"
    if not _FORM.fullmatch(name) or names.problem(name):
        return f"the name {name!r:.60} is not made of up to 30 small letters, digits and _, a letter first"
    return None
