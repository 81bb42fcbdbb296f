"""Whether what was downloaded is still what it should be: bundles by their manifests, the filestore by its names."""

from __future__ import annotations

import json
import os
import re
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, ClassVar, NamedTuple

from hca_core import workers
from hca_core.errors import NotFoundError
from hca_core.transfer import filestore, outputs
from hca_core.transfer.findings import MOST_LISTED, add_sum
from hca_core.transfer.findings import Findings as BaseFindings
from hca_dss.files import DSSFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_core.progress import Bar

MANIFEST = "bundle.json"
_BUNDLE = re.compile(
    r"(?P<uuid>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})\.(?P<version>[A-Za-z0-9][A-Za-z0-9._-]{0,199})"
)


@dataclass
class Findings(BaseFindings):
    """What was found below a directory: counts, what is wrong, and files that no bundle has."""

    directory: str
    files: int = 0
    bytes: int = 0
    bundles: int = 0
    wrong_files: int = 0
    extra_files: int = 0
    wrong: list[dict[str, str]] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    hint: ClassVar[str] = "delete what is wrong (in .hca: hca cache verify --remove), then run the download again"


class _Expected(NamedTuple):
    path: str
    size: int
    sha256: str


def verify(
    directory: str, *, jobs: int, sums: str = "", ignore_missing: bool = False, bar: Bar | None = None
) -> Findings:
    """Check all files that were downloaded into `directory`, with `jobs` threads, and return what was found.

    Parameters: `sums` is where to write what `sha256sum -c` reads, if not empty, with names as seen from `directory`.
    `ignore_missing`: files of a bundle that are not there are no fault; filters may have left them out.

    Raises NotFoundError if nothing was ever downloaded there, UsageError if `sums` can't be written, OSError.
    """
    if not os.path.isdir(directory or "."):
        raise NotFoundError(f"there is no directory {directory}")
    if sums:
        outputs.check(sums, "the checksums", outputs.SUMS)
    findings = Findings(directory)
    check = _checker(findings, directory, jobs, bar)
    has_store = os.path.isdir(os.path.join(directory, filestore.FOLDER))
    with ExitStack() as open_now:
        stream = open_now.enter_context(outputs.replacing(sums)) if sums else None
        if has_store:
            check(_stored(directory, stream))
        check(_laid_out(findings, stream, ignore_missing=ignore_missing))
        if not has_store and not findings.bundles:
            raise NotFoundError(
                f"nothing was downloaded to {directory or '.'}", hint="name the directory that was downloaded to"
            )
    return findings


def _checker(findings: Findings, directory: str, jobs: int, bar: Bar | None) -> Callable[[Iterator[_Expected]], None]:
    """Return what checks files and notes what it finds; it remembers which content of the filestore is wrong."""
    wrong: set[str] = set()

    def work(one: _Expected) -> filestore.Checked:
        stored = _stored_as(one, directory)
        if not stored:
            return filestore.checked(one.path, one.size, one.sha256)
        # It was read where it lies. If it is wrong all of its names are told: deleting only one repairs nothing.
        return filestore.Checked(one.path, 0, f"is a link to {stored}, which is wrong" if stored in wrong else "")

    def check(expected: Iterator[_Expected]) -> None:
        for done in workers.side_by_side(expected, work, jobs=jobs, name="verify"):
            findings.files += 1
            findings.bytes += done.size
            if bar:
                bar(done.size)
                bar.file()
            if done.problem:
                wrong.add(done.path)
                findings.note(done.path, done.problem)

    return check


def _stored_as(one: _Expected, directory: str) -> str:
    """Return the path in the filestore if a file of a bundle is a link to its content there, else ""."""
    stored = filestore.path(directory, one.sha256)
    try:
        found = os.lstat(one.path)
        is_link = stored != one.path and found.st_size == one.size and os.path.samestat(found, os.lstat(stored))
    except OSError:
        return ""
    return stored if is_link else ""


def _stored(directory: str, sums: IO[bytes] | None) -> Iterator[_Expected]:
    for entry in filestore.walk(directory):
        if entry.has_place_of_content:
            one = _Expected(entry.path, entry.found.st_size, entry.sha256)
            # Of what has other names the directories of bundles tell.
            if sums is not None and entry.kind is filestore.Kind.CONTENT and entry.found.st_nlink == 1:
                add_sum(sums, one.path, one.sha256, directory)
            yield one


def _laid_out(findings: Findings, sums: IO[bytes] | None, *, ignore_missing: bool) -> Iterator[_Expected]:
    """Yield the files of all bundles below the directory; what can't be checked is noted."""
    with os.scandir(findings.directory or ".") as listed:
        folders = [entry.name for entry in listed if _BUNDLE.fullmatch(entry.name) and entry.is_dir()]
    for name in sorted(folders):
        folder = os.path.join(findings.directory, name)
        findings.bundles += 1
        try:
            bundle = _read(folder, name)
        except ValueError as error:
            findings.note(os.path.join(folder, MANIFEST), str(error))
            continue
        for one in bundle:
            if ignore_missing and not os.path.lexists(one.path):
                continue
            if sums is not None:
                add_sum(sums, one.path, one.sha256, findings.directory)
            yield one
        _note_extra(findings, folder, {one.path for one in bundle})


def _read(folder: str, fqid: str) -> list[_Expected]:
    """Return the files of a bundle as its manifest lists them. Raises ValueError if it can't be used."""
    match = _BUNDLE.fullmatch(fqid)
    path = os.path.join(folder, MANIFEST)
    if os.path.exists(path) and not os.path.isfile(path):
        raise ValueError("is not a file, so nothing here can be checked")
    try:
        with open(path, encoding="utf-8") as stream:
            document = json.load(stream)
    except OSError as error:
        raise ValueError(f"can't be read, so nothing here can be checked: {error.strerror}") from error
    except (ValueError, RecursionError):
        document = None
    bundle = document.get("bundle") if isinstance(document, dict) else None
    if not match or not isinstance(bundle, dict) or not isinstance(bundle.get("files"), list):
        raise ValueError("is not the manifest of a bundle, so nothing here can be checked")
    if (str(bundle.get("uuid")).lower(), bundle.get("version")) != (match["uuid"].lower(), match["version"]):
        raise ValueError("is the manifest of another bundle, so nothing here can be checked")
    listed = []
    for entry in bundle["files"]:
        file = DSSFile.from_dss_bundle_response(entry, "")
        listed.append(_Expected(os.path.join(folder, *file.name.split("/")), file.size, file.sha256))
    return listed


def _note_extra(findings: Findings, folder: str, known: set[str]) -> None:
    """Note the files of a bundle's directory that it does not list."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            if path not in known and path != os.path.join(folder, MANIFEST):
                findings.extra_files += 1
                if len(findings.extra) < MOST_LISTED:
                    findings.extra.append(path)
