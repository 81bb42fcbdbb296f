"""PUT of a file: a source object becomes a version of a file (contract §5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from hca_local import copying, landing
from hca_local.server.problems import ProblemError, illegal_arguments
from hca_local.staging import values
from hca_local.store import blobs, reading

if TYPE_CHECKING:
    from sqlite3 import Connection

    from hca_local.dss.calls import Call
    from hca_local.landing import Ground
    from hca_local.store.records import FileRecord

MOST_CREATOR_UID = 2**63 - 1  # what a column of the store holds


async def put(call: Call) -> Response:
    """Copy a source object into the store and name it; a large one is copied behind the answer."""
    deployment = call.deployment
    key = f"{call.parameters['uuid'].lower()}.{call.parameters['version']}"
    creator_uid = checked_creator(call.body["creator_uid"])
    where = values.address(call.body["source_url"])
    source = await deployment.copier.described(where)
    record = copying.file_record(key, creator_uid, source)
    is_there = blobs.has(deployment.directory.blobs, blobs.key_of(source.sums), source.sums.size)
    if source.sums.size > deployment.settings.copy_threshold and not is_there:
        task = await deployment.copier.start(where.replica, record, call.body["source_url"])
        return JSONResponse({"task_id": task, "version": record.version}, 202)
    await deployment.copier.copy(source)
    is_new = await deployment.writer.run(
        lambda connection: _register(connection, deployment.ground, where.replica, record)
    )
    deployment.changed()
    return JSONResponse({"version": record.version}, 201 if is_new else 200)


def checked_creator(creator_uid: int) -> int:
    """Return `creator_uid` if the store can hold it. Raises ProblemError (400)."""
    if abs(creator_uid) > MOST_CREATOR_UID:
        raise illegal_arguments(f"{creator_uid} is too large for a creator_uid")
    return creator_uid


def _register(connection: Connection, ground: Ground, replica: str, record: FileRecord) -> bool:
    """Add `record` to `replica`; False if it is there as it is. Raises ProblemError (409)."""
    found = reading.file(connection, replica, record.uuid, record.version)
    if found is None:
        landing.file(connection, ground, replica, record)
        return True
    if found != record:
        title = f"file with UUID {record.uuid} and version {record.version} exists with other content"
        raise ProblemError(409, "file_already_exists", title)
    return False
