"""Large files go in parts, so that an upload that broke off goes on where it was.

The node at the server is the only record of an upload: its type, the name of its file, and for each part that has
arrived its MD5 and the mark in its name (see marks.py). The file is read once, from its beginning: what has arrived is
compared by MD5, what has not is sent, and all of it is hashed for the comparison at the end.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from hca_core import log
from hca_core.errors import IntegrityError, UsageError
from hca_shock.errors import ShockRefusedError
from hca_shock.forms import Form, file_blocks
from hca_shock.node import Node
from hca_shock.transfer import assembling, marks, sending, unfinished
from hca_shock.transfer.counting import Counted
from hca_shock.transfer.creating import of_no_use
from hca_shock.transfer.description import Description
from hca_shock.transfer.reading import Compression, Digest, Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_shock.server import Server
    from hca_shock.transfer.marks import Plan


# The server takes the parts of a node one after another: two keep it busy, one more would hold memory for nothing.
MOST_JOBS = 2


class _OtherContentError(Exception):
    """A node has parts of another content than the file has now."""


def of_file(
    server: Server,
    reading: Reading,
    description: Description,
    told: Callable[[int], None],
    *,
    part_size: int | None = None,
    jobs: int = MOST_JOBS,
    resume: bool = True,
    node_id: str | None = None,
) -> Node:
    """Send a file in parts and return its node, whose size and MD5 are those of the file.

    Parameters: `resume` goes on with an upload of this file that broke off, if the server has one; `node_id` names it.
    `told` hears how many bytes are there. Raises IntegrityError if the server has got something else; the node is
    deleted then.
    """
    description = replace(description, name=description.name or reading.name)
    plan = marks.plan(reading.size, part_size)
    node = _begun(server, reading, description, plan, resume=resume, node_id=node_id)
    if node is not None:
        counted = Counted(told)
        try:
            return _finished(server, reading, description, unfinished.plan_of(node) or plan, node, counted, jobs)
        except _OtherContentError:
            counted.take_back()
            log.logger().warning(
                "node %s has parts of another content than %s has now; beginning anew", node.id, reading.path
            )
        except ShockRefusedError as error:
            counted.take_back()
            log.logger().info("the upload in node %s is somebody else's (%s)", node.id, error.reason)
    node = _created(server, reading, description, plan)
    log.logger().debug("uploading %s into node %s", reading.path, node.id)
    return _finished(server, reading, description, plan, node, told, jobs)


def reading_for(node: Node, path: str) -> Reading:
    """Return the file at `path` to go on with the upload of `node`. Raises UsageError if it can't be that file."""
    if node.parts is None or node.file.exists:
        raise UsageError(f"node {node.id} is no unfinished upload", hint="hca shock uploads list")
    reading = Reading(path, Compression(node.parts.compression) if node.parts.compression else None)
    plan = unfinished.plan_of(node)
    if plan is None and sending.arrived(node):
        raise UsageError(f"node {node.id} was not begun by hca: its parts don't say where they belong")
    if plan is not None and plan.size != reading.size:
        raise UsageError(f"{path} has {reading.size} bytes, but node {node.id} is to have {plan.size}")
    return reading


def resumed(server: Server, node_id: str, reading: Reading, told: Callable[[int], None], *, jobs: int) -> Node:
    """Send the parts of a file that a node has not, and return the node, verified.

    Raises IntegrityError if the parts that it has are not the file's; nothing is changed then.
    """
    node = server.node(node_id)
    count = node.parts.count if node.parts else 0
    plan = unfinished.plan_of(node) or marks.plan(reading.size)
    if plan.count != count:
        raise UsageError(f"node {node_id} is to have {count} parts, and nothing tells how large", hint="put it anew")
    try:
        return _finished(server, reading, Description(name=node.file.name), plan, node, told, jobs)
    except _OtherContentError as error:
        raise IntegrityError(f"node {node_id} has parts of another content than {reading.path} has") from error


def _begun(
    server: Server, reading: Reading, description: Description, plan: Plan, *, resume: bool, node_id: str | None
) -> Node | None:
    """Return the node of an upload of this file that broke off; None if there is none that is meant."""
    if node_id is not None:
        return server.node(node_id)
    if not resume:
        return None
    compression = reading.compression.name if reading.compression else ""
    for node in unfinished.nodes(server):
        there = unfinished.plan_of(node)
        if node.parts and node.file.name == description.name and node.parts.compression == compression:
            same_cut = there == plan or (there is None and sending.arrived(node) == 0)
            if same_cut and node.parts.count == plan.count:
                log.logger().info(
                    "going on with node %s: %d of %d parts are there", node.id, sending.arrived(node), plan.count
                )
                return node
    return None


def _created(server: Server, reading: Reading, description: Description, plan: Plan) -> Node:
    compression = [("compression", reading.compression.name)] if reading.compression else []
    name = [("file_name", description.name)] if description.name else []
    form = Form([("parts", str(plan.count)), *name, *compression, *description.fields()], description.files())
    return Node.parse(server.call("POST", "node", form=form))


def _finished(
    server: Server,
    reading: Reading,
    description: Description,
    plan: Plan,
    node: Node,
    told: Callable[[int], None],
    jobs: int,
) -> Node:
    digest = reading.digest = Digest(reading.compression)
    pieces = _missing(reading, plan, node, digest, told)
    node = sending.send(server, node.id, pieces, jobs=jobs, told=told) or server.node(node.id)
    with of_no_use(server, node.id):
        reading.check()
    node = assembling.wait(server, node)
    with of_no_use(server, node.id):
        digest.check(reading.path, node.file.size, node.file.md5)
        return description.completed(server, node)


def _missing(
    reading: Reading, plan: Plan, node: Node, digest: Digest, told: Callable[[int], None]
) -> Iterator[sending.Piece]:
    """Read a file from its beginning and yield the parts that a node has not; hash all of it.

    Raises _OtherContentError if the node has a part that is not the file's.
    """
    for number in range(1, plan.count + 1):
        data = b"".join(file_blocks(reading.path, (number - 1) * plan.part_size, plan.length(number)))
        digest.update(data)
        there = sending.part_of(node, number)
        if there is None:
            yield sending.Piece(number, plan.mark(number), data)
        elif there.md5 != hashlib.md5(data, usedforsecurity=False).hexdigest():
            raise _OtherContentError
        else:
            told(len(data))
