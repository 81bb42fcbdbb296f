"""What the service has found out about files so far, as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_upload.errors import UploadException

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hca_upload.area import UploadArea

# The two steps have states of the same names.
_CHECKSUMMING = {"SCHEDULED": "CHECKSUMMING_SCHEDULED", "UNSCHEDULED": "CHECKSUMMING_UNSCHEDULED"}
_VALIDATING = {"SCHEDULED": "VALIDATION_SCHEDULED", "UNSCHEDULED": "VALIDATION_UNSCHEDULED"}


def of_file(area: UploadArea, name: str) -> str:
    """Return the state of a file: that of its checksums, or once these are there that of its validation.

    Raises UploadNotFoundError if the area has no such file, other HCAErrors.
    """
    checksums = str(area.checksum_status(name).get("checksum_status"))
    if checksums != "CHECKSUMMED":
        return _CHECKSUMMING.get(checksums, checksums)
    validation = str(area.validation_status(name).get("validation_status"))
    return _VALIDATING.get(validation, validation)


def of_area(area: UploadArea) -> dict[str, Any]:
    """Return how many files the area has, and how many of them are in which state. Raises HCAError."""
    checksums, validations = _counts(area.checksum_statuses()), _counts(area.validation_statuses())
    total = checksums.pop("TOTAL_NUM_FILES", sum(checksums.values()))
    # A file may have been validated more than once.
    unscheduled = checksums.get("CHECKSUMMED", 0) - sum(validations.values())
    validations["VALIDATION_UNSCHEDULED"] = max(0, unscheduled)
    return {"upload_area": area.uuid, "files": total, "checksums": checksums, "validations": validations}


def report(states: Mapping[str, Any]) -> str:
    """Return the text of a status report, whose form is published, of what `of_area` returned."""
    lines = ["FILE STATUS REPORT", f"UploadArea: {states['upload_area']}", f"Total Number of Files: {states['files']}"]
    for step in ("checksums", "validations"):
        lines.append(step.upper())
        lines += [f"\t{state} files: {count}" for state, count in sorted(states[step].items())]
    return "\n".join(lines) + "\n"


def _counts(answer: Mapping[str, Any]) -> dict[str, int]:
    if not all(isinstance(count, int) for count in answer.values()):
        raise UploadException("the service counts files in a form that is not known")
    return dict(answer)
