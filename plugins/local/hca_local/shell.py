"""Lines for a POSIX shell that let `hca` use a deployment, and lines that undo it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_CONFIG = "HCA_CONFIG_FILE"
# A set URL would win over the configuration file, so it has to go for as long as the deployment is used.
_URL = "HCA_DSS_URL"
_SAVED = "HCA_LOCAL_SAVED_"


def use(config: Path, environment: Mapping[str, str]) -> list[str]:
    """Return the lines that make `config` the configuration; what `environment` has in its place is saved."""
    lines = []
    if environment.get(_CONFIG, str(config)) != str(config):
        lines.append(_export(_SAVED + _CONFIG, environment[_CONFIG]))
    lines.append(_export(_CONFIG, str(config)))
    if _URL in environment:
        lines += [_export(_SAVED + _URL, environment[_URL]), f"unset {_URL}"]
    return lines


def undo(environment: Mapping[str, str]) -> list[str]:
    """Return the lines that put back what `use` has replaced."""
    lines = [] if _SAVED + _CONFIG in environment else [f"unset {_CONFIG}"]
    for name in (_CONFIG, _URL):
        if _SAVED + name in environment:
            lines += [_export(name, environment[_SAVED + name]), f"unset {_SAVED}{name}"]
    return lines


def _export(name: str, value: str) -> str:
    return f"export {name}={shlex.quote(value)}"
