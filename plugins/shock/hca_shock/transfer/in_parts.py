"""Large files go in parts, so that an upload that broke off goes on where it was.

The node at the server is the only record of an upload: its type, the name of its file, and for each part that has
arrived its MD5 and the mark in its name (see marks.py). The file is read once, from its beginning: what has arrived is
compared by MD5, what has not is sent, and all of it is hashed for the comparison at the end.
"""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from hca_core import checksums, log
from hca_core.errors import IntegrityError, UsageError
from hca_shock.errors import ShockRefusedError
from hca_shock.forms import Form
from hca_shock.node import Node
from hca_shock.transfer import assembling, claims, marks, sending, unfinished
from hca_shock.transfer.counting import Counted
from hca_shock.transfer.creating import discard, of_no_use
from hca_shock.transfer.description import Description
from hca_shock.transfer.reading import ChangedError, Compression, Digest, Reading

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

    Parameters: `resume` goes on with an upload of this file that broke off, if the server has one; `node_id` is a node
    that was made for it. `told` hears how many bytes are there. Raises IntegrityError if the server has got something
    else, ChangedError if the file changes meanwhile; the node is deleted then, unless it was given.
    """
    description = replace(description, name=description.name or reading.name)
    if node_id is not None:
        return resumed(server, node_id, reading, told, jobs=jobs, part_size=part_size, description=description)
    plan = marks.plan(reading.size, reading.fingerprint(), part_size)
    with ExitStack() as claim:
        node = _begun(server, reading, description, plan, claim) if resume else None
        if node is not None:
            counted = Counted(told)
            try:
                return _finished(server, reading, description, plan, node, counted, jobs, made=False)
            except (_OtherContentError, IntegrityError):
                counted.take_back()
                log.logger().warning(
                    "node %s has parts of another content than %s has now; beginning anew", node.id, reading.path
                )
            except ShockRefusedError as error:
                counted.take_back()
                log.logger().info("the upload in node %s is somebody else's (%s)", node.id, error.reason)
        node = _created(server, reading, description, plan, claim)
        log.logger().debug("uploading %s into node %s", reading.path, node.id)
        return _finished(server, reading, description, plan, node, told, jobs)


def reading_for(node: Node, path: str) -> Reading:
    """Return the file at `path` to go on with the upload of `node`. Raises UsageError if it can't be that file."""
    packed = node.parts.compression if node.parts else ""
    reading = Reading(path, Compression(packed) if packed else None)
    _plan_for(node, reading)
    return reading


def resumed(
    server: Server,
    node_id: str,
    reading: Reading,
    told: Callable[[int], None],
    *,
    jobs: int,
    part_size: int | None = None,
    description: Description | None = None,
) -> Node:
    """Send the parts of a file that a node has not, and return the node, verified; it is never deleted.

    Parameters: `part_size` is for a node that has no part yet, `description` what it is to have besides. Raises
    IntegrityError if the parts that it has are not the file's; nothing is changed then.
    """
    node = server.node(node_id)
    plan = _plan_for(node, reading, part_size)
    wanted = description or Description(name=node.file.name or None)
    try:
        return _finished(server, reading, wanted, plan, node, told, jobs, made=False, kept=True)
    except _OtherContentError as error:
        raise IntegrityError(f"node {node_id} has parts of another content than {reading.path} has") from error


def _plan_for(node: Node, reading: Reading, part_size: int | None = None) -> Plan:
    """Return how a file is cut for the upload of `node`. Raises UsageError if it can't be the file of that."""
    if node.parts is None or node.file.exists:
        raise UsageError(f"node {node.id} is no unfinished upload", hint="hca shock uploads list")
    packed = reading.compression.name if reading.compression else ""
    if node.parts.compression != packed:
        raise UsageError(
            f"node {node.id} is to unpack {node.parts.compression or 'nothing'}", hint="--gzip, --bzip2, or neither"
        )
    there = unfinished.plan_of(node)
    if there is None and sending.arrived(node):
        raise UsageError(f"node {node.id} was not begun by hca: its parts don't say where they belong")
    plan = there or marks.plan(reading.size, reading.fingerprint(), part_size)
    if plan.size != reading.size:
        raise UsageError(f"{reading.path} has {reading.size} bytes, but node {node.id} is to have {plan.size}")
    if plan.content != reading.fingerprint():
        raise UsageError(f"{reading.path} is not the file that the upload in node {node.id} was begun with")
    if node.parts.varlen or plan.count != node.parts.count:
        raise UsageError(
            f"node {node.id} is to have {node.parts.count or 'nobody knows how many'} parts, not {plan.count}",
            hint="put the file anew",
        )
    return plan


