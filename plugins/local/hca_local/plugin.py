"""The pluggy plugin: names the parts, imports none of them."""

from hca_core import hookimpl


@hookimpl
def hca_commands() -> dict[str, str]:
    """Return the import string of the command group."""
    return {"local": "hca_local.cli:local"}
