"""Nodes that are made in one request: of a file, or of something that the server has or fetches itself."""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from hca_core import log
from hca_core.errors import HCAError, NetworkError, NotFoundError
from hca_shock.dialect import only_shock
from hca_shock.errors import ShockApiError
from hca_shock.forms import FilePart, Form
from hca_shock.node import Node, moment
from hca_shock.transfer.counting import Counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hca_shock.server import Server
    from hca_shock.transfer.description import Description
    from hca_shock.transfer.reading import Held, Reading

WHAT = "such nodes: they have a file, a name and a format, no attributes, tags or parts"  # where it is a blobstore
_TRIES = 4
_SLACK_SECONDS = 0.01  # servers tell times in milliseconds, cut off
_DID_NOTHING = (429, 503)


def of_file(
    server: Server,
    reading: Reading | Held,
    description: Description,
    told: Callable[[int], None],
    *,
    node_id: str | None = None,
) -> Node:
    """Send a file in one request and return its node, whose size and MD5 are those of the file.

    Parameters: `node_id` is a node without a file that is to get it (None: a new one); `told` hears how many bytes have
    gone, a negative number if they are sent again. Raises IntegrityError if the server has got something else; a node
    that was made for it is deleted then.
    """
    description = replace(description, name=description.name or reading.name)
    node = _sent(server, reading, description, told, node_id)
    with of_no_use(server, node.id) if node_id is None else nullcontext():
        reading.check()
        reading.digest.check(reading.path, node.file.size, node.file.md5)
        return description.completed(server, node, new=node_id is None)


def of_nothing(
    server: Server,
    fields: Sequence[tuple[str, str]],
    files: Sequence[FilePart],
    wanted: Description,
    node_id: str | None = None,
) -> Node:
    """Make a node of what the server has or fetches by these `fields` and `files`, and return it.

    Parameters: `wanted` is what it is to have besides; `node_id` is a node without a file that is to get it.
    """
    wanted.check_at(server)
    name = [("file_name", wanted.name)] if wanted.name else []
    form = Form([*fields, *name, *wanted.fields()], [*files, *wanted.files()])
    with only_shock(server, WHAT):
        if node_id is None:
            return wanted.completed(server, Node.parse(server.call("POST", "node", form=form)))
        with server.changing(node_id):
            node = Node.parse(server.call("PUT", "node", node_id, form=form))
    return wanted.completed(server, node, new=False)


@contextmanager
def of_no_use(server: Server, node_id: str) -> Iterator[None]:
    """Delete a node that was made just now if the body fails: what it holds is not what it should."""
    try:
        yield
    except NetworkError:
        raise  # nobody knows
    except HCAError:
        discard(server, node_id)
        raise


def discard(server: Server, node_id: str) -> None:
    """Delete a node that was made just now and is of no use; one that can't be deleted is told."""
    try:
        server.call("DELETE", "node", node_id)
    except NotFoundError:
        pass  # it is gone
    except HCAError as error:
        log.logger().warning("node %s could not be deleted: %s", node_id, error.message)


def _sent(
    server: Server, reading: Reading | Held, description: Description, told: Callable[[int], None], node_id: str | None
) -> Node:
    """Send the form until the server has answered; look before it is sent again whether it had arrived."""
    method, path = ("POST", ["node"]) if node_id is None else ("PUT", ["node", node_id])
    attempt = 1
    while True:
        counted = Counted(told)
        started = time.monotonic()
        try:
            form = _form(reading, description, counted)
            with only_shock(server, WHAT):
                return Node.parse(server.call(method, *path, form=form))
        except NetworkError as error:
            reading.check()
            found = None
            if not (isinstance(error, ShockApiError) and error.status in _DID_NOTHING):
                found = _arrived(server, reading, description, node_id, started)
            if found is not None:
                return found
            if attempt == _TRIES:
                raise
            log.logger().info("%s; sending %s again", error.message, reading.path)
        counted.take_back()
        server.session.wait(server.session.policy.wait(attempt))
        attempt += 1


def _form(reading: Reading | Held, description: Description, told: Callable[[int], None]) -> Form:
    field, suffix = (reading.compression.name, reading.compression.suffix) if reading.compression else ("upload", "")
    # The server cuts the suffix of what it has unpacked.
    upload = FilePart(field, f"{description.name}{suffix}", reading.content(told))
    return Form(description.fields(), [*description.files(), upload])


def _arrived(
    server: Server, reading: Reading | Held, description: Description, node_id: str | None, started: float
) -> Node | None:
    """Return the node that the last try has made if only its answer was lost, else None.

    It has our content and name, and is not older than the try, which `started` at a moment of the monotonic clock.
    """
    if not reading.is_read:
        return None  # the server keeps nothing of a body that ends too early
    with suppress(HCAError):
        if node_id is not None:
            node = server.node(node_id)
            return node if node.file.md5 == reading.digest.hexdigest() else None
        now = moment(server.fresh_resource().get("server_time"))
        if now is None:
            return None
        # This errs to the early side: the server's clock is read before ours, and may tell whole seconds only.
        earliest = now.timestamp() - (time.monotonic() - started) - _SLACK_SECONDS
        query = [("querynode", None), ("file.checksum.md5", reading.digest.hexdigest()), ("limit", "10")]
        found = [Node.parse(one) for one in server.call("GET", "node", params=query) or ()]
        ours = [
            node
            for node in found
            if node.file.name == description.name and node.created_on and node.created_on.timestamp() >= earliest
        ]
        return ours[0] if len(ours) == 1 else None
    return None
