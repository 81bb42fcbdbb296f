"""Jobs that make manifests. Their records and results are files, so that a restart keeps them (contract §7)."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, UUID, uuid5

from hca_core.files import replacing, write_atomic
from hca_local.azul.manifests.formats import COMPACT, FORMATS
from hca_local.azul.storage.service import MANIFESTS

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from hca_local.azul.azul import Azul
    from hca_local.azul.manifests.rows import Selection

_KEPT_SECONDS = 7 * 24 * 3600
_LEAST_LEFT = 15 * 60  # a manifest that is kept for less than this counts as gone
RUNNING, DONE, FAILED = "running", "done", "failed"


@dataclass(frozen=True)
class Job:
    """A job: `polls` is how many answers say that it is not done; `name` is what its manifest is to be saved as."""

    id: str
    format: str
    name: str
    polls: int
    state: str = RUNNING

    @property
    def identity(self) -> bytes:
        """The id in the form of tokens."""
        return bytes.fromhex(self.id)

    @property
    def object_name(self) -> str:
        """The name of its manifest in the storage."""
        return f"{self.id}.{FORMATS[self.format].extension}"


class Jobs:
    """The jobs of a deployment."""

    def __init__(self, azul: Azul) -> None:
        self._root = azul.root / MANIFESTS

    def find(self, identity: bytes) -> Job | None:
        """Return a job that was begun at any time. Raises OSError."""
        try:
            return Job(**json.loads(self._record(identity.hex()).read_bytes()))
        except FileNotFoundError:
            return None

    def keep(self, job: Job) -> Job:
        """Write the record of a job, and return it. Raises OSError."""
        self._record(job.id).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(self._record(job.id), json.dumps(asdict(job)).encode())
        return job

    def finished(self, job: Job) -> Job:
        """Note that the clients of a job know that it is done. Raises OSError."""
        return job if job.state == DONE else self.keep(replace(job, state=DONE))

    def has_object(self, job: Job) -> bool:
        """Tell whether the manifest of a job is there, and stays for a while."""
        try:
            made = self._object(job).stat().st_mtime
        except FileNotFoundError:
            return False
        return time.time() < made + _KEPT_SECONDS - _LEAST_LEFT

    def make(self, job: Job, selection: Selection) -> None:
        """Make the manifest of a job; takes a moment. Raises OSError, PathError for a name that is no path."""
        self._root.mkdir(parents=True, exist_ok=True)
        with replacing(self._object(job)) as file:
            FORMATS[job.format].write(selection, file)

    def _record(self, job_id: str) -> Path:
        return self._root / "jobs" / f"{job_id}.json"

    def _object(self, job: Job) -> Path:
        return self._root / job.object_name


def job_of(selection: Selection, format_name: str, filters: str, sources: Collection[str], polls: int) -> Job:
    """Return the job for a manifest, whose id is the same for the same content.

    Parameters: `filters` in their canonical form; `sources` are those that the caller may read.
    """
    what = [selection.catalog, format_name, filters, selection.base, selection.is_old]
    content = uuid5(NAMESPACE_URL, json.dumps(what))
    source = uuid5(NAMESPACE_URL, json.dumps(sorted(sources)))
    name = _name(selection, format_name, content, source)
    return Job((content.bytes + source.bytes).hex(), format_name, name, polls)


def _name(selection: Selection, format_name: str, content: UUID, source: UUID) -> str:
    """Return what a manifest is to be saved as: after its project if it has just one."""
    projects = {file.project.short_name for file in selection.files}
    if format_name == COMPACT and len(projects) == 1:
        return f"{projects.pop()} {datetime.now(UTC):%Y-%m-%d %H.%M}.tsv"
    return f"hca-manifest-{content}.{source}.{FORMATS[format_name].extension}"
