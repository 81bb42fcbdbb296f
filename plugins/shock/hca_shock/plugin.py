"""The pluggy plugin of Shock: names its parts, imports none of them."""

from hca_core import hookimpl


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
