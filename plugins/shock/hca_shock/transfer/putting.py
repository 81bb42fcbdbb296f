"""Files and streams as new nodes, several side by side, and what became of each."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hca_core import workers
from hca_core.errors import HCAError, UsageError
from hca_shock.transfer import creating, in_parts, marks
from hca_shock.transfer.description import Description, check_name
from hca_shock.transfer.reading import Compression, Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hca_core.progress import Bar
    from hca_shock.node import Node
    from hca_shock.server import Server

# Up to here a file goes in one request: what is lost when it breaks off is sent again soon, and the server need not
# put parts together, for which it reads all of it twice.
WHOLE = 1024 * marks.MEBIBYTE
DEFAULT_JOBS = 16
_IN_PARTS = 2  # files at the same time: each of them has parts in memory


@dataclass(frozen=True, kw_only=True)
class Order:
    """How files are put.

    `part_size` in bytes sends them in parts of this size whatever size they have, `whole` in one request; else files of
    more than 1 GiB go in parts. `jobs` is how many files, or parts of one file, are sent side by side. `resume` goes on
    with uploads that broke off. `node_id` is the node that gets the only file.
    """

    compression: str | None = None
    part_size: int | None = None
    whole: bool = False
    jobs: int = DEFAULT_JOBS
    resume: bool = True
    node_id: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of one file: its `node`, or the `error`."""

    path: str
    node: Node | None
    error: HCAError | None = None


def row(node: Node, path: str = "") -> dict[str, Any]:
    """Return a node that was made of the file at `path` as a row."""
    file = node.file
    return {"id": node.id, "name": file.name, "size": file.size, "md5": file.md5, "source": path}


def readings(paths: Sequence[str], order: Order) -> list[Reading]:
    """Return the files that are to be put. Raises UsageError for one that can't be."""
    compression = Compression(order.compression) if order.compression else None
    if order.node_id and len(paths) != 1:
        raise UsageError("one node takes one file", hint="leave --node out, or give one file")
    if order.part_size is not None and order.whole:
        raise UsageError("a file goes in parts or whole, not both", hint="give --part-size or --whole")
    return [Reading(path, compression) for path in paths]


def put(
    server: Server, found: Sequence[Reading], description: Description, order: Order, bar: Bar
) -> Iterator[Outcome]:
    """Send files and yield what became of each when it is done; all are described alike, but for their names."""
    description.check()
    for reading in found:
        check_name(description.name or reading.name)
    if description.name is not None and len(found) > 1:
        raise UsageError("one name does not do for several files", hint="leave --name out, or give one file")

    few = threading.BoundedSemaphore(_IN_PARTS)

    def work(reading: Reading) -> Outcome:
        try:
            with few if reading.size > WHOLE or order.part_size else nullcontext():
                node = put_file(server, reading, description, order, bar)
        except HCAError as error:
            return Outcome(reading.path, None, error)
        bar.file()
        return Outcome(reading.path, node)

    yield from workers.side_by_side(found, work, jobs=order.jobs, name="put")


def put_file(
    server: Server, reading: Reading, description: Description, order: Order, told: Callable[[int], None]
) -> Node:
    """Send one file and return its node, verified; `told` hears how many bytes have gone. Raises HCAError."""
    description.check_at(server)
    wanted = replace(description, name=description.name or reading.name)
    if order.node_id is not None:
        in_pieces = server.node(order.node_id).parts is not None
    else:
        large = reading.size > WHOLE and not order.whole
        in_pieces = (large or order.part_size is not None) and not server.is_blobstore
    if in_pieces:
        return in_parts.of_file(
            server,
            reading,
            wanted,
            told,
            part_size=order.part_size,
            jobs=min(order.jobs, in_parts.MOST_JOBS),
            resume=order.resume,
            node_id=order.node_id,
        )
    return creating.of_file(server, reading, wanted, told, node_id=order.node_id)
