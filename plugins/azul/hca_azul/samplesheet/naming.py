"""What names of FASTQ files tell of reads and lanes, and names that every pipeline takes (contract §18)."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

READS = ("read1", "read2", "read3", "read4", "index1", "index2")
# What else `read_index` may say; it is an open set, so that everything else is left to the name.
_KINDS = {**{read: read for read in READS}, "single-end": "read1"}
FASTQ = re.compile(r"\.f(?:ast)?q(?:\.gz)?$", re.IGNORECASE)
# What nf-core's pipelines ask of the end of a path: small letters, and compressed.
COMPRESSED = re.compile(r"\.f(?:ast)?q\.gz$")
_TOKEN = re.compile(r"(?<![A-Za-z0-9])(?:(R|read)([1-4])|(I|index)([12]))(?![A-Za-z0-9])", re.IGNORECASE)
_LAST_DIGIT = re.compile(r"[._-]([1-4])$")
_LANE = re.compile(r"_L(\d{3})(?=[_.])")
_DIGIT_LANE = re.compile(r"[._-]L?(\d)(?=[._-])")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST = 64  # characters that Cell Ranger takes of an id
_FORMAT = re.compile(r"\.?f(?:ast)?q(?:\.gz)?", re.IGNORECASE)


def is_fastq(name: str, file_format: str) -> bool:
    """Tell whether a file has reads as FASTQ, by its name or its format."""
    return bool(FASTQ.search(name) or _FORMAT.fullmatch(file_format.strip()))


def by_index(read_index: str) -> str:
    """Return which of READS a cell `read_index` means, "" if it does not tell."""
    return _KINDS.get(read_index.strip().lower().replace(" ", ""), "")


def by_name(name: str) -> str:
    """Return which of READS a file's name tells, "" if none."""
    bare = FASTQ.sub("", name)
    found = list(_TOKEN.finditer(bare))
    if found:
        last = found[-1]
        return f"read{last[2]}" if last[1] else f"index{last[4]}"
    digit = _LAST_DIGIT.search(bare)
    return f"read{digit[1]}" if digit else ""


def stem(name: str) -> str:
    """Return a name without what tells the read: the same for all reads that belong together."""
    bare = FASTQ.sub("", name)
    found = list(_TOKEN.finditer(bare))
    if found:
        return bare[: found[-1].start()] + bare[found[-1].end() :]
    return _LAST_DIGIT.sub("", bare)


def stem_by_end(name: str) -> str:
    """Return a name without a digit at its end; for names that have R1 or I1 as something else (`R1_SRR1_2`)."""
    return _LAST_DIGIT.sub("", FASTQ.sub("", name))


def lane(name: str) -> int | None:
    """Return the lane that a name tells as Illumina's programs write it: `_L001_`."""
    found = _LANE.search(name)
    return int(found[1]) if found else None


def digit_lane(name: str) -> int | None:
    """Return what may be the lane: a digit between points, lines or underscores, which is not that of the read."""
    found = _DIGIT_LANE.search(stem(name) + ".")
    return int(found[1]) if found else None


def safe(samples: Iterable[str]) -> dict[str, str]:
    """Return names for samples that every pipeline takes: letters, digits, `_` and `-`, a different one for each.

    What had to be changed in a way that two samples could be called the same has a part of its digest behind it.
    """
    plain = {sample: _UNSAFE.sub("_", sample).strip("_") for sample in samples}
    taken = Counter(name.casefold() for name in plain.values())
    return {
        sample: name if name and len(name) <= _LONGEST and taken[name.casefold()] == 1 else _with_digest(sample)
        for sample, name in plain.items()
    }


def _with_digest(sample: str) -> str:
    digest = hashlib.sha256(sample.encode(errors="surrogateescape")).hexdigest()[:8]
    start = _UNSAFE.sub("_", sample).strip("_")[: _LONGEST - 9]
    return f"{start}_{digest}" if start else f"unnamed_{digest}"
