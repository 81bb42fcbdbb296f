"""URLs that let anybody download a file or an archive once, without a login."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from hca_core.errors import UsageError, one_line
from hca_shock.errors import ShockError, ShockNodeError
from hca_shock.forms import Form, fits
from hca_shock.index.slices import asked_changes
from hca_shock.sharing.archives import FORMATS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hca_shock.query.asking import Query
    from hca_shock.server import Server

    Ask = list[tuple[str, str | None]]

_PREFIX = "/preauth/"


@dataclass(frozen=True)
class Link:
    """A URL that works once, for anybody; whoever only looks at it (HEAD) uses it up.

    `valid_until` is what the server says of that, in its own time zone; `files` how many there are in it, `size` their
    bytes, both None where the server does not tell.
    """

    url: str
    valid_until: str
    name: str
    files: int | None
    size: int | None


def of_node(
    server: Server, node_id: str, name: str | None = None, filter: str | None = None, compression: str | None = None
) -> Link:
    """Return a link to the file of a node. Raises UsageError, ShockNodeError if it has none, ShockApiError."""
    changed = asked_changes(filter, compression)
    if name is not None and (not name or "/" in name or not name.isprintable()):
        raise UsageError(f"{name!r} can't be the name of a file")
    node = server.node(node_id)
    if not node.file.exists and node.type != "subset":
        raise ShockNodeError(f"{node_id} has no file")
    named: Ask = [("file_name", name)] if name else []
    return _link(server, server.call("GET", "node", node_id, params=[("download_url", None), *named, *changed]))


def of_nodes(server: Server, ids: Sequence[str], archive_format: str, name: str | None = None) -> Link:
    """Return a link to an archive of the files of nodes, which the server makes when it is used.

    Raises UsageError for more ids than surely reach a server (contract §0.1), ShockApiError.
    """
    fields = [("download_url", "1"), ("archive_format", _known(archive_format)), ("ids", ",".join(ids))]
    fields += [("file_name", name)] if name else []
    if not ids or not fits(fields):
        raise UsageError(
            f"a server can't be told {len(ids)} ids at once",
            hint="name the nodes by a condition, or let hca make the archive (without --link)",
        )
    return _link(server, server.call("POST", "node", form=Form(fields)))


def of_query(server: Server, query: Query, archive_format: str, name: str | None = None) -> Link:
    """Return a link to an archive of the files of all nodes that a query names, whose conditions the server compares.

    Raises ShockApiError.
    """
    # Without a limit the server would take the first 25 and say nothing.
    params: Ask = [("querynode", None), *query.params, ("limit", "0"), ("download_url", None)]
    params += [("archive", _known(archive_format)), *([("file_name", name)] if name else [])]
    return _link(server, server.call("GET", "node", params=params))


def _known(archive_format: str) -> str:
    if archive_format not in FORMATS:
        raise UsageError(f"{archive_format!r} is no format of archives", hint=f"there are: {', '.join(FORMATS)}")
    return archive_format


def _link(server: Server, told: Any) -> Link:
    """Return the link that a server tells, at the address at which we talk to it: its own may lead nowhere (§0.11)."""
    path = urlsplit(str(told.get("url"))).path if isinstance(told, dict) else ""
    _, found, key = path.rpartition(_PREFIX)
    if not found or not key or "/" in key:
        raise ShockError("the server made no link", hint="hca shock doctor tells what kind of server it is")
    return Link(
        f"{server.url}{_PREFIX}{quote(unquote(key), safe='')}",
        one_line(str(told.get("validtill") or "")),
        str(told.get("filename") or ""),
        _number(told.get("files")),
        _number(told.get("size")),
    )


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
