"""The pluggy plugin of Shock: names its parts, imports none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_core import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_core.config import HCAConfig
    from hca_core.doctor import Check


@hookimpl
def hca_commands() -> dict[str, str]:
    return {"shock": "hca_shock.cli:shock"}


@hookimpl
def hca_clients() -> dict[str, str]:
    return {"shock": "hca_shock.client:ShockClient"}


@hookimpl
def hca_config_defaults() -> dict[str, dict[str, object]]:
    return {
        "shock": {
            "servers": {
                "mgrast": {"url": "https://shock.mg-rast.org", "scheme": "mgrast"},
                "kbase": {"url": "https://kbase.us/services/shock-api", "scheme": "OAuth"},
            }
        }
    }


@hookimpl
def hca_checks(config: HCAConfig, timeout: float | None) -> Iterator[Check]:
    from hca_shock.admin.checks import checks

    return checks(config, timeout)
