"""Nodes that are copied from one server to another, through this machine or by the servers themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_core.errors import IntegrityError, UsageError
from hca_shock.errors import ShockError, ShockNodeError
from hca_shock.forms import FilePart, Form, Source
from hca_shock.node import Node
from hca_shock.transfer import creating, streaming
from hca_shock.transfer.description import NOTHING, Description
from hca_shock.transfer.reading import SMALL, Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_shock.server import Server

WAYS = ("auto", "client", "server")


def copy(
    source: Server,
    node_id: str,
    target: Server,
    *,
    data: bool = True,
    attributes: bool = True,
    via: str = "auto",
    told: Callable[[int], None] = lambda count: None,
) -> Node:
    """Copy a node to another server and return the new node, which was compared with the old one.

    Parameters: `data` and `attributes` are what is copied; `via` is client (the bytes come through this machine),
    server (the old server sends them to the new one, and shows it the login that it got from us), or auto, which is
    client; `told` hears how many bytes have come. A copy that is not like its source is deleted.
    Raises UsageError, ShockNodeError if there is no file to be copied, IntegrityError, ShockApiError, NetworkError.
    """
    if via not in WAYS:
        raise UsageError(f"{via!r} is no way to copy a node", hint=f"there are: {', '.join(WAYS)}")
    if not (data or attributes):
        raise UsageError("neither data nor attributes are to be copied")
    node = source.node(node_id)
    if node.file.locked:
        raise ShockNodeError(f"the file of {node_id} is not complete", hint=f"hca shock wait {node_id}")
    has_file = node.file.exists or node.type == "subset"
    description = Description(
        name=node.file.name or None if data and has_file else None,
        attributes=node.attributes if attributes and node.attributes is not None else NOTHING,
    )
    if not (data and has_file) and description.attributes is NOTHING:
        raise ShockNodeError(f"{node_id} has nothing of what is to be copied")
    if via == "server" and has_file and data:
        return _pushed(source, node, target, description)
    return _relayed(source, node if data and has_file else None, target, description, told)


def _relayed(
    source: Server, node: Node | None, target: Server, description: Description, told: Callable[[int], None]
) -> Node:
    """Send the file of `node` (None: no file) to a new node while it arrives."""
    if node is None:
        return creating.of_nothing(target, [], [], description)
    digest = Digest()
    size = node.file.size

    def blocks() -> Iterator[bytes]:
        nonlocal digest
        digest = Digest()  # all of it may be sent once more
        # A damaged file is noticed here, which breaks the request off: the target makes no node of it.
        for block in streaming.blocks(source, node):
            digest.update(block)
            yield block
            told(len(block))

    content = b"".join(blocks()) if size <= SMALL else Source(size, blocks)
    upload = FilePart("upload", node.file.name or node.id, content)
    form = Form(description.fields(), [*description.files(), upload])
    made = Node.parse(target.call("POST", "node", form=form))
    return _compared(target, made, size, digest.hexdigest(), description)


def _pushed(source: Server, node: Node, target: Server, description: Description) -> Node:
    """Let the old server send the file. Attributes are sent from here: of longer ones it sends the beginning only."""
    if node.type == "subset":
        raise UsageError(f"{node.id} is a subset of another file, which its server sends nowhere", hint="--via client")
    params: list[tuple[str, str | None]] = [("download_post", None), ("post_url", target.url), ("post_attr", "0")]
    told = source.call("GET", "node", node.id, params=params, once=True)
    if not isinstance(told, dict) or not told.get("id"):
        raise ShockError(f"{source.url} does not tell what became of the copy of {node.id}", hint="--via client")
    made = target.node(str(told["id"]))
    return _compared(target, made, node.file.size, node.file.md5, description)


def _compared(target: Server, made: Node, size: int, md5: str | None, description: Description) -> Node:
    """Return the new node with all that it is to have; if its file is another one it is deleted."""
    with creating.of_no_use(target, made.id):
        if made.file.size != size or (md5 is not None and made.file.md5 != md5):
            raise IntegrityError(
                f"the copy has {made.file.size} bytes with md5 {made.file.md5}, its source {size} with {md5}"
            )
        return description.completed(target, made)
