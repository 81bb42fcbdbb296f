"""Attributes of a node: read, replaced as a whole, and edited in places.

The server can only replace the whole document. An edit therefore reads it, changes it here and sends it back; that
nobody else has changed it in between is checked by the version of the node, right before it is sent.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hca_core.errors import NetworkError, UsageError
from hca_shock.dialect import only_shock
from hca_shock.forms import FilePart, Form
from hca_shock.metadata import documents
from hca_shock.metadata.errors import ConflictError, DamagedError
from hca_shock.node import Node

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_shock.server import Server

TRIES = 3  # how often an edit begins anew because somebody else has changed the node meanwhile
_WHAT = "attributes"


class Attributes:
    """The attributes of the nodes of a server.

        shock.attributes.set_value(id, "sample.organism", "Homo sapiens")
        shock.attributes.merge(id, {"sample": {"age": 3, "note": None}})

    Each change returns the node as it is then. With `if_version` it is made only while the node has that version.
    Changes raise ConflictError if somebody else changes the node at the same time or it has another version,
    DamagedError (an IntegrityError) if the server has kept something else than it was sent, UsageError for what is no
    JSON, and for integers of which the server is known to lose digits.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def get(self, id: str, path: str | None = None) -> Any:
        """Return the attributes of a node, None if it has none; with a `path` ("sample.age") what lies there.

        Raises NotFoundError if nothing lies there.
        """
        attributes = self._server.node(id).attributes
        return attributes if path is None else documents.find(attributes, path)

    def set(self, id: str, document: Any, *, if_version: str | None = None) -> Node:
        """Replace all attributes of a node by a `document`, any JSON value; None removes them."""
        data = documents.encoded(document)
        with self._server.changing(id), only_shock(self._server, _WHAT):
            if if_version is not None:
                _check_version(self._server.node(id), if_version)
            return self._put(id, data)

    def set_value(self, id: str, path: str, value: Any, *, if_version: str | None = None) -> Node:
        """Set the value at a `path` ("sample.organism"); objects on the way are made."""
        return self._edit(id, lambda document: documents.with_value(document, path, value), if_version)

    def unset(self, id: str, *paths: str, if_version: str | None = None) -> Node:
        """Remove what lies at `paths`. Raises NotFoundError if nothing lies at one of them; then all is as it was."""
        if not paths:
            raise UsageError("unset needs a path")

        def edited(document: Any) -> Any:
            for path in paths:
                document = documents.without(document, path)
            return document

        return self._edit(id, edited, if_version)

    def merge(self, id: str, document: Any, *, if_version: str | None = None) -> Node:
        """Merge a `document` into the attributes as RFC 7396 says: objects are merged, null removes a name."""
        return self._edit(id, lambda before: documents.merged(before, document), if_version)

    def clear(self, id: str, *, if_version: str | None = None) -> Node:
        """Remove all attributes of a node."""
        return self.set(id, None, if_version=if_version)

    def _edit(self, id: str, edited: Callable[[Any], Any], if_version: str | None) -> Node:
        """Change the attributes by a function of what they are; where that makes no difference nothing is sent."""
        with self._server.changing(id), only_shock(self._server, _WHAT):
            for _ in range(TRIES):
                node = self._server.node(id)
                _check_version(node, if_version)
                try:
                    data = documents.encoded(edited(node.attributes))
                except RecursionError as error:
                    raise UsageError("the document is nested too deeply") from error
                if documents.difference(json.loads(data), node.attributes) is None:
                    return node
                if self._server.node(id).version == node.version:
                    return self._put(id, data)
        raise ConflictError(
            f"node {id} was changed by somebody else {TRIES} times while its attributes were edited",
            "try again when the others are done",
        )

    def _put(self, id: str, data: bytes) -> Node:
        """Send a document and compare it with what the server has made of it."""
        # As a file: the server cuts values of a form at some 4 KB, and earlier where a segment of the network ends.
        form = Form(files=[FilePart("attributes", "attributes.json", data)])
        wanted = json.loads(data)
        check_numbers(self._server, wanted)
        try:
            node = Node.parse(self._server.call("PUT", "node", id, form=form))
        except NetworkError:
            # Its answer was lost; perhaps it has arrived all the same.
            node = self._server.node(id)
            if documents.difference(wanted, node.attributes) is not None:
                raise
        found = documents.difference(wanted, node.attributes)
        if found is None:
            return node
        path, sent, kept = found
        where = f"at {path!r}" if path else "as the whole document"
        raise DamagedError(
            f"the attributes of node {id} are not what was sent: {where} the server has {documents.shown(kept)} "
            f"instead of {documents.shown(sent)}",
            _ADVICE if isinstance(sent, (int, float)) else None,
        )


_ADVICE = "the server keeps numbers as float64, exact up to 2^53 only: send a larger one as a string"


def check_numbers(server: Server, document: Any) -> None:
    """Raise UsageError for a document with an integer of which the server would lose digits; nothing is sent then."""
    found = documents.inexact(document)
    if found is None or server.is_local:
        return
    path, value = found
    where = f"at {path!r}" if path else "as the whole document"
    raise UsageError(f"the server can't keep the number {documents.shown(value)} {where}", _ADVICE)


def _check_version(node: Node, wanted: str | None) -> None:
    """Raise ConflictError if a node has another version than the `wanted` one."""
    if wanted is not None and node.version != wanted:
        raise ConflictError(
            f"node {node.id} has the version {node.version} now, not {wanted}: somebody has changed it",
            "look at it again (hca shock attributes get ID), then repeat the change with the new version",
        )