def _begun(server: Server, reading: Reading, description: Description, plan: Plan, claim: ExitStack) -> Node | None:
    """Return the node of an upload of this file that broke off, claimed; None if there is none."""
    compression = reading.compression.name if reading.compression else ""
    for node in unfinished.nodes(server):
        # One without a part says nothing of whose it is, and there is nothing to be saved.
        if unfinished.plan_of(node) == plan and node.parts and node.parts.compression == compression:
            is_it = node.file.name == description.name and node.parts.count == plan.count and not node.parts.varlen
            if is_it and _claim(server, node, claim):
                log.logger().info(
                    "going on with node %s: %d of %d parts are there", node.id, sending.arrived(node), plan.count
                )
                return server.node(node.id)  # as it is now that nobody else sends to it
    return None


def _claim(server: Server, node: Node, claim: ExitStack) -> bool:
    return claim.enter_context(claims.claimed(server.url, node.id))


def _created(server: Server, reading: Reading, description: Description, plan: Plan, claim: ExitStack) -> Node:
    compression = [("compression", reading.compression.name)] if reading.compression else []
    name = [("file_name", description.name)] if description.name else []
    form = Form([("parts", str(plan.count)), *name, *compression, *description.fields()], description.files())
    while True:
        node = Node.parse(server.call("POST", "node", form=form))
        if _claim(server, node, claim):
            return node
        # Somebody was so quick as to take it for an upload of the same file that broke off: it is theirs.


def _finished(
    server: Server,
    reading: Reading,
    description: Description,
    plan: Plan,
    node: Node,
    told: Callable[[int], None],
    jobs: int,
    *,
    made: bool = True,
    kept: bool = False,
) -> Node:
    """Send what a node has not, and return it when its file is right.

    A node with a wrong part is deleted if it was `made` by this run: another one may be somebody else's. One whose
    parts are those of the file, but whose file is not, is deleted unless it is to be `kept`. What only broke off is
    there for the next run.
    """
    digest = reading.digest = Digest(reading.compression)
    pieces = _missing(reading, plan, node, digest, told)
    try:
        node = sending.send(server, node.id, pieces, jobs=jobs, told=told) or server.node(node.id)
        reading.check()
        digest.check_packed(reading.path)
    except (IntegrityError, ChangedError):
        if made:
            discard(server, node.id)
        raise
    node = assembling.wait(server, node)
    with nullcontext() if kept else of_no_use(server, node.id):
        digest.check(reading.path, node.file.size, node.file.md5)
        return description.completed(server, node, new=not kept)


def _missing(
    reading: Reading, plan: Plan, node: Node, digest: Digest, told: Callable[[int], None]
) -> Iterator[sending.Piece]:
    """Read a file from its beginning and yield the parts that a node has not; hash all of it.

    Raises _OtherContentError if the node has a part that is not the file's. Those behind one that it has not are looked
    at before any is sent: a part that is sent to the wrong node stays there.
    """

    def piece(number: int) -> bytes:
        return reading.piece((number - 1) * plan.part_size, plan.length(number))

    numbers = range(1, plan.count + 1)
    absent = next((number for number in numbers if sending.part_of(node, number) is None), plan.count)
    for number in numbers[absent:]:
        there = sending.part_of(node, number)
        if there and there.md5 != checksums.md5(piece(number)).hex():
            raise _OtherContentError
    for number in numbers:
        data = piece(number)
        digest.update(data)
        there = sending.part_of(node, number)
        if there is None:
            yield sending.Piece(number, plan.mark(number), data)
        elif there.md5 != checksums.md5(data).hex():
            raise _OtherContentError
        else:
            told(len(data))
