"""Tab-separated tables as manifests are: the reader and writer of the standard library with the right dialect."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def DictReader(f: Iterable[str], **settings: Any) -> csv.DictReader[str]:  # noqa: N802 - the published name
    """Return a reader of the rows of `f` as dictionaries; the first row names the columns."""
    return csv.DictReader(f, **{"dialect": "excel-tab", **settings})


def DictWriter(f: TextIO, fieldnames: Sequence[str], **settings: Any) -> csv.DictWriter[str]:  # noqa: N802
    """Return a writer of dictionaries as rows of `f` with the columns `fieldnames`."""
    return csv.DictWriter(f, fieldnames, **{"dialect": "excel-tab", **settings})
