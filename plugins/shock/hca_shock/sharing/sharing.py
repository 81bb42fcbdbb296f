"""Sharing: nodes for others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_core import log
from hca_core.errors import UsageError
from hca_shock.query.asking import Query
from hca_shock.query.choosing import chosen
from hca_shock.query.listing import Queries
from hca_shock.sharing import archives, copying, links

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hca_core.files import StrPath
    from hca_shock.node import Node
    from hca_shock.query.listing import Where
    from hca_shock.server import Server
    from hca_shock.sharing.archives import Archive
    from hca_shock.sharing.links import Link


class Sharing:
    """Makes URLs for others, archives of many nodes, and copies on other servers."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def url(
        self, node_id: str, *, name: str | None = None, filter: str | None = None, compression: str | None = None
    ) -> Link:
        """Return a URL at which anybody can download the file of a node once, without a login.

        Parameters: `name` is what the file is called there; `filter` and `compression` as of `Slices`. Raises
        UsageError, ShockNodeError if there is no file, ShockApiError.
        """
        return links.of_node(self._server, node_id, name, filter, compression)

    def archive(
        self,
        path: StrPath,
        where: Where = (),
        *,
        ids: Iterable[str] = (),
        format: str | None = None,
        told: Callable[[int], None] = lambda count: None,
    ) -> Archive:
        """Write the files of nodes to an archive at `path`, each compared with its size and md5.

        Parameters: the nodes are those that `where` names, or those of `ids`; `format` is zip or tar (None: what `path`
        ends with); `told` hears how many bytes have come. Raises UsageError, NotFoundError if no node has a file,
        IntegrityError, ShockApiError, NetworkError, OSError; then there is no archive.
        """
        return archives.make(self._server, self._nodes(*_meant(where, ids)), path, format, told)

    def archive_url(
        self, where: Where = (), *, ids: Iterable[str] = (), format: str = "zip", name: str | None = None
    ) -> Link:
        """Return a URL at which anybody can download the files of nodes as an archive once; the server makes it then.

        Parameters as of `archive`; `name` is that of the archive. Of a single file the server makes no archive. Raises
        UsageError if the server can't be told which nodes are meant, ShockApiError.
        """
        query, listed = _meant(where, ids)
        if listed or query.tests:
            wanted = [node.id for node in self._nodes(query, listed) if node.file.exists or node.type == "subset"]
            link = links.of_nodes(self._server, wanted, format, name)
            count = len(wanted)
        else:
            count = Queries(self._server).count(query)
            link = links.of_query(self._server, query, format, name)
        if link.files is not None and link.files != count:
            log.logger().warning(
                "of %d nodes the server puts %d into the archive; it leaves out those without a file", count, link.files
            )
        if link.files == 1:
            log.logger().info("a single file comes as it is, not in an archive")
        return link

    def copy(
        self,
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
        server (the old server sends them to the new one, and shows it our login), or auto, which is client; `told`
        hears how many bytes have come. Raises UsageError, ShockNodeError, IntegrityError, ShockApiError, NetworkError.
        """
        return copying.copy(self._server, node_id, target, data=data, attributes=attributes, via=via, told=told)

    def _nodes(self, query: Query, ids: Sequence[str]) -> Iterator[Node]:
        return (self._server.node(one) for one in ids) if ids else Queries(self._server).nodes(query)


def _meant(where: Where, ids: Iterable[str]) -> tuple[Query, list[str]]:
    """Return the query and the ids by which nodes are named, one of them empty. Raises UsageError."""
    query = where if isinstance(where, Query) else chosen(where)
    listed = [*dict.fromkeys(ids)]
    named = bool(query.params or query.tests)
    if named and listed:
        raise UsageError("nodes are named by conditions or by ids, not by both")
    if not named and not listed:
        raise UsageError("which nodes are meant is not said", hint="a condition names them, as in project=P1")
    return query, listed
