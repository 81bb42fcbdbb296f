"""Slices: pieces of a node's file, by bytes, by the units of an index, or by regions of a genome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_core.errors import IntegrityError, UsageError
from hca_shock.errors import ShockApiError, ShockLockedError, ShockNodeError
from hca_shock.index import reading
from hca_shock.transfer import streaming
from hca_shock.transfer.getting import locked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hca_shock.node import Node
    from hca_shock.server import Server

    Blocks = Iterator[bytes]
    Part = int | tuple[int, int]
    Ask = list[tuple[str, str | None]]

FILTERS = ("fq2fa", "anonymize")
COMPRESSIONS = ("gzip", "zip")
CHUNK_SIZE = 1024 * 1024  # bytes of a part of a file, where nothing else is said


class Slices:
    """Gives pieces of files as iterators of bytes.

        for block in slices.lines(node_id, 1, 100):
            file.write(block)

    What is asked for is compared with what the server knows of the node before it is asked for: the server answers with
    nothing where there is nothing. All methods take `filter` (fq2fa: FASTQ becomes FASTA; anonymize: sequences get new
    names) and `compression` (gzip, zip) of the answer, and raise UsageError, ShockNodeError for an index that is not
    there, IntegrityError for an answer that is too short, NetworkError, ShockApiError.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def bytes(
        self,
        node_id: str,
        seek: int = 0,
        length: int | None = None,
        *,
        filter: str | None = None,
        compression: str | None = None,
    ) -> Blocks:
        """Yield `length` bytes from `seek` on (None: to the end), fewer only where the file ends.

        The whole file is compared with its md5 at the end.
        """
        changed = asked_changes(filter, compression)
        if seek < 0 or (length is not None and length < 0):
            raise UsageError("a place and a length can't be negative")
        node = self._with_file(node_id)
        size = node.file.size
        if seek >= max(size, 1):
            raise UsageError(f"the file of {node_id} has {size} bytes; there is nothing at byte {seek}")
        end = size if length is None else min(size, seek + length)
        whole = (seek, end) == (0, size)
        if node.type == "subset" and not whole:
            raise UsageError(f"{node_id} is a subset of another file; the server gives it whole, or by its index")
        if not changed and whole:
            return streaming.blocks(self._server, node)
        if not changed:
            return reading.span(self._server, node_id, seek, end)
        place: Ask = [] if whole else [("seek", str(seek)), ("length", str(end - seek))]
        return self._told(node, [*place, *changed], expects=end > seek)

    def part(
        self,
        node_id: str,
        parts: Part | Sequence[Part],
        chunk_size: int = CHUNK_SIZE,
        *,
        filter: str | None = None,
        compression: str | None = None,
    ) -> Blocks:
        """Yield parts of `chunk_size` bytes, the first one is 1: one, a range (2, 5), or several of them."""
        changed = asked_changes(filter, compression)
        if chunk_size < 1:
            raise UsageError("a part has at least one byte")
        node = self._with_file(node_id)
        size = node.file.size
        ranges = _ranges(parts, -(-size // chunk_size), f"parts of {chunk_size} bytes of {node_id}")
        expected = sum(min(last * chunk_size, size) - (first - 1) * chunk_size for first, last in ranges)
        place: Ask = [("index", "size"), ("chunk_size", str(chunk_size)), *_asked(ranges)]
        return self._told(node, [*place, *changed], expects=True, exactly=None if changed else expected)

    def lines(self, node_id: str, first: int, last: int | None = None, **changes: str | None) -> Blocks:
        """Yield the lines from `first` to `last` (None: only the first); the index `line` finds them."""
        return self.units(node_id, "line", [(first, first if last is None else last)], **changes)

    def records(self, node_id: str, first: int, last: int | None = None, **changes: str | None) -> Blocks:
        """Yield sequence records from `first` to `last` (None: only the first); the index `record` finds them."""
        return self.units(node_id, "record", [(first, first if last is None else last)], **changes)

    def units(
        self,
        node_id: str,
        index: str,
        parts: Part | Sequence[Part] = (),
        *,
        filter: str | None = None,
        compression: str | None = None,
    ) -> Blocks:
        """Yield units of an index: one (the first is 1), a range (2, 5), or several; without them all of a subset."""
        changed = asked_changes(filter, compression)
        node = self._with_file(node_id)
        found = node.indexes.get(index)
        if found is None:
            has = ", ".join(sorted(node.indexes)) or "none"
            raise ShockNodeError(
                f"{node_id} has no index {index!r} (it has: {has})", hint=f"hca shock index build {node_id} {index}"
            )
        if found.locked:
            raise ShockNodeError(
                f"the index {index!r} of {node_id} {_state(found.locked.error)}",
                hint=f"hca shock index wait {node_id} {index}",
            )
        ranges = (
            _ranges(parts, found.total_units, f"units in the index {index!r} of {node_id}")
            if parts or parts == 0
            else []
        )
        return self._told(node, [("index", index), *_asked(ranges), *changed], expects=True)

    def bam(
        self,
        node_id: str,
        *,
        region: str | None = None,
        header: bool = False,
        header_only: bool = False,
        count: bool = False,
        flag: int | None = None,
        library: str | None = None,
        mapq: int | None = None,
        readgroup: str | None = None,
        filter: str | None = None,
        compression: str | None = None,
    ) -> Blocks:
        """Yield alignments of a sorted BAM file as SAM text; samtools on the server finds them by the index `bai`.

        Parameters: `region` as in chr1:1-20000; `header` with the header, `header_only` nothing else, `count` their
        number instead; only those with all bits of `flag`, of a `library`, with a quality of at least `mapq`, of a
        `readgroup`.
        """
        changed = asked_changes(filter, compression)
        texts = {"region": region, "lib": library, "readgroup": readgroup}
        for name, text in texts.items():
            if text is not None and (not text or text.startswith("-")):
                raise UsageError(f"{text!r} can't be a {name}: the server would take it for an option of samtools")
        numbers = {"flag": flag, "mapq": mapq}
        if any(number is not None and number < 0 for number in numbers.values()):
            raise UsageError("flag and mapq can't be negative")
        node = self._with_file(node_id)
        bare = [("head", header), ("headonly", header_only), ("count", count)]
        params: Ask = [("index", "bai"), *((name, None) for name, wanted in bare if wanted)]
        params += [(name, str(one)) for name, one in {**texts, **numbers}.items() if one is not None]
        return self._alignments(node, [*params, *changed])

    def _alignments(self, node: Node, params: Ask) -> Blocks:
        try:
            yield from reading.blocks(self._server, node.id, params)
        except ShockApiError as error:
            if error.status != 500:
                raise
            # The server tells nothing more if samtools is missing or fails (service contract §1).
            raise ShockNodeError(
                f"the server can't read alignments of {node.id}",
                hint="it needs samtools, a BAM file sorted by place, and its index: hca shock index build ID bai",
            ) from error

    def _with_file(self, node_id: str) -> Node:
        node = self._server.node(node_id)
        if node.file.locked and node.file.locked.error:
            told = f"the file of {node_id} {_state(node.file.locked.error)}"
            raise ShockLockedError(told, 423, "locked", f"hca shock wait {node_id}")
        if node.file.locked:
            raise locked(node)
        if not node.file.exists and node.type != "subset":
            raise ShockNodeError(f"{node_id} has no file")
        return node

    def _told(self, node: Node, params: Ask, *, expects: bool, exactly: int | None = None) -> Blocks:
        """Yield what the server sends; where there must be something, nothing is an error (contract §0.8, §6)."""
        count = 0
        for block in reading.blocks(self._server, node.id, params):
            count += len(block)
            yield block
        if exactly is not None and count != exactly:
            raise IntegrityError(f"{node.id}: received {count} bytes instead of {exactly}")
        if expects and not count:
            raise IntegrityError(
                f"{node.id}: the server sent nothing for what is there",
                hint="a filter gives nothing for files of another format, and for some slices",
            )


def asked_changes(filter: str | None, compression: str | None) -> Ask:
    """Return what asks for a filter and a compression. Raises UsageError: the server ignores what it does not know."""
    for kind, chosen, known in (("filter", filter, FILTERS), ("compression", compression, COMPRESSIONS)):
        if chosen is not None and chosen not in known:
            raise UsageError(f"the server has no {kind} {chosen!r}", hint=f"there are: {', '.join(known)}")
    asked = (("filter", filter), ("compression", compression))
    return [(name, one) for name, one in asked if one is not None]


def _ranges(parts: Part | Sequence[Part], most: int, what: str) -> list[tuple[int, int]]:
    """Return parts as ranges, each within the 1 to `most` that there are. Raises UsageError."""
    single = isinstance(parts, int) or (isinstance(parts, tuple) and [type(one) for one in parts] == [int, int])
    listed: Iterable[Part] = [parts] if single else parts  # type: ignore[list-item, assignment]
    ranges = [(one, one) if isinstance(one, int) else (one[0], one[1]) for one in listed]
    if not ranges:
        raise UsageError(f"which of the {most} {what} is not said")
    for first, last in ranges:
        if not 1 <= first <= last <= most:
            raise UsageError(f"{_text(first, last)} is not among the {most} {what}", hint="the first one is 1")
    return ranges


def _asked(ranges: Sequence[tuple[int, int]]) -> Ask:
    return [("part", _text(first, last)) for first, last in ranges]


def _text(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _state(error: str) -> str:
    return f"could not be made: {error}" if error else "is being made"
