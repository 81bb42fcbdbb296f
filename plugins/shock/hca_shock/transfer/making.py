"""Nodes that are made of what a server has, sees or fetches (service contract §4)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hca_core.errors import IntegrityError, UsageError
from hca_shock.errors import ShockError
from hca_shock.forms import Form
from hca_shock.node import Node
from hca_shock.transfer import creating

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hca_shock.forms import FilePart
    from hca_shock.server import Server
    from hca_shock.transfer.description import Description


def empty(server: Server, description: Description) -> Node:
    """Make a node without a file."""
    return creating.of_nothing(server, [], [], description)


def copy(
    server: Server, node_id: str, description: Description, *, attributes: bool = False, indexes: bool = False
) -> Node:
    """Make a node that shares the file of another one, with its `attributes` and `indexes` if that is wanted."""
    source = server.node(node_id)
    fields = [("copy_data", node_id)]
    fields += [("copy_attributes", "1")] if attributes else []
    fields += [("copy_indexes", "1")] if indexes else []
    made = creating.of_nothing(server, fields, [], description)
    with creating.of_no_use(server, made.id):
        _check_same(made, source.file.size, source.file.md5)
    return made


def concatenation(server: Server, ids: Sequence[str], description: Description) -> Node:
    """Make a node that shows the files of several nodes as one; these can't be deleted while it is there.

    The server does not look whether they are there, and makes an empty node then: so they are looked at here.
    """
    if len(ids) < 2 or not all(ids):
        raise UsageError("files of at least two nodes are needed to be one", hint="give their ids with commas between")
    sources = [server.node(one) for one in ids]
    for source in sources:
        if not source.file.exists or source.file.locked:
            raise ShockError(f"node {source.id} has no file that is ready", hint=f"hca shock show {source.id}")
    fields = [("type", "virtual"), ("source", ",".join(ids))]
    made = creating.of_nothing(server, fields, [], description)
    with creating.of_no_use(server, made.id):
        _check_same(made, sum(source.file.size for source in sources), None)
    return made


def subset(server: Server, node_id: str, index: str | None, units: FilePart | None, description: Description) -> Node:
    """Make a node of some units of another one's file; `units` are their numbers, ascending, a line each."""
    if index is None or units is None:
        raise UsageError("a subset needs the index that counts its units, and their numbers", hint="--index, --units")
    assert isinstance(units.content, bytes)  # noqa: S101 - they are read from a small file
    _check_units(units.content)
    fields = [("parent_node", node_id), ("parent_index", index)]
    return creating.of_nothing(server, fields, [units], description)


def unpacked(
    server: Server, node_id: str, archive_format: str | None, description: Description, *, preserve_acls: bool = False
) -> list[Node]:
    """Make a node of each file in an archive that a node has, and return them."""
    if archive_format is None:
        raise UsageError(
            "it is not said what kind of archive it is", hint="--archive-format zip, tar, tar.gz or tar.bz2"
        )
    if description.name is not None:
        raise UsageError("the files of an archive have names of their own", hint="leave --name out")
    fields = [("unpack_node", node_id), ("archive_format", archive_format)]
    fields += [("preserve_acls", "1")] if preserve_acls else []
    form = Form([*fields, *description.fields()], description.files())
    found = server.call("POST", "node", form=form)
    return [description.completed(server, Node.parse(one)) for one in found or ()]


def server_path(
    server: Server, path: str, action: str, description: Description, *, node_id: str | None = None
) -> Node:
    """Make a node of a file that the server can see: copied, kept where it is, or moved; `node_id` is to get it."""
    return creating.of_nothing(server, [("path", path), ("action", action)], [], description, node_id)


def from_url(server: Server, url: str, description: Description) -> Node:
    """Make a node of what the server fetches from a URL (http, https or ftp)."""
    if urlsplit(url).scheme not in ("http", "https", "ftp"):
        raise UsageError(f"{url!r} is not a URL that a server can fetch", hint="http, https or ftp")
    made = creating.of_nothing(server, [("upload_url", url)], [], description)
    with creating.of_no_use(server, made.id):
        if not made.file.exists:
            raise IntegrityError(f"the server has fetched nothing from {url}")
    return made


def _check_same(made: Node, size: int, md5: str | None) -> None:
    if made.file.size != size or (md5 is not None and made.file.md5 != md5):
        raise IntegrityError(
            f"node {made.id} has {made.file.size} bytes with md5 {made.file.md5}, not {size} with {md5 or 'any'}"
        )


def _check_units(content: bytes) -> None:
    """Raise UsageError unless these are numbers from 1 on, ascending, a line each (service contract §4)."""
    lines = content.split(b"\n")
    if lines[-1] or len(lines) < 2:
        raise UsageError("the numbers of a subset are a line each, and the last line needs an end too")
    last = 0
    for place, line in enumerate(lines[:-1], 1):
        if not line.isdigit() or int(line) <= last:
            told = line.decode("utf-8", "replace")[:40]
            raise UsageError(f"line {place} of the subset is {told!r}, not a number above {last}")
        last = int(line)
