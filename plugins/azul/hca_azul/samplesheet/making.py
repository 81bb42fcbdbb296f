"""Making a sample sheet: choose reads, pair them, place them, write (contract §18)."""

from __future__ import annotations

import csv
import io
import os
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from hca_azul.download import places
from hca_azul.samplesheet import lanes as lane_index
from hca_azul.samplesheet import naming, pairing, placing, reads, samples, sheets
from hca_core import log
from hca_core.errors import UsageError
from hca_core.transfer import outputs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hca_azul.rows import Row
    from hca_azul.samplesheet.pairing import Lane
    from hca_azul.samplesheet.reads import Read

_ORIGINALS = ("path", "original_name", "uuid", "sha256")


@dataclass(frozen=True)
class Order:
    """What to make: a sheet for one of sheets.SHEETS at path `to`, of what was downloaded to `download_dir`.

    `layout` is that of the download. `how` (placing.LINK, placing.COPY or "") makes files with names that every
    pipeline takes, below `folder` (fastqs beside the sheet, if it is ""). `verbatim` is a manifest that tells lanes.
    `check` wants all files to be there.
    """

    target: str
    to: str
    download_dir: str
    layout: str = "project"
    how: str = ""
    folder: str = ""
    strandedness: str | None = None
    split_shared: bool = False
    verbatim: str | None = None
    check: bool = True

    @property
    def table(self) -> str:
        """Where the table of samples is written: beside the sheet."""
        return os.path.join(os.path.dirname(self.to), "samples.tsv")


@dataclass(frozen=True)
class Made:
    """What was made: paths and counts; `fastqs` is None where files stay where they were downloaded to."""

    sheet: str
    samples_table: str
    fastqs: str | None
    samples: int
    runs: int
    lanes: int
    files: int

    def document(self) -> dict[str, Any]:
        """Return it as a document."""
        return asdict(self)


def make(rows: Iterable[Row], order: Order) -> Made:
    """Write a sheet and its samples.tsv. `rows` is gone through twice.

    Nothing is written unless all reads pair up and are there. Raises UsageError, AzulError, NotFoundError, OSError.
    """
    sheet = sheets.SHEETS[order.target]
    strandedness = sheets.strandedness_for(order.target, order.strandedness)
    how = order.how or (placing.LINK if sheet.links else "")
    if how and not order.check:
        raise UsageError("files that are not there can't be linked or copied", hint="leave out --no-check")
    _check_outputs(order, sheet.columns, sheet.delimiter)
    found = reads.reads_of(places.resolved(rows, order.layout))
    placing.check_compressed(found)
    _warn_of_doubles(found)
    known = lane_index.index_of(order.verbatim) if order.verbatim else {}
    lanes = pairing.lanes_of(reads.of_samples(found, split_shared=order.split_shared), known)
    sheets.check(order.target, lanes)
    names = naming.safe({lane.sample for lane in lanes})
    folder = os.path.abspath(order.folder or os.path.join(os.path.dirname(order.to), "fastqs")) if how else None
    where = _linked(found, lanes, names, order, folder, how) if folder else _as_downloaded(found, order)
    told = sheets.Told(lanes, names, where, strandedness)
    _write(order.to, sheet.columns, sheet.lines(told), sheet.delimiter)
    _write(order.table, samples.COLUMNS, samples.lines(lanes, names), "\t")
    runs = {(lane.sample, lane.run) for lane in lanes}
    return Made(order.to, order.table, folder, len(names), len(runs), len(lanes), len(found))


def _as_downloaded(found: list[Read], order: Order) -> sheets.Where:
    """Return where files are if they stay where they were downloaded to. Raises NotFoundError, AzulError."""
    downloaded = placing.Downloaded(order.download_dir, order.check)
    downloaded.check(found, downloaded.place)
    for read in found:
        placing.check_path(downloaded.place(read))
    return lambda _, read: downloaded.place(read)


def _linked(
    found: list[Read], lanes: list[Lane], names: dict[str, str], order: Order, folder: str, how: str
) -> sheets.Where:
    """Make links or copies below `folder`, and return where they are. Raises NotFoundError, HCAError, OSError."""
    placing.check_folder(folder)
    downloaded = placing.Downloaded(order.download_dir)
    downloaded.check(found, downloaded.content)
    made: dict[tuple[str, str, int, str], str] = {}
    originals = []
    for lane, read, name in placing.names_of(lanes, names):
        target = os.path.join(folder, name)
        placing.put(downloaded.content(read), target, read, how)
        made[lane.sample, lane.run, lane.number, read.kind] = target
        originals.append((name, read.name, read.uuid, read.sha256))
    _write(os.path.join(folder, "originals.tsv"), _ORIGINALS, originals, "\t")
    return lambda lane, read: made[lane.sample, lane.run, lane.number, read.kind]


def _warn_of_doubles(found: list[Read]) -> None:
    """Tell of files with one content: their reads would be counted twice."""
    seen: dict[str, Read] = {}
    for read in found:
        first = seen.setdefault(read.sha256 or read.uuid, read)
        if first is not read:
            log.logger().warning("%s and %s have the same content; remove one from the manifest", first.name, read.name)


def _check_outputs(order: Order, columns: tuple[str, ...], delimiter: str) -> None:
    """Raise UsageError where a file of another kind would be replaced."""
    if os.path.exists(order.to) and not outputs.is_file(order.to):
        raise UsageError(f"{order.to} is not a file; the sheet needs one, as samples.tsv lies beside it")
    if outputs.are_one([order.to, order.table]):
        raise UsageError(f"samples.tsv is what describes the samples; call the sheet otherwise than {order.to}")
    outputs.check(order.to, "the sheet", re.compile(re.escape(delimiter.join(columns).encode()) + rb"\r?\n"))
    known = re.compile(re.escape("\t".join(samples.COLUMNS).encode()) + rb"\r?\n")
    outputs.check(order.table, "the table of samples", known)


def _write(path: str, columns: tuple[str, ...], lines: Iterable[tuple[str, ...]], delimiter: str) -> None:
    """Replace a file by a table, whole. Raises OSError."""
    with outputs.replacing(path) as stream:
        text = io.TextIOWrapper(cast("BinaryIO", stream), encoding="utf-8", newline="")
        writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(tuple(_line(cell) for cell in line) for line in lines)
        text.detach()  # which writes what is left; the stream is closed by who opened it


def _line(cell: str) -> str:
    # Readers of tables that know no quotes would take the rest of the cell for another line.
    return " ".join(cell.split()) if any(one in cell for one in "\r\n\t") else cell
