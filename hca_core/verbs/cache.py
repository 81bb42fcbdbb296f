"""`hca clear-hca-cache`: drop the cached descriptions of services."""

from __future__ import annotations

import click


@click.command("clear-hca-cache")
def clear_hca_cache() -> None:
    """Drop the cached descriptions of all services.

    The next verb fetches the description it needs anew. Helps when a service has changed its API.
    """
    from hca_core import descriptions

    descriptions.clear()
