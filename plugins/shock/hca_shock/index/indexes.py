"""Indexes: where the lines, records or columns of a node's file are; made by the server, or here and sent to it."""

from __future__ import annotations

import re
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hca_core import log
from hca_core.errors import NetworkError, NotFoundError, UsageError
from hca_shock.errors import ShockNodeError
from hca_shock.index import pairs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hca_core.files import StrPath
    from hca_shock.node import Index, Node
    from hca_shock.server import Server

    Ask = list[tuple[str, str | None]]
    FormOf = tuple[list[tuple[str, str]], str, bytes]  # values, name and content of the file

KINDS = ("line", "record", "chunkrecord", "bai", "column", "subset", "size")
# What building these does to the server in use everywhere (service contract §0.4).
_DEADLY = {
    "column": "building it ends the whole server for everybody",
    "subset": "building it always fails there, and the failed index can't be removed",
}
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_UNLISTED = "bai"  # made while the request lasts; not every server lists it
_FIRST_WAIT, _MOST_WAIT = 0.02, 2.0
_GRACE_SECONDS = 1.0  # for which an index may look as one that was lost


class Indexes:
    """Makes, lists and removes the indexes of a node.

    The server changes what it knows of indexes without a lock: two at the same time lose one of them (contract §0.6).
    So they are made one after the other, looked at afterwards, and made once more if one was lost.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def list(self, node_id: str) -> dict[str, Index]:
        """Return the indexes of a node by their names. Raises ShockApiError, NetworkError."""
        return self._server.node(node_id).indexes

    def build(
        self,
        node_id: str,
        kind: str,
        *,
        number: int | None = None,
        rebuild: bool = False,
        force: bool = False,
        wait: bool = True,
        timeout: float = 3600.0,
    ) -> Index | None:
        """Let the server build an index and return it, or None if it does not list it (bai), or `wait` is off.

        Parameters: `kind` is line, record, chunkrecord, bai, column (of a table that is sorted by the column `number`,
        from 1) or size; `rebuild` builds one that is there anew; `force` asks for what ends or harms most servers.
        Raises UsageError, ShockNodeError if it could not be built, ShockApiError, NetworkError.
        """
        if kind not in KINDS or kind == "subset":
            hint = f"there are: {', '.join(one for one in KINDS if one != 'subset')}; a subset has a verb of its own"
            raise UsageError(f"{kind!r} is no kind of index", hint=hint)
        if (kind == "column") != (number is not None) or (number is not None and number < 1):
            raise UsageError("the index of a column, and no other, needs the number of the column, from 1")
        params: Ask = [] if number is None else [("number", str(number))]
        self._refuse(kind, force=force)
        return self._built(
            node_id, kind, name_of(kind, number), params, None, rebuild=rebuild, wait=wait, timeout=timeout
        )

    def subset(
        self,
        node_id: str,
        name: str,
        parent: str,
        records: Iterable[int],
        *,
        rebuild: bool = False,
        force: bool = False,
        wait: bool = True,
        timeout: float = 3600.0,
    ) -> Index | None:
        """Let the server make an index `name` of some units of the index `parent`, and return it as `build` does.

        Parameters: `records` are their numbers, from 1, in ascending order. Raises as `build` does.
        """
        _check_name(name)
        numbers = [*records]
        if not numbers or numbers[0] < 1 or any(a >= b for a, b in pairwise(numbers)):
            raise UsageError("a subset needs numbers of records in ascending order, each once, from 1")
        self._refuse("subset", force=force)
        content = "".join(f"{number}\n" for number in numbers).encode()
        fields = [("index_name", name), ("parent_index", parent)]
        form = (fields, "subset_indices", content)
        return self._built(node_id, "subset", name, [], form, rebuild=rebuild, wait=wait, timeout=timeout)

    def upload(
        self,
        node_id: str,
        name: str,
        path: StrPath,
        *,
        format: str | None = None,
        average: int | None = None,
        total: int | None = None,
        rebuild: bool = False,
    ) -> Index:
        """Send an index that was made here, a file of pairs of 64-bit integers (offset, length), and return it.

        Parameters: `format` is array or matrix; `average` bytes of a unit and `total` units are computed if None, as
        the server does not. Raises UsageError for a file that is no index of the node's file, ShockApiError.
        """
        _check_name(name)
        if name == "size" or format not in (None, "array", "matrix"):
            raise UsageError("the index 'size' needs no file" if name == "size" else f"{format!r}: array or matrix")
        with self._server.changing(node_id):
            node = self._with_file(node_id)
            if name in node.indexes and not rebuild:
                raise UsageError(f"{node_id} has an index {name!r} already", hint="--rebuild replaces it")
            found = pairs.read(path, node.file.size)
            total, average = found.units if total is None else total, found.average if average is None else average
            params: Ask = [("upload", None)]
            params += [("indexFormat", format)] if format else []
            params += [("avgUnitSize", str(average)), ("totalUnits", str(total))]
            params += [("force_rebuild", "1")] if name in node.indexes else []
            form = _form([], "upload", pairs.content(path, found))
            self._server.call("PUT", "node", node_id, "index", name, params=params, form=form)
            index = self.list(node_id).get(name)
        if index is None or index.total_units != total:
            raise ShockNodeError(f"the server has not kept the index {name!r} of {node_id}", hint="upload it again")
        return index

    def remove(self, node_id: str, name: str) -> None:
        """Remove an index. Raises UsageError for `size`, which takes no place, NotFoundError, ShockApiError."""
        if name == "size":
            raise UsageError("the index 'size' is computed when it is used; there is nothing to remove")
        with self._server.changing(node_id):
            found = self.list(node_id)
            if name not in found:
                raise NotFoundError(f"{node_id} has no index {name!r} (it has: {', '.join(sorted(found)) or 'none'})")
            self._server.call("DELETE", "node", node_id, "index", name)
            if name in self.list(node_id):
                raise ShockNodeError(f"the server still has the index {name!r} of {node_id}", hint="try it again")

    def wait(self, node_id: str, name: str | None = None, timeout: float = 3600.0) -> dict[str, Index]:
        """Wait until an index (None: each that there is) is ready, and return them by their names.

        Raises NotFoundError if there is none of this name, ShockNodeError for one that could not be built, NetworkError
        after `timeout` seconds.
        """
        patience = _Patience(self._server, f"the index of {node_id}", timeout)
        while True:
            found = self.list(node_id)
            if name is not None and name not in found:
                raise NotFoundError(f"{node_id} has no index {name!r} (it has: {', '.join(sorted(found)) or 'none'})")
            wanted = found if name is None else {name: found[name]}
            if all(_is_done(node_id, one, index) for one, index in wanted.items()):
                return wanted
            patience.wait()

    def _refuse(self, kind: str, *, force: bool) -> None:
        """Raise UsageError for a kind that harms the server, unless it is told to be ours, or forced."""
        if kind in _DEADLY and not force and not self._server.is_local:
            raise UsageError(
                f"an index of the kind {kind!r} is not built on this server: {_DEADLY[kind]}",
                hint="--force asks for it all the same; hca local up starts a server that can",
            )

    def _with_file(self, node_id: str) -> Node:
        node = self._server.node(node_id)
        if not node.file.exists:
            raise ShockNodeError(f"{node_id} has no file that an index could be made of")
        return node

    def _built(
        self,
        node_id: str,
        kind: str,
        name: str,
        params: Ask,
        form: FormOf | None,
        *,
        rebuild: bool,
        wait: bool,
        timeout: float,
    ) -> Index | None:
        with self._server.changing(node_id):
            node = self._with_file(node_id)
            patience = _Patience(self._server, f"the index {name!r} of {node_id}", timeout)
            while any(index.locked and not index.locked.error for index in node.indexes.values()):
                patience.wait()  # two at a time are one too many
                node = self._server.node(node_id)
            old = node.indexes.get(name)
            if name == "size" and old is not None:
                return old
            if old is not None and _is_usable(name, old, node) and not rebuild:
                raise UsageError(f"{node_id} has an index {name!r} already", hint="--rebuild builds it anew")
            for attempt in (1, 2):
                again: Ask = [("force_rebuild", "1")] if old or attempt == 2 else []
                made = _form(*form) if form else None
                self._server.call("PUT", "node", node_id, "index", kind, params=[*params, *again], form=made)
                if not wait:
                    return None
                index = self._ready(node_id, name, old if rebuild else None, patience)
                if index is not None or name == _UNLISTED:
                    return index
                log.logger().info("the server has lost the index %s of %s while it built it; once more", name, node_id)
        raise ShockNodeError(f"the server loses the index {name!r} of {node_id}", hint="try it again when it is idle")

    def _ready(self, node_id: str, name: str, before: Index | None, patience: _Patience) -> Index | None:
        """Wait until an index is usable and another one than `before`; None if the server has lost it (§0.6)."""
        lost_since: float | None = None
        while True:
            node = self._server.node(node_id)
            index = node.indexes.get(name)
            if (
                index is not None
                and _is_done(node_id, name, index)
                and _is_usable(name, index, node)
                and index != before
            ):
                return index
            if index is not None and index.locked:
                lost_since = None
            elif lost_since is None:
                lost_since = time.monotonic()
            elif time.monotonic() - lost_since > _GRACE_SECONDS:
                return index if index is not None and index == before else None
            patience.wait()


def name_of(kind: str, number: int | None = None) -> str:
    """Return what the server calls the index that it builds of a kind: each column has one of its own."""
    return kind if number is None else f"{kind}{number}"


class _Patience:
    """Waits a little longer each time, and no longer than `timeout` seconds in all."""

    def __init__(self, server: Server, what: str, timeout: float) -> None:
        self._server, self._what, self._timeout = server, what, timeout
        self._step = _FIRST_WAIT
        self._started = time.monotonic()

    def wait(self) -> None:
        """Wait a step. Raises NetworkError when the time is over."""
        if time.monotonic() - self._started > self._timeout:
            raise NetworkError(f"{self._what} is not ready after {self._timeout:g} s", hint="hca shock index wait ID")
        self._server.session.wait(self._step)
        self._step = min(self._step * 1.5, _MOST_WAIT)


def _is_done(node_id: str, name: str, index: Index) -> bool:
    """Tell whether the server has ended its work at an index. Raises ShockNodeError if in vain."""
    if index.locked is None:
        return True
    if index.locked.error:
        raise ShockNodeError(
            f"the server could not build the index {name!r} of {node_id}: {index.locked.error}",
            hint="most servers keep a failed index until they are started again",
        )
    return False


def _is_usable(name: str, index: Index, node: Node) -> bool:
    # What samtools uses has no units.
    has_units = index.total_units > 0 or name == _UNLISTED or node.file.size == 0
    return index.locked is None and index.created_on is not None and has_units


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} can't be the name of an index", hint="letters, digits, dots, - and _ can")


def _form(fields: list[tuple[str, str]], field: str, content: Any) -> Any:
    from hca_shock.forms import FilePart, Form

    return Form(fields, [FilePart(field, field, content)])
