"""The pluggy plugin of the Data Storage System: names its parts, imports none of them."""

from hca_core import hookimpl


@hookimpl
def hca_commands() -> dict[str, str]:
    return {"dss": "hca_dss.cli:dss"}


@hookimpl
def hca_clients() -> dict[str, str]:
    return {"dss": "hca_dss.client:DSSClient"}


@hookimpl
def hca_config_defaults() -> dict[str, dict[str, object]]:
    return {"DSSClient": {"swagger_url": "https://dss.data.humancellatlas.org/v1/swagger.json"}}
