"""ShockClient: a Shock server in Python."""

from __future__ import annotations

from functools import cached_property
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, BinaryIO

from hca_core.config import HCAConfig, get_config
from hca_shock import config as configuration
from hca_shock.server import Server

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import BufferedReader
    from types import TracebackType

    from hca_core.files import StrPath
    from hca_shock.acl.acls import Acls
    from hca_shock.admin.administration import Administration
    from hca_shock.index.indexes import Indexes
    from hca_shock.index.slices import Slices
    from hca_shock.metadata.attributes import Attributes
    from hca_shock.metadata.edits import Edits
    from hca_shock.node import Node
    from hca_shock.query.listing import Queries
    from hca_shock.sharing.sharing import Sharing


class ShockClient:
    """A Shock server.

        with ShockClient("https://shock.example.org") as shock:
            node = shock.put("reads.fastq", attributes={"project": "P1"})
            shock.get(node.id, "copy.fastq")

    Parameters: `url` is where the server is, or `server` its name in the configuration; else the configured one is
    used. `user` is (name, password), or `token` an access token; else the credentials of `hca` are used. `config` is
    the configuration of the process if None. Fields of `hca_core.http.Policy` are keywords too (`tries=3`). May be used
    by several threads.
    Raises UsageError, ConfigError.
    """

    service = configuration.SECTION

    def __init__(
        self,
        url: str | None = None,
        *,
        server: str | None = None,
        user: tuple[str, str] | None = None,
        token: str | None = None,
        config: HCAConfig | None = None,
        **policy: Any,
    ) -> None:
        settings = config if config is not None else get_config()
        login = configuration.basic(*user) if user else token
        self.server = Server(configuration.profile(settings, url, server), settings, token=login, **policy)
        self.config = settings

    def close(self) -> None:
        """Close all connections."""
        self.server.close()

    def __enter__(self) -> ShockClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where the server is."""
        return self.server.url

    def node(self, node_id: str) -> Node:
        """Return a node. Raises ShockNotFoundError, ShockRefusedError."""
        return self.server.node(node_id)

    def put(
        self,
        source: StrPath | BinaryIO,
        *,
        name: str | None = None,
        attributes: Any = ...,
        tags: Sequence[str] = (),
        compression: str | None = None,
        part_size: int | None = None,
        resume: bool = True,
    ) -> Node:
        """Send a file, or all that an open binary stream has, and return its node, whose MD5 is that of what was sent.

        Parameters: `name` is what the file is called there, `attributes` any JSON value, `tags` words without commas.
        `compression` (gzip, bzip2) is what the server is to unpack. A file of more than 1 GiB goes in parts, any with a
        `part_size` (bytes); with `resume` an upload of it that broke off goes on. Raises HCAError; IntegrityError if
        the server has got something else, nothing is kept there then.
        """
        from hca_shock.transfer import putting, streams
        from hca_shock.transfer.counting import nobody
        from hca_shock.transfer.description import NOTHING, Description
        from hca_shock.transfer.reading import Compression

        described = Description(name=name, attributes=NOTHING if attributes is ... else attributes, tags=tuple(tags))
        described.check()
        if isinstance(source, (str, PathLike)):
            order = putting.Order(compression=compression, part_size=part_size, resume=resume)
            (reading,) = putting.readings([fspath(source)], order)
            return putting.put_file(self.server, reading, described, order, nobody)
        unpacked = Compression(compression) if compression else None
        size = part_size or streams.PART_SIZE
        return streams.put(self.server, source, described, nobody, compression=unpacked, part_size=size)

    def get(self, node: Node | str, path: StrPath, *, force: bool = False) -> str:
        """Write the file of a node to `path`, verified by length and MD5, and return that path.

        A download that broke off goes on where it was. Raises UsageError if there is another file and not `force`,
        IntegrityError if what arrives is not what the node is told to have; nothing is at `path` then.
        """
        from hca_core.progress import Bar
        from hca_shock.transfer import getting

        wanted = [(self._node(node), fspath(path))]
        (got,) = getting.get(self.server, wanted, Bar(), force=force)
        if got.error:
            raise got.error
        return got.path

    def open(self, node: Node | str) -> BufferedReader:
        """Return the file of a node as a binary file that is read from anywhere: with `read`, `seek` and `tell`."""
        from hca_shock.transfer.reader import open_node

        return open_node(self.server, self._node(node))

    def _node(self, node: Node | str) -> Node:
        return self.node(node) if isinstance(node, str) else node

    @cached_property
    def attributes(self) -> Attributes:
        """What people say of nodes."""
        from hca_shock.metadata.attributes import Attributes

        return Attributes(self.server)

    @cached_property
    def edits(self) -> Edits:
        """Names, tags, links, expiration, deletion of nodes."""
        from hca_shock.metadata.edits import Edits

        return Edits(self.server)

    @cached_property
    def acl(self) -> Acls:
        """Who may do what with nodes."""
        from hca_shock.acl.acls import Acls

        return Acls(self.server)

    @cached_property
    def admin(self) -> Administration:
        """Locations, types, locks and the state of the server."""
        from hca_shock.admin.administration import Administration

        return Administration(self.server)

    @cached_property
    def queries(self) -> Queries:
        """Nodes by what is known of them."""
        from hca_shock.query.listing import Queries

        return Queries(self.server)

    @cached_property
    def indexes(self) -> Indexes:
        """Indexes of files: lines, records, columns."""
        from hca_shock.index.indexes import Indexes

        return Indexes(self.server)

    @cached_property
    def slices(self) -> Slices:
        """Pieces of files: bytes, lines, records, alignments."""
        from hca_shock.index.slices import Slices

        return Slices(self.server)

    @cached_property
    def sharing(self) -> Sharing:
        """URLs for others, archives, copies on other servers."""
        from hca_shock.sharing.sharing import Sharing

        return Sharing(self.server)
