"""Locks of the file and of the indexes of a node: work on them is under way, or has failed.

They are part of the document: `{"created_on": time, "error": text}` or None under `file.locked` and
`indexes.NAME.locked`. These functions change a document in place; call them within `nodes.change`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_local.shock import times
from hca_local.shock.calls import ShockError

if TYPE_CHECKING:
    from hca_local.shock.nodes import Doc


def require_file(doc: Doc) -> None:
    """Raise ShockError (423) if the file of a node is locked."""
    if doc["file"]["locked"]:
        raise ShockError(423, "Node file is locked")


def require_index(doc: Doc, name: str) -> None:
    """Raise ShockError (423) if the index `name` of a node is locked."""
    if index(doc, name):
        raise ShockError(423, "Node index is locked")


def index(doc: Doc, name: str) -> dict[str, Any] | None:
    """Return the lock of the index `name`, None if it is free or not there."""
    lock: dict[str, Any] | None = doc["indexes"].get(name, {}).get("locked")
    return lock


def lock_file(doc: Doc) -> None:
    """Lock the file of a node. Raises ShockError (423) if it is."""
    require_file(doc)
    doc["file"]["locked"] = _lock()


def unlock_file(doc: Doc) -> None:
    """Unlock the file of a node, whatever it was locked for."""
    doc["file"]["locked"] = None


def fail_file(doc: Doc, error: str) -> None:
    """Keep the file of a node locked and tell why."""
    doc["file"]["locked"] = {**(doc["file"]["locked"] or _lock()), "error": error}


def lock_index(doc: Doc, name: str) -> None:
    """Lock the index `name`; one that is not there yet appears with no units."""
    empty = {"total_units": 0, "average_unit_size": 0, "created_on": times.UNSET}
    doc["indexes"][name] = {**empty, **doc["indexes"].get(name, {}), "locked": _lock()}


def unlock_index(doc: Doc, name: str) -> None:
    """Unlock the index `name`; one that was never built is gone then."""
    entry = doc["indexes"].get(name)
    if entry is not None:
        entry["locked"] = None
        if entry["created_on"] == times.UNSET:
            del doc["indexes"][name]


def fail_index(doc: Doc, name: str, error: str) -> None:
    """Keep the index `name` locked and tell why."""
    if name in doc["indexes"]:
        doc["indexes"][name]["locked"] = {**(index(doc, name) or _lock()), "error": error}


def is_any(doc: Doc) -> bool:
    """Tell whether the file or an index of a node is locked."""
    return bool(doc["file"]["locked"]) or any(entry.get("locked") for entry in doc["indexes"].values())


def _lock() -> dict[str, Any]:
    return {"created_on": times.now(), "error": ""}
