"""The compact manifest: a table in the `excel-tab` dialect, CRLF at the ends of its lines (contract §0.6, §7)."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from hca_local.azul.manifests.columns import columns
from hca_local.azul.manifests.rows import rows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from hca_local.azul.manifests.rows import Selection

JOINER = " || "
_MOST_VALUES = 100  # of a cell; the rest is cut without a word (#2649)


def write(selection: Selection, file: BinaryIO) -> None:
    """Write the manifest of `selection` to `file`."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text, dialect="excel-tab")
    wanted = columns(selection)
    writer.writerow([column.name for column in wanted])
    for row in rows(selection.files):
        writer.writerow([cell(column.values(row)) for column in wanted])
    text.detach()


def cell(values: Iterable[object]) -> str:
    """Return what a cell shows of `values`: each once, in the order of their texts; null is an empty part."""
    texts = {"" if value is None else str(value) for value in values}
    return JOINER.join(sorted(texts)[:_MOST_VALUES])
