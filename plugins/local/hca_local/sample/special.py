"""Bundles of the sample dataset with something unusual: a history, odd names, many files, a deletion."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hca_local.sample import documents, streams, values
from hca_local.sample.bundles import NAMES
from hca_local.sample.values import SampleBundle, SampleFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hca_local.sample.documents import Document

MANY_FILES = 1_200
WELLS_PER_PLATE = 384
_TEXT = "text/plain"


def revised(file: SampleFile, day: str, change: Document) -> SampleFile:
    """Return a later version of a metadata file, made on `day`, with the top-level fields of `change`."""
    version = streams.version(f"revision {file.uuid} {day}", day)
    document = json.loads(file.content) | change
    document["provenance"]["update_date"] = f"{version[:13]}:{version[13:15]}:{version[15:21]}Z"
    entity = file.content_type.partition("metadata/")[2].rstrip('"')
    return values.metadata_file(file.uuid, version, entity, document)


def changed(
    bundle: SampleBundle, day: str, files: Mapping[str, SampleFile], without: frozenset[str] = frozenset()
) -> SampleBundle:
    """Return a later version of `bundle`, made on `day`: `files` replaced or added, the names in `without` gone."""
    names = {name: file for name, file in bundle.files if name not in without} | dict(files)
    return SampleBundle(bundle.uuid, streams.version(f"bundle {bundle.uuid} {day}", day), tuple(names.items()))


def recounted(bundle: SampleBundle, day: str) -> SampleBundle:
    """Return a later version of `bundle` in which the cells were counted again."""
    suspension = dict(bundle.files)[NAMES["cell_suspension"]]
    cells = streams.number(f"recount {bundle.uuid} {day}", 1_000, 9_000)
    return changed(bundle, day, {NAMES["cell_suspension"]: revised(suspension, day, {"estimated_cell_count": cells})})


def shrinking_history(bundle: SampleBundle) -> list[SampleBundle]:
    """Return three versions of a bundle: a data file comes with the second and is gone in the third."""
    note = _text_file(f"notes {bundle.uuid}", "2019-09-02", "Counted twice; see the second version.\n")
    second = changed(recounted(bundle, "2019-09-02"), "2019-09-02", {"notes.txt": note})
    third = changed(recounted(second, "2019-10-07"), "2019-10-07", {}, frozenset({"notes.txt"}))
    return [bundle, second, third]


def oddly_named(bundle: SampleBundle) -> SampleBundle:
    """Return `bundle` with an analysis: nested names, blanks, non-ASCII and URL characters, an empty file, a copy.

    Its analysis_process_0.json is too large for the service to have it ready at the first request.
    """
    rows = "".join(f"cell_{row},{streams.number(f'genes {row}', 500, 5000)}\n" for row in range(40))
    owner, day = bundle.uuid, bundle.version[:10]
    files = {
        "analysis_process_0.json": _analysis_process(owner, day),
        "analysis/qc/metrics.csv": _text_file(f"metrics {owner}", day, f"cell,genes\n{rows}", "text/csv"),
        "analysis/qc/notes for print.txt": _text_file(f"print {owner}", day, "Nothing unusual.\n"),
        "analysis/copy of notes for print.txt": _text_file(f"copy {owner}", day, "Nothing unusual.\n"),
        "analysis/Übersicht/größe.txt": _text_file(f"size {owner}", day, "1,75 µm\n"),
        "R&D plan #1 (100%).txt": _text_file(f"plan {owner}", day, "All of it.\n"),
        "empty.txt": _text_file(f"empty {owner}", day, ""),
    }
    return SampleBundle(bundle.uuid, bundle.version, (*bundle.files, *files.items()))


def many_files(bundle: SampleBundle) -> SampleBundle:
    """Return `bundle` with small text files, so many that there are 1,200 files in all."""
    day = bundle.version[:10]
    wells = {}
    for number in range(MANY_FILES - len(bundle.files)):
        plate, well = divmod(number, WELLS_PER_PLATE)
        row, column = divmod(well, 24)
        name = f"wells/plate_{plate + 1}/{chr(ord('A') + row)}{column + 1:02d}.txt"
        cells = streams.number(f"well {name}", 0, 60)
        wells[name] = _text_file(f"{name} {bundle.uuid}", day, f"{name}\ncells\t{cells}\n")
    return SampleBundle(bundle.uuid, bundle.version, (*bundle.files, *wells.items()))


def _text_file(name: str, day: str, text: str, media_type: str = _TEXT) -> SampleFile:
    return values.data_file(streams.uuid(name), streams.version(name, day), media_type, text.encode())


def _analysis_process(owner: str, day: str) -> SampleFile:
    content: Document = {
        "process_core": {"process_id": f"analysis_{owner}"},
        "type": {"text": "analysis"},
        "process_type": {"text": "analysis"},
        "input_bundles": [owner],
        "tasks": [
            {"task_name": f"align_{task}", "cpus": 2, "memory": "7.5 GB", "log": "done\n" * 20} for task in range(120)
        ],
    }
    return documents.file("analysis_process", owner, day, content)
