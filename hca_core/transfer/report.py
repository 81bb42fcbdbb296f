"""What a run of transfers did, as a document that counts, and as the error that it ends with if something failed."""

from __future__ import annotations

import json
import os
from collections import Counter
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hca_core.errors import ExitStatus, HCAError, PartialError, UsageError, one_line
from hca_core.transfer import seal
from hca_core.transfer.values import origin_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hca_core.transfer.values import Result, Transfer

MOST_FAILURES = 10_000  # that are kept in memory; the file of failures has all
_MOST_REMEMBERED = 65_536
_MOST_TOLD = 20
_MOST_ALIKE = 5
_MENDED_BY_TIME = {ExitStatus.NETWORK, ExitStatus.INTEGRITY}  # what a service may do right the next time


@dataclass(frozen=True)
class Missing:
    """Something that was asked for and can't be had.

    Parameters: `name` says what, `error` why. `row` is what a later run needs to ask for it again (a `Source.row`).
    """

    name: str
    error: HCAError
    row: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Report:
    """What a run did: counts of distinct files and their bytes, of links and copies made, and what failed.

    `done` counts transfers that did not fail, of which several may be of one file that has several names.
    `sources` counts the fetched files by the origin of their bytes, `elsewhere` those that another source gave than the
    first one that was asked, by the origin of that. `extra` is what the plugin has to add to the document; `planned`,
    if it is not empty, is the outcome of a dry run.
    """

    directory: str
    fetched: int = 0
    present: int = 0
    size: int = 0
    linked: int = 0
    reflinked: int = 0
    copied: int = 0
    done: int = 0
    failed: int = 0
    failures: list[Missing] = field(default_factory=list)
    sources: Counter[str] = field(default_factory=Counter)
    elsewhere: Counter[str] = field(default_factory=Counter)
    extra: dict[str, Any] = field(default_factory=dict)
    planned: dict[str, Any] = field(default_factory=dict)
    _kinds: Counter[ExitStatus] = field(default_factory=Counter, repr=False)
    # Hashes of the targets that were counted, in two halves of which the older one is forgotten when there are many:
    # what comes again only then is counted twice, and memory does not grow with the run.
    _counted: set[int] = field(default_factory=set, repr=False)
    _older: set[int] = field(default_factory=set, repr=False)
    _unlinked: int = field(default=0, repr=False)  # contents that are there, but failed at their link

    def add(self, result: Result) -> None:
        """Count one result."""
        transfer = result.transfer
        if result.error is not None:
            error = result.error if isinstance(result.error, HCAError) else HCAError(str(result.error))
            self.missing(Missing(transfer.link or transfer.name, error))
            if not _has_content(transfer):
                return
        else:
            self.done += 1
        linked = result.linked
        if linked:
            if linked == "hard":
                self.linked += 1
            elif linked == "reflink":
                self.reflinked += 1
            else:
                self.copied += 1
        key = hash(transfer.target)
        if key in self._counted or key in self._older:
            return
        if len(self._counted) >= _MOST_REMEMBERED // 2:
            self._older, self._counted = self._counted, set()
        self._counted.add(key)
        if result.status == "fetched" or (result.error is not None and result.fetched):
            self.fetched += 1
            self._note_origin(result)
        else:
            self.present += 1
        self.size += transfer.size or 0
        self._unlinked += result.error is not None

    def _note_origin(self, result: Result) -> None:
        """Count where the bytes of a file came from, if its source tells."""
        asked = origin_of(result.transfer.source)
        if result.origin:
            self.sources[result.origin] += 1
            self.elsewhere[asked] += result.origin != asked

    def missing(self, one: Missing) -> None:
        """Count something that failed."""
        self.failed += 1
        self._kinds[one.error.exit_status] += 1
        if len(self.failures) < MOST_FAILURES:
            self.failures.append(one)

    def document(self) -> dict[str, Any]:
        """Return the report as a document."""
        told: dict[str, Any] = {"directory": self.directory or "."}
        if self.planned:
            told |= self.planned
        else:
            told |= {
                "files": self.fetched + self.present,
                "fetched": self.fetched,
                "present": self.present,
                "bytes": self.size,
                "links": self.linked,
                "reflinks": self.reflinked,
                "copies": self.copied,
                **({"sources": dict(self.sources)} if self.sources else {}),
                **self.extra,
            }
        told["failed"] = [{"name": one.name, "error": str(one.error)} for one in self.failures]
        if self.failed > len(self.failures):
            told["failed_more"] = self.failed - len(self.failures)
        return told

    def in_words(self, seconds: float) -> str:
        """Return the report as a line for people."""
        if self.planned:
            return self._plan_in_words()
        files = self.fetched + self.present
        told = f"{counted(files, 'file')} ({in_bytes(self.size)})"
        if self.present:
            told += f", {self.fetched:,} fetched, {self.present:,} were there"
        if self.failed:
            told += f", {self.failed:,} failed"
        return f"{told}; {in_seconds(seconds)}"

    def _plan_in_words(self) -> str:
        plan = self.planned
        told = f"{counted(plan['files'], 'file')}, {plan['present']:,} are there"
        if "emit" in plan:
            return f"{told}, {plan['emitted']:,} for {plan['emit']}"
        room = "" if plan["enough_room"] else "; there is not enough room for them"
        told += f", {plan['to_fetch']:,} ({in_bytes(plan['bytes_to_fetch'])}) would be fetched"
        if plan.get("least_seconds", 0) >= 1:
            told += f", in {in_seconds(plan['least_seconds'])} at least, as {plan['requests']:,} requests take so long"
        return told + room

    @property
    def exit_status(self) -> ExitStatus:
        """How a command ends that did this; if all failed, for one kind of reason, with the status of that."""
        if not self.failed:
            return ExitStatus.DONE
        if self.fetched + self.present == 0 and len(self._kinds) == 1:
            return next(iter(self._kinds))
        return ExitStatus.PARTLY

    def raise_if_failed(self) -> None:
        """Raise DownloadError, with `exit_status`, if something failed."""
        if not self.failed:
            return
        done = self.fetched + self.present - self._unlinked
        lines = [f"{counted(done, 'file')} done, {self.failed:,} failed: {counted(self.failed, 'problem')}"]
        lines += self._in_lines()
        error = DownloadError(self, "\n".join(lines), hint=self._next_step())
        error.exit_status = self.exit_status
        raise error

    def _next_step(self) -> str:
        """Return what to do about the failures."""
        again = "run the same command again: it fetches what is missing"
        hints = {one.error.hint for one in self.failures}
        common = next(iter(hints)) if len(hints) == 1 else None
        if common:
            return f"{common}; then {again}"
        kinds = {one.error.exit_status for one in self.failures}
        if not kinds <= _MENDED_BY_TIME:
            return f"mend what these lines tell, then {again}"
        if ExitStatus.INTEGRITY in kinds:
            return f"{again}; bytes that are wrong each time are so at the service, or what lists the files is wrong"
        return again

    def _in_lines(self) -> list[str]:
        """Return a line for each failure, but for very many; those that many have in common share one."""
        common = Counter(str(one.error) for one in self.failures)
        lines: dict[str, int] = {}
        for one in self.failures:
            number = common[str(one.error)]
            if number <= _MOST_ALIKE:
                line = f"  {_told(one)}"
                lines[line] = lines.get(line, 0) + 1
            else:
                lines.setdefault(f"  {one.error}: {number:,} times", number)
        told = list(lines)[:_MOST_TOLD]
        left = self.failed - sum(lines[line] for line in told)
        return [*told, f"  ... and {left:,} more"] if left else told

    @staticmethod
    def merge(documents: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the document of all the runs that `documents` report, such as the shards of one download.

        Numbers add up, lists are joined (each of their items once, but for failures), of all else the first is kept;
        several directories become a list. Dry runs see one disk: the least room free, and enough of it if all of their
        needs have it together. Raises UsageError if one is not the report of a run.
        """
        merged: dict[str, Any] = {}
        directories: dict[str, None] = {}
        for document in documents:
            if not isinstance(document, dict) or not isinstance(document.get("failed"), list):
                raise UsageError(f"this is not the report of a download: {one_line(str(document))[:60]}")
            named = document.get("directory", ".")
            directories |= dict.fromkeys(map(str, named if isinstance(named, list) else [named]))
            for key, value in document.items():
                merged[key] = _joined(key, merged[key], value) if key in merged else copy(value)
        if not merged:
            raise UsageError("there are no reports to merge")
        merged["directory"] = next(iter(directories)) if len(directories) == 1 else list(directories)
        if "room_free" in merged:
            merged["enough_room"] = merged["room_free"] is None or merged["room_needed"] <= merged["room_free"]
        # Where it was in each of them: behind what was done.
        return {**{key: value for key, value in merged.items() if key != "failed"}, "failed": merged["failed"]}


class DownloadError(PartialError):
    """Files could not be had; `report` tells which, and what was done."""

    def __init__(self, report: Report, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.report = report


def _has_content(transfer: Transfer) -> bool:
    """Tell whether a transfer that failed did so at its link only: its content is there, and was checked."""
    if not transfer.link or transfer.digest is None:
        return False
    try:
        return seal.is_sealed(os.stat(transfer.target), transfer.digest)
    except OSError:
        return False


def _told(one: Missing) -> str:
    """Return a failure as a line; many errors begin with the name already, or with its end."""
    name, why = one_line(one.name), str(one.error)
    if why.startswith(name):
        return why
    head, _, rest = why.partition(": ")
    is_told = rest and name.replace(os.sep, "/").endswith(f"/{head}")
    return f"{name}: {rest if is_told else why}"


def counted(number: int, what: str) -> str:
    """Return a number with the word for what is counted: "1 file", "5,000 files"."""
    return f"{number:,} {what}{'s' if number != 1 else ''}"


def in_bytes(size: float) -> str:
    """Return a number of bytes for people, in decimal units: "21.5 MB"."""
    if size < 1000:
        return counted(int(size), "byte")
    units = iter(("kB", "MB", "GB", "TB", "PB"))
    unit = ""
    while size >= 999.5 and (following := next(units, "")):
        size, unit = size / 1000, following
    return f"{size:.3g} {unit}" if size < 999.5 else f"{size:,.0f} {unit}"


def in_seconds(seconds: float) -> str:
    """Return a length of time for people: "0.4 s", "12 s", "3 min 5 s"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _joined(key: str, known: Any, value: Any) -> Any:
    """Return what one key of two reports has in the report of both."""
    if key == "room_free":
        return min(known, value) if _is_number(known) and _is_number(value) else None
    if _is_number(known) and _is_number(value):
        return known + value
    if isinstance(known, dict) and isinstance(value, dict) and all(map(_is_number, (*known.values(), *value.values()))):
        return dict(Counter(known) + Counter(value))
    if not isinstance(known, list) or not isinstance(value, list):
        return known
    if key == "failed":
        known += value
        return known
    # Items may be documents, which are no keys.
    return list({json.dumps(item, sort_keys=True): item for item in [*known, *value]}.values())


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
