"""The items of collections: what they point to must be there (contract §9)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hca_local.server.problems import ProblemError
from hca_local.store import blobs, reading
from hca_local.store.records import blob_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hca_local.server.deployment import Deployment

# A record, a manifest or a JSON file that is linked to may have this many bytes.
_MOST_BYTES = 1024 * 1024
# A manifest entry in JSON has at least this many: manifests that can't be too large need not be written out.
_ENTRY_BYTES = 400


def without_duplicates(items: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return `items` with those that are the same in everything but once, in their order."""
    return list({json.dumps(item, sort_keys=True): item for item in items}.values())


def check(deployment: Deployment, replica: str, items: Sequence[Mapping[str, Any]]) -> None:
    """Raise ProblemError (422 invalid_link) unless every one of `items` points to something in `replica`."""
    for item in items:
        problem = _problem(deployment, replica, item)
        if problem:
            title = f"{item['type']} {item['uuid']} version {item['version']} on replica {replica}: {problem}"
            raise ProblemError(422, "invalid_link", title)


def _problem(deployment: Deployment, replica: str, item: Mapping[str, Any]) -> str | None:
    """Return what is wrong with `item`, None for nothing."""
    records, uuid, version = deployment.records, item["uuid"].lower(), item["version"]
    if item["type"] == "file":
        return None if reading.file(records, replica, uuid, version) else "there is no such file"
    if item["type"] == "bundle":
        bundle = reading.bundle(records, replica, uuid, version)
        if bundle is None:
            return "there is no such bundle"
        return "its manifest is too large" if bundle.file_count * _ENTRY_BYTES > _MOST_BYTES else None
    if item["type"] == "collection":
        key = (replica, f"{uuid}.{version}")
        row = records.execute("SELECT length(document) FROM collections WHERE replica=? AND key=?", key).fetchone()
        if row is None:
            return "there is no such collection"
        return "the collection is too large" if row[0] > _MOST_BYTES else None
    return _fragment_problem(deployment, replica, item)


def _fragment_problem(deployment: Deployment, replica: str, item: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a part of a JSON file; its pointer (RFC 6901) is `fragment` or `path`."""
    record = reading.file(deployment.records, replica, item["uuid"].lower(), item["version"])
    if record is None:
        return "there is no such file"
    if record.size > _MOST_BYTES:
        return "the file is too large to point into"
    pointer = item.get("fragment", item.get("path"))
    if pointer is None:
        return "a part of a file needs a JSON pointer"
    try:
        document = json.loads(blobs.path_of(deployment.directory.blobs, blob_key(record)).read_bytes())
    except (ValueError, RecursionError):
        return "the file is not JSON"
    return None if _resolves(document, pointer) else f"the file has nothing at {pointer!r}"


def _resolves(document: Any, pointer: str) -> bool:
    """Tell whether the JSON pointer `pointer` leads to something in `document`."""
    import jsonpointer  # here: a deployment that is only read from needs it never

    try:
        jsonpointer.resolve_pointer(document, pointer)
    except jsonpointer.JsonPointerException:
        return False
    return True
