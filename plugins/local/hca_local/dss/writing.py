"""PUT, PATCH and DELETE of a bundle (contract §6)."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from hca_core import versions
from hca_local import copying, documents, landing
from hca_local.dss.registration import checked_creator
from hca_local.server.problems import ProblemError
from hca_local.store import reading, writing
from hca_local.store.records import BundleFile, Tombstone, manifest_entry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from sqlite3 import Connection

    from hca_local.dss.calls import Call
    from hca_local.landing import Ground

# The service waits for files until ten seconds before its own time is over.
_PATIENCE_SECONDS = 15
_INTERVAL_SECONDS = 0.2
_REFUSED = "You can't delete bundles with these credentials!"


async def put(call: Call) -> Response:
    """Make a version of a bundle out of files that are there."""
    uuid, version = call.parameters["uuid"].lower(), call.parameters["version"]
    creator_uid = checked_creator(call.body["creator_uid"])
    _check_names(entry["name"] for entry in call.body["files"])
    files = await _resolved(call, call.body["files"])
    ground, replica = call.deployment.ground, call.replica
    is_new, manifest = await call.deployment.writer.run(
        lambda connection: _put(connection, ground, replica, uuid, version, creator_uid, files)
    )
    call.deployment.changed()
    return JSONResponse({"version": version, "manifest": manifest}, 201 if is_new else 200)


async def patch(call: Call) -> Response:
    """Make a new version of a bundle with files added and removed."""
    adding, removing = call.body.get("add_files", []), call.body.get("remove_files", [])
    uuid, replica, records = call.parameters["uuid"].lower(), call.replica, call.deployment.records
    base = reading.bundle(records, replica, uuid, call.parameters["version"])
    if base is None:
        raise ProblemError(404, "not_found", "Could not find bundle for UUID and version.")
    removed = {(entry["name"], entry["uuid"].lower(), entry["version"]) for entry in removing}
    kept = [
        file
        for file in reading.bundle_files(records, base.number, 0, base.file_count)
        if (file.name, file.uuid, file.version) not in removed
    ]
    files = [*kept, *await _resolved(call, adding)]
    _check_names(file.name for file in files)
    ground = call.deployment.ground
    version = await call.deployment.writer.run(
        lambda connection: _put_now(connection, ground, replica, uuid, base.creator_uid, files)
    )
    call.deployment.changed()
    return JSONResponse({"uuid": uuid, "version": version})


async def delete(call: Call) -> Response:
    """Put a tombstone over a bundle, or over one version of it."""
    if not call.deployment.is_administrator(call.email):
        raise ProblemError(403, "Forbidden", _REFUSED)
    stone = Tombstone(call.parameters["uuid"].lower(), call.parameters["version"], call.email, call.body["reason"])
    ground, replica = call.deployment.ground, call.replica
    await call.deployment.writer.run(lambda connection: _delete(connection, ground, replica, stone))
    call.deployment.changed()
    return JSONResponse({})


def _check_names(names: Any) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ProblemError(400, "duplicate_filename", f"Duplicate file names in bundle: {', '.join(repeated)}")


async def _resolved(call: Call, wanted: Sequence[dict[str, Any]]) -> list[BundleFile]:
    """Return the manifest entries of the `wanted` files; waits a while for those that are on their way.

    Raises ProblemError (400 file_missing).
    """
    records, replica = call.deployment.records, call.replica
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        is_pending = copying.are_pending(records)  # asked first: what ends meanwhile is found below
        entries, missing = await call.deployment.searcher.run(
            lambda connection: _looked_up(connection, replica, wanted)
        )
        if not missing:
            return entries
        if not is_pending or time.monotonic() > deadline:
            raise ProblemError(400, "file_missing", f"Could not find file on replica {replica}: {missing[0]}")
        await asyncio.sleep(_INTERVAL_SECONDS)


def _looked_up(
    connection: Connection, replica: str, wanted: Sequence[dict[str, Any]]
) -> tuple[list[BundleFile], list[str]]:
    """Return the manifest entries of the `wanted` files that are there, and the keys of those that are not."""
    entries, missing = [], []
    for entry in wanted:
        uuid, version = entry["uuid"].lower(), entry["version"]
        record = reading.file(connection, replica, uuid, version)
        if record is None:
            missing.append(f"{uuid}.{version}")
        else:
            entries.append(manifest_entry(entry["name"], record, entry["indexed"]))
    return entries, missing


def _put(
    connection: Connection,
    ground: Ground,
    replica: str,
    uuid: str,
    version: str,
    creator_uid: int,
    files: Sequence[BundleFile],
) -> tuple[bool, dict[str, Any]]:
    """Add a bundle version; return whether it is new, and its manifest. Raises ProblemError (409)."""
    found = reading.any_bundle(connection, replica, f"{uuid}.{version}")
    if found is None:
        head = landing.bundle(connection, ground, replica, uuid, version, creator_uid, files)
        return True, documents.manifest(head, files)
    there = reading.bundle_files(connection, found.number, 0, found.file_count)
    if found.creator_uid != creator_uid or there != list(files):
        title = f"bundle with UUID {uuid} and version {version} exists with other content"
        raise ProblemError(409, "bundle_already_exists", title)
    return False, documents.manifest(found, there)


def _put_now(
    connection: Connection, ground: Ground, replica: str, uuid: str, creator_uid: int, files: Sequence[BundleFile]
) -> str:
    """Add a bundle version of this moment and return the moment."""
    version = versions.now()
    landing.bundle(connection, ground, replica, uuid, version, creator_uid, files)
    return version


def _delete(connection: Connection, ground: Ground, replica: str, stone: Tombstone) -> None:
    """Add `stone`, unless it is there as it is. Raises ProblemError (404, 409)."""
    key = writing.tombstone_key(stone)
    there = (
        reading.any_bundle(connection, replica, key)
        if stone.version
        else reading.any_bundles(connection, replica, stone.uuid)
    )
    if not there:
        raise ProblemError(404, "not_found", "Cannot find bundle!")
    found = reading.tombstone(connection, replica, key)
    if found is None:
        landing.tombstone(connection, ground, replica, stone)
    elif found != stone:
        raise ProblemError(409, "bundle_tombstone_already_exists", "The bundle was deleted before, for another reason.")
