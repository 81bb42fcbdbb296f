"""KBase's blobstore answers as a Shock server, but knows a part of it only (service contract §12)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from hca_core.errors import HCAError, UsageError
from hca_shock.errors import ShockApiError, ShockRefusedError, ShockUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_shock.server import Server


@contextmanager
def only_shock(server: Server, what: str) -> Iterator[None]:
    """Say of a request that fails because the server is a blobstore that this has no `what`. Raises UsageError."""
    try:
        yield
    except (ShockRefusedError, ShockUnavailableError):
        raise
    except ShockApiError as error:
        if "node not found" in error.reason.lower() or not _is_blobstore(server):
            raise
        raise UsageError(
            f"{server.url} is a KBase blobstore, which has no {what}",
            "it stores, copies and shares files (hca shock put, get, acl)",
        ) from error


def _is_blobstore(server: Server) -> bool:
    """Tell whether a server is a blobstore, as far as it tells: the error that made somebody ask is worth more."""
    try:
        return server.is_blobstore
    except HCAError:
        return False
