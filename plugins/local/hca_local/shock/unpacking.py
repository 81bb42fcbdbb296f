"""Makes nodes of the files in an archive that is the file of a node (contract §4).

They are stored in portions, and are not listed before the last one is there; the next start removes them if it never
comes to that.
"""

from __future__ import annotations

import copy
import json
import shutil
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from hca_local.shock import content, locks, metadata, nodes, rights, search, unpacked
from hca_local.shock.calls import ShockError, answer, long_answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from sqlite3 import Connection

    from starlette.responses import Response

    from hca_local.shock.accounts import Caller
    from hca_local.shock.calls import Call
    from hca_local.shock.content import Content
    from hca_local.shock.forms import Form
    from hca_local.shock.metadata import Edit
    from hca_local.shock.nodes import Doc
    from hca_local.shock.shock import Shock
    from hca_local.shock.unpacked import Member

T = TypeVar("T")
# More than any archive of data unpacks to; bombs do.
_MOST_TIMES = 1000
# Small archives may do so nevertheless.
_ALWAYS = 64 * 1024 * 1024
# What the form adds to all nodes together.
_MOST_ADDED = 64 * 1024 * 1024
# The nodes that are stored in one transaction: others who write wait so long.
_PORTION = 200
_PORTION_BYTES = 1024 * 1024


async def create(call: Call, form: Form) -> Response:
    """Make a node of each file in the archive that `unpack_node` names: of all, or of none.

    Raises ShockError (400, 401, 423), OSError.
    """
    kind = form.get("archive_format") or ""
    if kind not in unpacked.KINDS:
        raise ShockError(400, f"invalid archive format. must be one of: {', '.join(unpacked.KINDS)}")
    archive = _archive(call, form.get("unpack_node") or "")
    edit = await metadata.edit(call, form)
    source = await content.opened(call.shock, archive)
    keeps_acl = form.get("preserve_acls") is not None
    plan = await call.shock.run(partial(_Plan, archive, kind, edit, call.caller, keeps_acl=keeps_acl))
    docs = await call.shock.run(_docs, call.shock, source, plan)
    try:
        for portion in _portions(docs, plan.portion):
            await call.shock.writer.run(partial(_add, docs=portion))
        await call.shock.writer.run(partial(_publish, docs=docs))
    except Exception:
        await remove(call.shock, [doc["id"] for doc in docs])
        await call.shock.run(call.shock.remove_files, [doc["data"] for doc in docs])
        raise
    pieces = ([nodes.shown(doc, fresh=True) for doc in portion] for portion in _portions(docs, plan.portion))
    return long_answer(pieces) if len(docs) > plan.portion else answer(next(pieces, []))


async def remove(shock: Shock, ids: list[str]) -> None:
    """Remove those nodes of an archive that were stored; their files are left to others. Raises sqlite3.Error."""
    for portion in _portions(ids, _PORTION):
        await shock.writer.run(partial(_remove, ids=portion))


class _Plan:
    """What the nodes of the files of an archive are like."""

    def __init__(self, archive: Doc, kind: str, edit: Edit, caller: Caller, *, keeps_acl: bool) -> None:
        """Raises ShockError (400) if the edit can't be."""
        self.kind = kind
        self._archive = archive
        self._edit = edit
        self._owner = None if caller.anonymous else caller.uuid
        self._keeps_acl = keeps_acl
        added = len(json.dumps(self._empty())) - len(json.dumps(nodes.new(self._owner)))
        # Beside its file each node has all that the form says.
        self.most = _MOST_ADDED // max(added, 1)
        self.portion = max(min(_PORTION, _PORTION_BYTES // max(added, 1)), 1)

    def node(self, member: Member) -> Doc:
        """Return the node of one file. Raises ShockError."""
        doc = self._empty()
        name = doc["file"]["name"] or member.name
        nodes.set_file(doc, name, member.size, member.md5)
        nodes.add_size_index(doc)
        doc["data"] = member.data
        return doc

    def _empty(self) -> Doc:
        doc = nodes.new(self._owner)
        metadata.add_link(doc, {"relation": "parent", "ids": [self._archive["id"]], "operation": self.kind})
        self._edit(doc)
        if self._keeps_acl:
            doc["acl"] = copy.deepcopy(self._archive["acl"])
        return doc


def _archive(call: Call, id: str) -> Doc:
    """Return the node that is to be unpacked. Raises ShockError (400, 401, 423)."""
    doc = nodes.get(call.shock.records, id)
    if doc is None:
        raise ShockError(400, f"The node {id!r}, which is to be unpacked, was not found.")
    if not call.shock.quirks:  # the service lets everybody have what is in anybody's archive
        rights.require_login(call, rights.READ)
        rights.require(doc, call.caller, rights.READ)
    locks.require_file(doc)
    return doc


def _docs(shock: Shock, source: Content, plan: _Plan) -> list[Doc]:
    """Store the files of an archive, in a thread, and return their nodes; if it fails, nothing is left of them.

    Raises ShockError (400, 500), OSError.
    """
    most = min(max(source.size * _MOST_TIMES, _ALWAYS), shutil.disk_usage(shock.root).free)
    members: list[Member] = []
    try:
        for member in unpacked.members(shock, source, plan.kind, most):
            members.append(member)
            if shock.is_over:
                raise ShockError(500, "This server is being stopped.")
            if len(members) > plan.most:
                raise ShockError(
                    400,
                    f"With such attributes and links an archive may have {plan.most} files: "
                    f"together they may take {_MOST_ADDED // 2**20} MiB.",
                )
        return [plan.node(member) for member in members]
    except BaseException:
        shock.remove_files(member.data for member in members)
        raise


def _add(connection: Connection, docs: list[Doc]) -> None:
    for doc in docs:
        nodes.add(connection, doc, is_listed=False)


def _publish(connection: Connection, docs: list[Doc]) -> None:
    """Let all nodes be found at once. Raises ShockError (404) if one has expired meanwhile."""
    for doc in docs:
        if not nodes.is_there(connection, doc["id"]):
            raise ShockError(404, "A node of the archive expired before the last one was there.")
        search.publish(connection, doc)


def _remove(connection: Connection, ids: list[str]) -> None:
    for id in ids:
        if nodes.is_there(connection, id):
            nodes.remove(connection, id)


def _portions(whole: list[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(whole), size):
        yield whole[start : start + size]
