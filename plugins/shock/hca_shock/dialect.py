"""KBase's blobstore answers as a Shock server, but knows a part of it only (service contract §12).

Nobody asks which of the two it is before something is refused: that would be a request for nothing.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hca_core.errors import HCAError, UsageError
from hca_shock.errors import ShockApiError, ShockRefusedError, ShockUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hca_shock.server import Server

_UNKNOWN_STATUSES = (400, 404, 405, 501)  # with which an address that there is not is refused


def is_local(document: dict[str, Any]) -> bool:
    """Tell by what a server says of itself whether it is one of `hca local` without the faults of the real one."""
    return document.get("implementation") == "hca local"


@contextmanager
def only_shock(server: Server, what: str) -> Iterator[None]:
    """Say of a request that fails because the server is a blobstore that this has no `what`. Raises UsageError.

    It is for what has the address of something that a blobstore has; for other addresses see `missing_address`.
    """
    try:
        yield
    except (ShockRefusedError, ShockUnavailableError):
        raise
    except ShockApiError as error:
        if "node not found" in error.reason.lower() or not _is_blobstore(server):
            raise
        raise _has_no(server, what) from error


def missing_address(server: Server, method: str, segments: Sequence[str], status: int) -> UsageError | None:
    """Return what to say of a request that was refused because a blobstore has no such address; None for any other."""
    is_query = tuple(segments) == ("node",) and method == "GET"
    known = segments[0] in ("", "node") and (len(segments) < 3 or segments[2] in ("acl", "copy"))
    if status not in _UNKNOWN_STATUSES or (known and not is_query) or not _is_blobstore(server):
        return None
    if is_query:
        return _has_no(server, "queries")
    named = {"index": "indexes"}.get(segments[2], segments[2]) if len(segments) > 2 else f"/{'/'.join(segments)}"
    return _has_no(server, named)


def _has_no(server: Server, what: str) -> UsageError:
    return UsageError(
        f"{server.url} is a KBase blobstore, which has no {what}",
        "it stores, copies and shares files (hca shock put, get, acl)",
    )


def _is_blobstore(server: Server) -> bool:
    """Tell whether a server is a blobstore, as far as it tells: the error that made somebody ask is worth more."""
    try:
        return server.is_blobstore
    except HCAError:
        return False
