"""What a new node is to have besides its bytes: sent with it, compared with what the server made of it, mended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_core import log
from hca_core.errors import IntegrityError, UsageError
from hca_shock.forms import FilePart, fits
from hca_shock.metadata import documents, lifetimes
from hca_shock.metadata.attributes import Attributes, check_numbers
from hca_shock.metadata.edits import Edits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_shock.node import Link, Node
    from hca_shock.server import Server

NOTHING: Any = object()  # attributes that were not given; null is a value


def check_name(name: str) -> None:
    """Raise UsageError for a name that a file at a server can't have."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{name!r} is not UTF-8, and can't be the name of a file", hint="give --name") from error
    if not name or "/" in name or "\0" in name:
        raise UsageError(f"{name!r} can't be the name of a file")


@dataclass(frozen=True)
class Description:
    """What a new node is to have.

    `name` is that of its file (None: what the server makes of it), `attributes` any JSON value, `lifetime` a number and
    M, H or D for minutes, hours or days.
    """

    name: str | None = None
    attributes: Any = NOTHING
    tags: tuple[str, ...] = ()
    format: str | None = None
    priority: int | None = None
    lifetime: str | None = None
    links: tuple[Link, ...] = ()

    def check(self) -> None:
        """Raise UsageError for what no server takes, before anything is sent."""
        if self.name is not None:
            check_name(self.name)
        for tag in self.tags:
            if not tag or "," in tag:
                raise UsageError(f"{tag!r} can't be a tag: the server separates tags at commas")
        if self.lifetime is not None:
            lifetimes.in_server_words(self.lifetime)
        if self.attributes is not NOTHING:
            documents.encoded(self.attributes)

    def check_at(self, server: Server) -> None:
        """Raise UsageError for what this server would not keep as it is: integers of many digits."""
        if self.attributes is not NOTHING:
            check_numbers(server, self.attributes)

    def fields(self) -> list[tuple[str, str]]:
        """Return the values that go with the bytes; what would make them too long is left to `completed`."""
        wanted = []
        if self.format is not None:
            wanted.append(("format", self.format))
        if self.priority is not None:
            wanted.append(("priority", str(self.priority)))
        if self.lifetime is not None:
            wanted.append(("expiration", lifetimes.in_server_words(self.lifetime)))
        if self.tags:
            wanted.append(("tags", ",".join(self.tags)))
        if len(self.links) == 1 and self.links[0].ids:
            link = self.links[0]
            wanted += [("linkage", link.relation), ("ids", ",".join(link.ids))]
            wanted += [("operation", link.operation)] if link.operation else []
        return wanted if fits(wanted) else []

    def files(self) -> list[FilePart]:
        """Return the parts of a form with the attributes: as a file they may have any length (contract §0.1)."""
        if self.attributes is NOTHING:
            return []
        return [FilePart("attributes", "attributes.json", documents.encoded(self.attributes))]

    def completed(self, server: Server, node: Node, *, new: bool = True) -> Node:
        """Return the node with all that it is to have: what the server has damaged or not got is sent again alone.

        Parameters: `new` is for a node that had no tags before. Raises IntegrityError if that does not help.
        """
        for mend in self._missing(server, node):
            log.logger().debug("%s: something did not arrive as it was sent; sending it again", node.id)
            node = mend()
        # A value that was cut is the beginning of what was sent (contract §0.1). There is no way to take one away.
        tags = [tag for tag in set(node.tags) - set(self.tags) if any(one.startswith(tag) for one in self.tags)]
        links = [link for link in node.linkage if any(_is_cut(link, one) for one in self.links)]
        if new and (tags or links):
            damaged = f"tag {min(tags)!r}" if tags else f"link {links[0].relation}={','.join(links[0].ids)}"
            raise IntegrityError(f"node {node.id} has got the damaged {damaged}", hint="remove it, put it anew")
        return node

    def _missing(self, server: Server, node: Node) -> Iterator[Callable[[], Node]]:
        edits = Edits(server)
        if self.name is not None and node.file.name != self.name:
            name = self.name
            yield lambda: edits.rename(node.id, name)
        if self.attributes is not NOTHING and documents.difference(self.attributes, node.attributes):
            yield lambda: Attributes(server).set(node.id, self.attributes)
        tags = [tag for tag in self.tags if tag not in node.tags]
        if tags:
            yield lambda: edits.tag(node.id, *tags)
        if self.format is not None and node.file.format != self.format:
            file_format = self.format
            yield lambda: edits.set_format(node.id, file_format)
        if self.priority is not None and node.priority != self.priority:
            priority = self.priority
            yield lambda: edits.priority(node.id, priority)
        if self.lifetime is not None and node.expiration is None:
            lifetime = self.lifetime
            yield lambda: edits.expire(node.id, lifetime)
        for link in self.links:
            if link not in node.linkage:
                yield lambda link=link: edits.link(node.id, link.relation, link.ids, link.operation or None)  # type: ignore[misc]


def _is_cut(link: Link, wanted: Link) -> bool:
    """Tell whether a link is what is left of the `wanted` one."""
    return link != wanted and all(
        whole.startswith(rest)
        for whole, rest in (
            (wanted.relation, link.relation),
            (",".join(wanted.ids), ",".join(link.ids)),
            (wanted.operation, link.operation),
        )
    )
