"""Makes nodes of the files in an archive that is the file of a node (contract §4)."""

from __future__ import annotations

import copy
import shutil
from typing import TYPE_CHECKING

from hca_local.shock import content, locks, metadata, nodes, rights, unpacked
from hca_local.shock.calls import ShockError, answer

if TYPE_CHECKING:
    from sqlite3 import Connection

    from starlette.responses import Response

    from hca_local.shock.calls import Call
    from hca_local.shock.content import Content
    from hca_local.shock.forms import Form
    from hca_local.shock.nodes import Doc
    from hca_local.shock.shock import Shock
    from hca_local.shock.unpacked import Member

# More than any archive of data unpacks to; bombs do.
_MOST_TIMES = 1000
# Small archives may do so nevertheless.
_ALWAYS = 64 * 1024 * 1024


async def create(call: Call, form: Form) -> Response:
    """Make a node of each file in the archive that `unpack_node` names: of all, or of none.

    Raises ShockError (400, 401, 423), OSError.
    """
    kind = form.get("archive_format") or ""
    if kind not in unpacked.KINDS:
        raise ShockError(400, f"invalid archive format. must be one of: {', '.join(unpacked.KINDS)}")
    archive = _archive(call, form.get("unpack_node") or "")
    edit = metadata.edit(form, quirks=call.shock.quirks)
    source = content.of(call.shock, archive)
    members = await call.shock.run(_members, call.shock, source, kind)
    try:
        owner = None if call.caller.anonymous else call.caller.uuid
        docs = [_node(archive, kind, member, owner) for member in members]
        for doc in docs:
            edit(doc)
            if form.get("preserve_acls") is not None:
                doc["acl"] = copy.deepcopy(archive["acl"])

        def work(connection: Connection) -> None:
            for doc in docs:
                nodes.add(connection, doc)

        await call.shock.writer.run(work)
    except Exception:
        await call.shock.run(call.shock.remove_files, [member.data for member in members])
        raise
    return answer([nodes.shown(doc, fresh=True) for doc in docs])


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


def _members(shock: Shock, source: Content, kind: str) -> list[Member]:
    """Store the files of an archive, in a thread; if it fails, nothing is left of them. Raises ShockError, OSError."""
    most = min(max(source.size * _MOST_TIMES, _ALWAYS), shutil.disk_usage(shock.root).free)
    members: list[Member] = []
    try:
        for member in unpacked.members(shock, source, kind, most):
            members.append(member)
            if shock.is_over:
                raise ShockError(500, "This server is being stopped.")
    except BaseException:
        shock.remove_files(member.data for member in members)
        raise
    return members


def _node(archive: Doc, kind: str, member: Member, owner: str | None) -> Doc:
    """Return the node of one file."""
    doc = nodes.new(owner)
    nodes.set_file(doc, member.name, member.size, member.md5)
    nodes.add_size_index(doc)
    doc["data"] = member.data
    metadata.add_link(doc, {"relation": "parent", "ids": [archive["id"]], "operation": kind})
    return doc
