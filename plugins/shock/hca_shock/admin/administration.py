"""What administrators and the curious ask of a server: locations, types, restoring, locks, its state."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hca_core.errors import UsageError
from hca_shock.admin import locations, locks
from hca_shock.dialect import only_shock
from hca_shock.errors import ShockRefusedError
from hca_shock.metadata.errors import LostChangeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from hca_core.doctor import Check
    from hca_shock.admin.locks import Locked
    from hca_shock.node import Node
    from hca_shock.server import Server

# What can be asked of a location.
LOCATION_REPORTS = ("info", "missing", "present", "inflight", "restore")
_TRIES = 3


class Administration:
    """The administration of a server.

        shock.admin.add_location(id, "S3", stored=True)
        shock.admin.wait(id, timeout=600)
        [check for check in shock.admin.doctor() if check.state != "ok"]

    Locations, types and restoring are for administrators: the methods raise ShockRefusedError for others.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def info(self) -> dict[str, Any]:
        """Return how the server describes itself."""
        return self._server.resource()

    def locations(self, id: str) -> list[dict[str, Any]]:
        """Return the locations of a node: their id, and where known stored, requested and requestedDate."""
        with only_shock(self._server, "locations"):
            return locations.listed(self._server, id)

    def location(self, id: str, location: str) -> dict[str, Any]:
        """Return one location of a node. Raises NotFoundError if the node is not there."""
        with only_shock(self._server, "locations"):
            return locations.one(self._server, id, location)

    def add_location(
        self,
        id: str,
        location: str,
        *,
        stored: bool | None = None,
        requested: bool | None = None,
        requested_date: str | date | None = None,
    ) -> dict[str, Any]:
        """Add a location to a node, and return it as the server has it.

        Parameters: `stored` tells that the file is there, `requested` that it was asked for, `requested_date` when: a
        date, or a moment that tells its distance to UTC. The server may not keep `requested`.
        Raises UsageError if the node has it already, LostChangeError (an IntegrityError) if the server loses it.
        """
        with self._for_administrators("locations"):
            return locations.add(
                self._server, id, location, stored=stored, requested=requested, requested_date=requested_date
            )

    def remove_location(self, id: str, location: str) -> list[dict[str, Any]]:
        """Remove a location of a node, and return those that are left. Raises NotFoundError if it is not there."""
        with self._for_administrators("locations"):
            return locations.remove(self._server, id, location)

    def clear_locations(self, id: str) -> None:
        """Remove all locations of a node."""
        with self._for_administrators("locations"):
            locations.clear(self._server, id)

    def location_report(self, location: str, what: str = "info") -> Any:
        """Return what a server knows of a location: one of LOCATION_REPORTS.

        "info" is its configuration, "missing", "present", "inflight" and "restore" are the nodes that it lacks, has, is
        getting, or that are to be restored from there. Servers of the Shock project answer these four with an empty
        list whatever they have.
        """
        if what not in LOCATION_REPORTS:
            raise UsageError(f"{what!r} can't be asked of a location; there are: {', '.join(LOCATION_REPORTS)}")
        with self._for_administrators("locations"):
            return self._server.call("GET", "location", location, what)

    def type_info(self, type: str) -> Any:
        """Return what a server knows of a type of nodes: id, description, priority."""
        with self._for_administrators("types"):
            return self._server.call("GET", "types", type, "info")

    def restore(self, id: str) -> bool:
        """Tell whether the file of a node is to be restored from a location."""
        with only_shock(self._server, "restoring"):
            return bool(self._server.call("GET", "node", id, "restore"))

    def set_restore(self, id: str, *, on: bool = True) -> bool:
        """Ask for the file of a node to be restored, or (`on` false) take that back; return what holds then."""
        with self._server.changing(id), self._for_administrators("restoring"):
            for _ in range(_TRIES):
                self._server.call("POST", "node", id, "restore", "true" if on else "false")
                if self.restore(id) is on:
                    return on
        raise LostChangeError(f"the server took the order about restoring node {id}, but has not kept it", "try again")

    def locks(self, ids: Sequence[str] = ()) -> list[Locked]:
        """Return what is locked at the server; with `ids` what is locked of these nodes."""
        with only_shock(self._server, "locks that can be seen"):
            if not ids:
                return locks.of_server(self._server)
            return [lock for id in ids for lock in locks.of_node(self._server.node(id))]

    def wait(self, id: str, timeout: float | None = None) -> Node:
        """Wait until neither the file nor an index of a node is locked, and return the node.

        Parameters: `timeout` in seconds, None for ever. Raises ShockNodeError if one could not be made,
        StillLockedError when the time is over. An upload that lacks parts is not waited for, but told of in a warning.
        """
        return locks.wait(self._server, id, timeout)

    def doctor(self) -> list[Check]:
        """Look for everything that may stand between the user and the server, and return what was found.

        Nothing is changed. Only requests that read are sent.
        """
        from hca_shock.admin import doctor

        return doctor.examine(self._server)

    @contextmanager
    def _for_administrators(self, what: str) -> Iterator[None]:
        """Tell who may do this, where the server refuses it to somebody whom it knows."""
        with only_shock(self._server, what):
            try:
                yield
            except ShockRefusedError as error:
                if "unauthorized" in error.reason.lower() or "admin" in error.reason.lower():
                    error.hint = "this is for administrators of the server"
                raise
