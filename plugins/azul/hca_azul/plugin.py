"""The pluggy plugin of Azul: names its parts, imports none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_core import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_core.config import HCAConfig
    from hca_core.doctor import Check


@hookimpl
def hca_commands() -> dict[str, str]:
    return {"azul": "hca_azul.cli:azul"}


@hookimpl
def hca_clients() -> dict[str, str]:
    return {"azul": "hca_azul.client:AzulClient"}


@hookimpl
def hca_config_defaults() -> dict[str, dict[str, object]]:
    return {
        "azul": {
            "url": "https://service.azul.data.humancellatlas.org",
            "mirror_bucket": "humancellatlas",
            "requests_per_minute": 150,
        }
    }


@hookimpl
def hca_checks(config: HCAConfig, timeout: float | None) -> Iterator[Check]:
    from hca_azul.diagnostics.checks import checks

    return checks(config, timeout)
