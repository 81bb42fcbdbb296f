"""`shock://SERVER/NODE[/NAME]`: the files of nodes for pandas, dask, pyarrow, anndata, and all of fsspec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from hca_core.content import Promise
from hca_core.errors import NotFoundError, UsageError
from hca_core.filesystem import Container, RemoteFile, ServiceFileSystem
from hca_shock import config
from hca_shock.errors import ShockNodeError
from hca_shock.transfer.getting import check_ready
from hca_shock.transfer.source import NodeSource

if TYPE_CHECKING:
    from hca_shock.client import ShockClient
    from hca_shock.node import Node

CONFIGURED = "_"  # the server that `hca shock` uses without options


class ShockFileSystem(ServiceFileSystem):
    """Files of nodes on Shock servers, for reading.

        pandas.read_csv("shock://mgrast/NODE/table.csv")

    SERVER is the name of one in the configuration, HOST:PORT, or `_` for the one that `hca shock` uses. NAME is that of
    the node's file; it may be left out.

    Parameters: `url` is the URL of the server `_`; the others are those of `ServiceFileSystem`.
    """

    protocol = "shock"
    no_listing: ClassVar[str] = "a server may have millions of nodes"
    no_listing_hint: ClassVar[str | None] = "hca shock ls"

    def tops(self) -> list[str]:
        """Return the names of the servers that are configured."""
        return [CONFIGURED, *sorted(config.profiles(self.config()))]

    def client(self, name: str) -> ShockClient:
        """Return a new client of a server. Raises NotFoundError for one that can't be, HCAError."""
        from hca_shock.client import ShockClient

        settings: dict[str, Any] = dict(self.settings)
        url = settings.pop("url", None)
        configuration = self.config()
        if name == CONFIGURED:
            return ShockClient(url, config=configuration, token=self.token, **settings)
        if name in config.profiles(configuration):
            return ShockClient(server=name, config=configuration, token=self.token, **settings)
        if not any(character in name for character in ".:"):
            raise NotFoundError(
                f"no Shock server {name!r} is configured",
                hint=f"there are: {', '.join(self.tops())}; or name HOST:PORT",
            )
        try:
            return ShockClient(name, config=configuration, token=self.token, **settings)
        except UsageError as error:
            raise NotFoundError(error.message, error.hint) from error

    def container(self, root: str) -> Container:
        """Return the file of the node at SERVER/NODE. Raises ShockNotFoundError, ShockError, HCAError."""
        server, _, node_id = root.partition("/")
        if node_id in (".", ".."):
            raise NotFoundError(f"{node_id!r} can't be the id of a node")
        node = self.process.clients(server).node(node_id)
        check_ready(node)
        file = _file(server, node)
        return Container({"": file, node.file.name: file} if node.file.name else {"": file})

    def source(self, file: RemoteFile) -> NodeSource:
        """Return where the bytes of a file come from."""
        server, node_id, _ = file.key
        return NodeSource(
            self.process.clients(server).server, node_id, file.promise.size if file.knows_ranges else None
        )

    def check_top(self, top: str) -> None:
        """Raise NotFoundError for what can't be a server."""
        self.process.clients(top)


def _file(server: str, node: Node) -> RemoteFile:
    """Return the file of a node. Raises ShockNodeError for one of which nothing is known."""
    size, md5 = node.file.size, node.file.md5
    if md5 is None and size == 0:
        raise ShockNodeError(f"nobody knows how long the file of node {node.id} is", hint=f"hca shock get {node.id}")
    details = {"id": node.id, "version": node.version, "format": node.file.format, "file_name": node.file.name}
    # A copy of another node's file, or a piece of it, knows no seek (service contract §6).
    knows_ranges = node.type != "subset" and md5 is not None
    changed = node.file.created_on or node.created_on
    return RemoteFile(
        (server, node.id, md5 or node.version),
        Promise(size, md5, "md5"),
        details,
        node.created_on,
        changed,
        knows_ranges=knows_ranges,
    )
