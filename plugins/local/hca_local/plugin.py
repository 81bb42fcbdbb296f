"""The pluggy plugin: names the parts, imports none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_core import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_core.doctor import Check


@hookimpl
def hca_commands() -> dict[str, str]:
    """Return the import string of the command group."""
    return {"local": "hca_local.cli:local"}


@hookimpl
def hca_checks(timeout: float | None) -> Iterator[Check]:
    """Look whether the deployment runs."""
    from hca_local.checks import checks

    return checks(timeout)
