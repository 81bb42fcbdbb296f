"""Files that come in parts: which have come, and which may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_local.shock import compressed, locks, nodes
from hca_local.shock.calls import ShockError

if TYPE_CHECKING:
    from hca_local.shock.nodes import Doc

UNKNOWN, CLOSE = "unknown", "close"
_MOST = 100_000


def begin(doc: Doc, count: str, compression: str | None, data: str) -> None:
    """Make a new node one whose file comes in parts. Raises ShockError (400).

    Parameters: `count` says how many parts there will be; `data` is the name of the data file to be.
    """
    if compression is not None and compression not in compressed.KINDS:
        raise ShockError(400, f"The compression {compression[:40]!r} of the parts is not gzip or bzip2.")
    number = 0
    if count != UNKNOWN:
        number = int(count) if count.isascii() and count.isdecimal() and len(count) < 10 else 0
        if not 1 <= number <= _MOST:
            raise ShockError(400, f"parts must be a number from 1 to {_MOST}, or {UNKNOWN!r}.")
    doc["type"] = "parts"
    doc["data"] = data
    doc["parts"] = {
        "count": number,
        "length": 0,
        "varlen": count == UNKNOWN,
        "parts": [None] * number,
        "compression": compression or "",
    }


def is_waiting(doc: Doc) -> bool:
    """Tell whether parts of a node may still come, or wait to be put together."""
    return doc["type"] == "parts" and not nodes.has_file(doc)


def is_complete(doc: Doc) -> bool:
    """Tell whether no more parts are to come."""
    found = doc["parts"]
    return bool(doc["closed"]) or (not found["varlen"] and found["length"] == found["count"])


def lock_complete(doc: Doc) -> None:
    """Lock the file of a node while its parts are put together, if no more are to come and it is not locked yet."""
    if is_waiting(doc) and is_complete(doc) and not doc["file"]["locked"]:
        locks.lock_file(doc)


def is_work_left(doc: Doc) -> bool:
    """Tell whether parts of a node can be put together: those that came, or, while it is locked for that, all."""
    lock = doc["file"]["locked"]
    return is_waiting(doc) and (not is_complete(doc) or bool(lock and not lock["error"]))


def require_place(doc: Doc, number: int, *, quirks: bool) -> None:
    """Raise ShockError unless the part `number` may come: 400 if it has, if no parts are waited for, or not so many.

    A part behind the last one is no part, but a way to say that the file is to be put together once more; the real
    server takes it without a word at any time.
    """
    if doc["type"] != "parts":
        raise ShockError(400, "This node does not take parts: create one with 'parts'.")
    found = doc["parts"]
    if is_behind(doc, number) and not nodes.has_file(doc):
        if quirks or is_complete(doc):
            return
        raise ShockError(400, f"This node takes {found['count']} parts, there is no part {number}.")
    if nodes.has_file(doc) or doc["closed"] or (number <= found["count"] and found["parts"][number - 1]):
        raise ShockError(400, "Node file immutable")
    locks.require_file(doc)


def is_behind(doc: Doc, number: int) -> bool:
    """Tell whether a part is behind the last one of those that were announced."""
    return not doc["parts"]["varlen"] and number > doc["parts"]["count"]


def add(doc: Doc, number: int, name: str, md5: str, size: int) -> None:
    """Note that a part has come."""
    found = doc["parts"]
    entries = found["parts"]
    entries.extend([None] * (number - len(entries)))
    entries[number - 1] = [name, md5]
    found["count"] = max(found["count"], number)
    found["length"] += 1
    doc["part_sizes"][str(number)] = size


def close(doc: Doc) -> None:
    """Let no more parts come; numbers that none has are left out. Raises ShockError (400)."""
    if doc["type"] != "parts":
        raise ShockError(400, "This node does not take parts: create one with 'parts'.")
    if nodes.has_file(doc) or doc["file"]["locked"]:
        raise ShockError(400, "Node file immutable")
    if not doc["parts"]["varlen"]:
        raise ShockError(400, f"Only a node created with 'parts={UNKNOWN}' can be closed.")
    doc["closed"] = True
    lock_complete(doc)
