"""Whether what was downloaded is still what a manifest or a lock file says, without a request."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from hca_azul.download import places
from hca_core import workers
from hca_core.checksums import BLOCK, Crc32c
from hca_core.errors import NotFoundError
from hca_core.transfer import filestore, outputs
from hca_core.transfer.findings import Findings as BaseFindings
from hca_core.transfer.findings import add_sum

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hca_azul.rows import Row
    from hca_core.progress import Bar


@dataclass
class Findings(BaseFindings):
    """What was found: counts, and what is wrong.

    Of `unproven` files nobody knows a digest, so only their sizes were seen; of `unavailable` ones no service has the
    bytes, so they can't be here.
    """

    directory: str
    files: int = 0
    bytes: int = 0
    missing_files: int = 0
    unavailable_files: int = 0
    unproven_files: int = 0
    wrong_files: int = 0
    wrong: list[dict[str, str]] = field(default_factory=list)


def verify(
    rows: Iterable[Row],
    directory: str,
    *,
    layout: str,
    jobs: int,
    sums: str = "",
    ignore_missing: bool = False,
    bar: Bar | None = None,
) -> Findings:
    """Read all files of `rows` below `directory`, with `jobs` threads, and return what was found.

    Parameters: `rows` are gone through twice; `layout` is that of the download; `sums` is where to write what
    `sha256sum -c` reads, if not empty, with names as seen from `directory`. `ignore_missing`: what is not there is no
    fault. Raises NotFoundError if there is no such directory, UsageError if `sums` can't be written, OSError.
    """
    if not os.path.isdir(directory or "."):
        raise NotFoundError(f"there is no directory {directory}", hint="name the directory that was downloaded to")
    if sums:
        outputs.check(sums, "the checksums", outputs.SUMS)
    findings = Findings(directory)
    with ExitStack() as open_now:
        stream = open_now.enter_context(outputs.replacing(sums)) if sums else None
        expected = _expected(findings, rows, layout, stream, ignore_missing=ignore_missing)
        for path, done in workers.side_by_side(expected, _checked, jobs=jobs, name="verify"):
            findings.files += 1
            findings.bytes += done.size
            if bar:
                bar(done.size)
                bar.file()
            if done.problem:
                findings.note(path, done.problem)
    return findings


def _expected(
    findings: Findings, rows: Iterable[Row], layout: str, sums: IO[bytes] | None, *, ignore_missing: bool
) -> Iterator[tuple[Row, str]]:
    """Yield each file with its path."""
    for row, place in places.resolved(rows, layout):
        path = path_of(findings.directory, row, place)
        if not os.path.lexists(path):
            if not (row.mirror_uri or row.azul_url or row.drs_uri):
                findings.unavailable_files += 1
                continue
            findings.missing_files += 1
            if ignore_missing:
                continue
        findings.unproven_files += not row.sha256 and not row.crc32c
        if sums is not None and row.sha256:
            add_sum(sums, path, row.sha256, findings.directory)
        yield row, path


def usual_layout(rows: Iterable[Row]) -> str:
    """Return the layout of a download of a manifest without options: of one for curl, which tells no sizes, curl's."""
    first = next(iter(rows), None)
    return "bundle" if first is not None and first.size is None and not first.sha256 else "project"


def path_of(directory: str, row: Row, place: str) -> str:
    """Return where a download puts a file: at its place, or without one in the store, or by its UUID."""
    if place:
        return os.path.join(directory, *place.split("/"))
    return filestore.path(directory, row.sha256) if row.sha256 else os.path.join(directory, row.uuid)


def _checked(one: tuple[Row, str]) -> tuple[str, filestore.Checked]:
    row, path = one
    if row.sha256:
        return path, filestore.checked(path, _size(row, path), row.sha256)
    return path, _without_sha256(row, path)


def _size(row: Row, path: str) -> int:
    """Return the size that a file must have; that which it has, if nobody told one."""
    if row.size is not None:
        return row.size
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def _without_sha256(row: Row, path: str) -> filestore.Checked:
    """Compare what there is to compare: the size, and the crc32c if it is told."""
    size = _size(row, path)
    try:
        if not os.path.isfile(path):
            return filestore.Checked(path, size, "is not a file" if os.path.lexists(path) else "is missing")
        found = os.stat(path).st_size
        if found != size:
            return filestore.Checked(path, size, f"has {found} bytes, but should have {size}")
        crc32c = _crc32c(path) if row.crc32c else ""
    except OSError as error:
        return filestore.Checked(path, size, f"can't be read: {error.strerror}", is_known=False)
    problem = "" if crc32c == row.crc32c else f"has crc32c {crc32c}, but should have {row.crc32c}"
    return filestore.Checked(path, size, problem)


def _crc32c(path: str) -> str:
    checksum = Crc32c()
    with open(path, "rb") as stream:
        while block := stream.read(BLOCK):
            checksum.update(block)
    return str(checksum.digest().hex())
