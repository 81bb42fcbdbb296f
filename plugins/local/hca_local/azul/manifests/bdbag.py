"""The bag for Terra: a zip with one table, a row for each bundle; newer catalogs have no such format (contract §7)."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections import Counter
from typing import TYPE_CHECKING

from hca_local.azul.manifests.columns import columns
from hca_local.azul.manifests.compact import cell
from hca_local.azul.manifests.rows import rows

if TYPE_CHECKING:
    from typing import BinaryIO

    from hca_local.azul.manifests.rows import Row, Selection

_TABLE = "data/participants.tsv"
_BUNDLE = ("bundle_uuid", "bundle_version")
_OF_FILES = "file_"


def write(selection: Selection, file: BinaryIO) -> None:
    """Write the bag of `selection` to `file`."""
    table = _table(selection)
    members = {
        "bagit.txt": b"BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n",
        "bag-info.txt": f"Payload-Oxum: {len(table)}.1\n".encode(),
        "manifest-md5.txt": f"{hashlib.md5(table, usedforsecurity=False).hexdigest()}  {_TABLE}\n".encode(),
        _TABLE: table,
    }
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bag:
        for name, content in members.items():
            bag.writestr(zipfile.ZipInfo(f"manifest/{name}"), content)


def _table(selection: Selection) -> bytes:
    participants: dict[tuple[str, str], dict[str, str]] = {}
    seen: dict[tuple[str, str], Counter[str]] = {}
    for row in rows(selection.files):
        cells = {column.name: cell(column.values(row)) for column in columns(selection)}
        for bundle in row.file.bundles:
            key = (bundle.uuid, bundle.version)
            counts = seen.setdefault(key, Counter())
            participant = participants.setdefault(key, dict(zip(_BUNDLE, key, strict=True)))
            prefix = _prefix(row, counts)
            for name, text in cells.items():
                if name.startswith(_OF_FILES):
                    participant[f"{prefix}{name}"] = text
                elif name not in _BUNDLE:
                    participant.setdefault(name, text)
    names = list(dict.fromkeys(name for participant in participants.values() for name in participant))
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, names or _BUNDLE, dialect="excel-tab", restval="")
    writer.writeheader()
    writer.writerows(participants.values())
    return table.getvalue().encode()


def _prefix(row: Row, counts: Counter[str]) -> str:
    """Return what the columns of a file begin with: what it is, and its number if it is not the first of that."""
    qualifier = row.file.format
    if row.file.read_index and "fastq" in qualifier:
        qualifier = f"fastq_{row.file.read_index}"
    counts[qualifier] += 1
    number = counts[qualifier]
    return f"__{qualifier}__" if number == 1 else f"__{qualifier}_{number}__"
