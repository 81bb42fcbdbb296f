"""The pluggy plugin of the Data Storage System: names its parts, imports none of them."""

from hca_core import hookimpl

# That of the hosted deployments; others name theirs in the configuration.
_AUDIENCE = "https://dev.data.humancellatlas.org/"


@hookimpl
def hca_commands() -> dict[str, str]:
    return {"dss": "hca_dss.cli:dss"}


@hookimpl
def hca_clients() -> dict[str, str]:
    return {"dss": "hca_dss.client:DSSClient"}


@hookimpl
def hca_config_defaults() -> dict[str, dict[str, object]]:
    return {
        "DSSClient": {
            "swagger_url": "https://dss.data.humancellatlas.org/v1/swagger.json",
            # What the tokens must say that a service account signs for itself, and what a login asks for.
            "service_account": {
                "audience": _AUDIENCE,
                "scope": ["email", "openid", "offline_access"],
                "claims": {
                    "https://auth.data.humancellatlas.org/email": "{email}",
                    "https://auth.data.humancellatlas.org/group": "hca",
                },
            },
            "oauth": {"audience": _AUDIENCE},
        }
    }
