"""Locks: what the server works at behind its answers, and what has failed there and stays locked."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_core import log
from hca_core.errors import one_line
from hca_shock.errors import ShockError, ShockNodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_shock.node import Lock, Node
    from hca_shock.server import Server

_FIRST_WAIT = 0.1  # seconds; most files are put together at once
_GROWTH = 1.5
_MOST_WAIT = 5.0


@dataclass(frozen=True)
class Locked:
    """Something that is locked: the node, its file or one of its indexes (`what`), since when; with what `error`."""

    id: str
    what: str
    since: str | None
    error: str


class StillLockedError(ShockError):
    """A node is still locked at the end of the time that was given."""


def of_node(node: Node) -> list[Locked]:
    """Return what is locked of a node."""
    found = [_locked(node.id, "file", node.file.locked)] if node.file.locked else []
    return found + [
        _locked(node.id, f"index {name}", index.locked) for name, index in node.indexes.items() if index.locked
    ]


def of_server(server: Server) -> list[Locked]:
    """Return everything that is locked at a server; it tells that to everybody.

    Raises ShockError if it tells it in a way that can't be read, ShockApiError, NetworkError.
    """
    nodes = server.call("GET", "locked", "node") or ()
    files = server.call("GET", "locked", "file") or {}
    indexes = server.call("GET", "locked", "index") or {}
    try:
        found = [_busy(one) for one in nodes]
        found += [_listed(id, "file", lock) for id, lock in files.items()]
        found += [_listed(id, f"index {name}", lock) for id, names in indexes.items() for name, lock in names.items()]
    except (TypeError, AttributeError) as error:
        raise ShockError(f"{server.url} lists what is locked in a way that can't be read ({error})") from error
    return found


def wait(server: Server, id: str, timeout: float | None = None) -> Node:
    """Wait until nothing of a node is locked, and return it. See Administration.wait."""
    end = None if timeout is None else time.monotonic() + timeout
    for pause in _pauses():
        node = server.node(id)
        locks = of_node(node)
        for lock in locks:
            if lock.error:
                raise _failed(lock)
        if not locks:
            _tell_missing_parts(node)
            return node
        left = pause if end is None else end - time.monotonic()
        if left <= 0:
            names = ", ".join(lock.what for lock in locks)
            raise StillLockedError(
                f"node {id} is still locked after {timeout:g} s ({names})",
                f"wait longer; if its file was locked by hand, hca shock unlock {id}",
            )
        server.session.wait(min(pause, left))
    raise AssertionError("the pauses never end")


def _pauses() -> Iterator[float]:
    pause = _FIRST_WAIT
    while True:
        yield pause
        pause = min(_MOST_WAIT, pause * _GROWTH)


def _failed(lock: Locked) -> ShockNodeError:
    if lock.what == "file":
        return ShockNodeError(
            f"the file of node {lock.id} could not be made: {lock.error}",
            f"delete the node, or take the lock away (hca shock unlock {lock.id}) and look at its parts with uploads",
        )
    name = lock.what.removeprefix("index ")
    return ShockNodeError(
        f"the index {name} of node {lock.id} could not be made: {lock.error}",
        f"hca shock index build {lock.id} {name} --force; some servers refuse that until they have been restarted",
    )


def _tell_missing_parts(node: Node) -> None:
    if node.parts is not None and not node.file.exists:
        there = sum(part is not None for part in node.parts.parts)
        wanted = "of an unknown number of" if node.parts.varlen else f"of {node.parts.count}"
        log.logger().warning("node %s has no file yet: %d %s parts are there", node.id, there, wanted)


def _locked(id: str, what: str, lock: Lock) -> Locked:
    return Locked(id, what, lock.created_on.isoformat() if lock.created_on else None, lock.error)


def _busy(raw: Any) -> Locked:
    """Return a node that somebody is changing right now: an object, of some servers the id only."""
    if isinstance(raw, dict):
        return Locked(str(raw.get("id") or ""), "node", raw.get("updated_on"), "")
    return Locked(str(raw), "node", None, "")


def _listed(id: str, what: str, lock: Any) -> Locked:
    return Locked(id, what, lock.get("created_on"), one_line(str(lock.get("error") or "")))
