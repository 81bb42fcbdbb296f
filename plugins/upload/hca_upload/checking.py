"""Comparing files of this machine with those of an area: their sizes, ETags and the checksums that the service has."""

from __future__ import annotations

import os
import re
import threading
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from hca_core import progress
from hca_core.checksums import BLOCK, Summer
from hca_core.errors import UsageError
from hca_core.workers import side_by_side
from hca_upload import sources, storage
from hca_upload.api import NAMES_A_REQUEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hca_core.checksums import Checksums
    from hca_core.files import StrPath
    from hca_core.s3.bucket import Listed
    from hca_upload.area import UploadArea
    from hca_upload.sources import Item

Status = Literal["same", "differs", "missing", "extra", "changed", "unknown"]

_SUMS = ("sha256", "crc32c", "sha1", "s3_etag")  # that the service has: all of them or none (contract §5)
_ETAG = re.compile(r"[0-9a-f]{32}(?:-([0-9]+))?")
_MOST_JOBS = 8  # threads that read and hash: more are faster than any disk


class Row(NamedTuple):
    """What was found out on one file.

    `status` is same, differs, missing (not in the area), extra (in the area, not here), changed (while it was read) or
    unknown; `detail` says why. `size` in bytes is that of the file here, of an extra one that in the area.
    """

    name: str
    status: Status
    size: int
    detail: str


def compared(
    area: UploadArea,
    paths: Sequence[StrPath],
    *,
    file_extension: str | None = None,
    flatten: bool = False,
    jobs: int | None = None,
    bar: bool = False,
) -> Iterator[Row]:
    """Yield what is found out on each file that `paths` mean, in any order, then on what else is in `area`.

    Files are compared by size and by the ETag that our part sizes give. One that was sent in other parts is compared by
    the service's checksums, which must be the same for all files that they exist for. Each file is read once, and not
    at all if its size tells.

    Parameters: `paths` are files and directories; `file_extension` and `flatten` as for an upload, and the first also
        limits what is told to be extra. `jobs` is how many files are read side by side.
    Raises UsageError that tells all that is wrong with the paths at once; HCAError while rows are taken.
    """
    if jobs is not None and jobs < 1:
        raise UsageError(f"{jobs} files can't be read side by side", hint="1 or more")
    here, remote = sources.split(paths)
    if remote:
        raise UsageError(f"{remote[0]!r} is not on this machine, and only what is can be compared")
    items = sources.local(here, file_extension=file_extension, flatten=flatten)
    ending = sources.suffix(file_extension) if file_extension is not None else ""
    return _rows(area, items, ending, jobs or min(os.cpu_count() or 1, _MOST_JOBS), bar)


class _Pair(NamedTuple):
    """A file, the object of its name if there is one, and the service's checksums of that if there are any."""

    item: Item
    there: Listed | None
    sums: dict[str, str]


def _rows(area: UploadArea, items: Sequence[Item], ending: str, jobs: int, bar: bool) -> Iterator[Row]:
    there = _listed(area)
    to_read = sum(item.size for item in items if item.name in there and there[item.name].size == item.size)
    stopped = threading.Event()
    with progress.bytes_bar(to_read, enabled=bar) as count:
        pairs = _pairs(area, items, there)
        # Who takes no more rows closes this generator, and so that one, which stops its threads.
        yield from side_by_side(
            pairs, lambda pair: _compared(pair, stopped, count), jobs=jobs, stopped=stopped, name="check"
        )
    for name, one in there.items():  # what no file here was found for
        if name.endswith(ending):
            yield Row(name, "extra", one.size, "it is not here")


def _listed(area: UploadArea) -> dict[str, Listed]:
    prefix = area.key_prefix
    found = {one.key.removeprefix(prefix): one for one in storage.opened(area).listed(prefix)}
    found.pop("", None)  # some tools make an object for the area itself
    return found


def _pairs(area: UploadArea, items: Sequence[Item], there: dict[str, Listed]) -> Iterator[_Pair]:
    """Yield each file with what the area has of its name, which is taken out of `there`."""
    left = iter(items)
    while page := list(islice(left, NAMES_A_REQUEST)):
        pairs = [(item, there.pop(item.name, None)) for item in page]
        sums = _sums(area, [item.name for item, one in pairs if one and one.size == item.size])
        yield from (_Pair(item, one, sums.get(item.name, {})) for item, one in pairs)


def _sums(area: UploadArea, names: list[str]) -> dict[str, dict[str, str]]:
    """Return the checksums that the service has, by name."""
    infos = area.api.files_known(area.uuid, names)
    return {name: sums for name, info in zip(names, infos, strict=True) if (sums := _sums_of(info))}


def _sums_of(info: Any) -> dict[str, str]:
    told = info.get("checksums") if isinstance(info, dict) else None
    if not isinstance(told, dict) or not all(isinstance(told.get(name), str) for name in _SUMS):
        return {}
    return {name: told[name].lower() for name in _SUMS}


def _compared(pair: _Pair, stopped: threading.Event, count: Callable[[int], None]) -> Row:
    item, there, known = pair
    if there is None:
        return Row(item.name, "missing", item.size, "it is not in the area")
    if there.size != item.size:
        return Row(item.name, "differs", item.size, f"the one in the area has {there.size} bytes")
    try:
        sums = _read(item, stopped, count)
    except OSError as error:
        return Row(item.name, "unknown", item.size, f"it can't be read: {error.strerror}")
    if sums is None:
        return Row(item.name, "changed", item.size, "it changed while it was read")
    status, detail = _judged(sums, there.etag, known)
    return Row(item.name, status, item.size, detail)


def _read(item: Item, stopped: threading.Event, count: Callable[[int], None]) -> Checksums | None:
    """Return the checksums of a file, None if it is not as it was when it was listed. Raises OSError."""
    summer = Summer(item.size)
    at = 0
    with open(item.path, "rb", buffering=0) as stream:
        while at < item.size and (block := stream.read(BLOCK)):
            if stopped.is_set():
                raise KeyboardInterrupt
            summer.update(block)
            at += len(block)
            count(len(block))
        now = os.fstat(stream.fileno())
    if (at, now.st_size, now.st_mtime_ns) != (item.size, item.size, item.changed):
        return None
    return summer.result()


def _judged(sums: Checksums, etag: str, known: dict[str, str]) -> tuple[Status, str]:
    """Return what follows from a file's checksums, its object's ETag, and what the service knows (nothing, or all)."""
    others = [name for name, value in known.items() if value != getattr(sums, name)]
    if others:
        return "differs", f"the service has another {', '.join(others)}"
    if etag == sums.s3_etag:
        return "same", ""
    if _part_count(etag) == _part_count(sums.s3_etag):
        if known:  # its content may be newer than these checksums, or encrypted, so that the ETag says nothing
            return "unknown", "S3 has another ETag, but the service has the same checksums"
        return "differs", "S3 has another ETag"
    if known:
        return "same", "by the service's checksums: it was sent in other parts"
    return "unknown", "it was sent in other parts, and the service has no checksums of it yet"


def _part_count(etag: str) -> int | None:
    """Return how many parts an object was sent in, None if its ETag does not tell."""
    match = _ETAG.fullmatch(etag)
    return int(match[1] or 0) if match else None
