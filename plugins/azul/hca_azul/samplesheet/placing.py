"""Where the FASTQ files of a sheet are: where they were downloaded to, or links under names that all pipelines take."""

from __future__ import annotations

import filecmp
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hca_azul.errors import AzulError
from hca_azul.samplesheet import naming
from hca_core import files
from hca_core.content import Promise
from hca_core.errors import HCAError, NotFoundError, UsageError
from hca_core.transfer import filestore, links

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hca_azul.samplesheet.pairing import Lane
    from hca_azul.samplesheet.reads import Read

LINK, COPY = "link", "copy"
_TOKENS = {"read1": "R1", "read2": "R2", "read3": "R3", "read4": "R4", "index1": "I1", "index2": "I2"}


@dataclass(frozen=True)
class Downloaded:
    """A download: its directory, and whether its files must be there."""

    directory: str
    must_exist: bool = True

    def place(self, read: Read) -> str:
        """Return the absolute path at which a file was put, "" if the layout has none for it."""
        return os.path.abspath(os.path.join(self.directory, *read.place.split("/"))) if read.place else ""

    def content(self, read: Read) -> str:
        """Return where the bytes of a file are, under whatever name: in its place, else in the store of content."""
        place = self.place(read)
        if (place and os.path.exists(place)) or not read.sha256:
            return place
        return filestore.path(os.path.abspath(self.directory), read.sha256)

    def check(self, reads: Sequence[Read], where: Callable[[Read], str]) -> None:
        """Raise NotFoundError unless all files are there with their size, at the path that `where` tells."""
        if not self.must_exist:
            return
        wrong = [(self.place(read) or read.name, found) for read in reads if (found := _problem(where(read), read))]
        if wrong:
            (first, problem), count = wrong[0], len(wrong)
            raise NotFoundError(
                f"{count} of {len(reads)} files are not there as they should be, the first: {first} ({problem})",
                hint="download them with the same manifest, directory and layout as you name here",
            )


def _problem(path: str, read: Read) -> str:
    if not path:
        return "it has no place in this layout; --link makes one"
    try:
        size = os.stat(path).st_size
    except OSError as error:
        return str(error.strerror)
    return f"{size} bytes rather than {read.size}" if read.size not in (None, size) else ""


def check_compressed(reads: Sequence[Read]) -> None:
    """Raise AzulError if files are not compressed: no pipeline takes such and such in one sheet."""
    plain = [read.name for read in reads if not read.is_compressed]
    if plain:
        raise AzulError(
            f"{len(plain)} FASTQ files are not compressed, the first: {plain[0]}",
            hint="pipelines want .fastq.gz: compress them with gzip, and correct the names in the manifest",
        )


def check_path(path: str) -> None:
    """Raise AzulError unless all pipelines take a path: without white space or comma, and with the right end."""
    if any(one.isspace() or one == "," for one in path):
        problem = "has white space or a comma"
    elif not naming.COMPRESSED.search(path):
        problem = "does not end with .fastq.gz or .fq.gz"
    else:
        return
    raise AzulError(
        f"the path {path!r} {problem}, which pipelines refuse", hint="--link gives files names that they take"
    )


def names_of(lanes: Sequence[Lane], samples: Mapping[str, str]) -> Iterator[tuple[Lane, Read, str]]:
    """Yield each file with the path that Cell Ranger expects, below a folder: RUN/SAMPLE_S1_L001_R1_001.fastq.gz.

    `samples` has the name of each. Runs have folders of their own, as names have no room for them.
    """
    numbers = {sample: number for number, sample in enumerate(dict.fromkeys(lane.sample for lane in lanes), 1)}
    runs = naming.safe({lane.run for lane in lanes})
    for lane in lanes:
        for kind, read in lane.reads.items():
            start = f"{samples[lane.sample]}_S{numbers[lane.sample]}_L{lane.number:03}"
            token = _atac(lane).get(kind) or _TOKENS[kind]
            yield lane, read, os.path.join(runs[lane.run], f"{start}_{token}_001.fastq.gz")


def _atac(lane: Lane) -> dict[str, str]:
    """Return what is called otherwise for ATAC: its barcode read, i5, is R2, and what comes behind is R3."""
    is_indexed = lane.facts.is_by("atac") and "index2" in lane.reads and "read3" not in lane.reads
    return {"index2": "R2", "read2": "R3"} if is_indexed else {}


def put(source: str, target: str, read: Read, how: str) -> None:
    """Make `target` a hard link to `source` (a copy where that can't be), or a copy if `how` is COPY.

    Raises HCAError, OSError.
    """
    if how == LINK:
        links.link(source, target, Promise(read.size, read.sha256 or None))
        return
    if os.path.lexists(target):
        if os.path.isfile(target) and filecmp.cmp(source, target, shallow=False):
            return
        raise HCAError(f"{target} is there and has another content; move it away")
    os.makedirs(os.path.dirname(target), exist_ok=True)
    temporary = files.temporary_beside(target)
    try:
        shutil.copyfile(source, temporary)
        os.replace(temporary, target)
    except BaseException:
        if os.path.lexists(temporary):
            os.unlink(temporary)
        raise


def check_folder(folder: str) -> None:
    """Raise UsageError if there can't be links below `folder` that pipelines take."""
    if any(one.isspace() for one in os.path.abspath(folder)) or "," in os.path.abspath(folder):
        raise UsageError(
            f"pipelines refuse paths such as {folder!r}, with white space or a comma", hint="name another one"
        )
