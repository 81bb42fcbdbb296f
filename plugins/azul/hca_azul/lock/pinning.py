"""What `AzulClient` does with lock files: makes them, and downloads what they have."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from hca_azul.download.run import Choice
    from hca_azul.lock.reading import Lock
    from hca_azul.lock.writing import Origin
    from hca_azul.manifest.rows import Rows
    from hca_azul.rows import Row
    from hca_core.transfer.report import Report
    from hca_core.transfer.run import Order

NAME = "hca-lock.json"
DEFAULT_LAYOUT = "project"


class Pinning:
    """The part of `AzulClient` that pins data sets, so that others get the same files, and the same bytes."""

    def lock(
        self,
        rows: Iterable[Row],
        to: str | os.PathLike[str] = NAME,
        *,
        layout: str = DEFAULT_LAYOUT,
        origin: Origin | None = None,
    ) -> Lock:
        """Write a lock file of the files that `rows` tell of, and return it.

        Parameters: `rows` can be gone through more than once; `layout` is that of the paths; `origin` is what is noted
        of where the rows come from. Raises UsageError, NotFoundError if there is no file, AzulApiError, OSError.
        """
        import os

        from hca_azul.lock import writing

        return writing.write(self.service, rows, os.fspath(to), layout=layout, origin=origin)  # type: ignore[attr-defined]

    def lock_filters(
        self,
        filters: Any = None,
        to: str | os.PathLike[str] = NAME,
        *,
        layout: str = DEFAULT_LAYOUT,
        timeout: float = 1800.0,
        waiting: Any = lambda: None,
    ) -> Lock:
        """Write a lock file of the files that `filters` select, by a manifest that the service makes.

        Parameters and errors: see `lock` and `manifest`.
        """
        from hca_azul.lock.writing import Origin

        made = self.manifest(filters, timeout=timeout, waiting=waiting)  # type: ignore[attr-defined]
        with made.rows() as rows:
            chosen = self.filter(filters).as_dict()  # type: ignore[attr-defined]
            return self.lock(rows, to, layout=layout, origin=Origin(chosen, made.format, _sha256(rows)))

    def lock_manifest(
        self, manifest: str | os.PathLike[str], to: str | os.PathLike[str] = NAME, *, layout: str = DEFAULT_LAYOUT
    ) -> Lock:
        """Write a lock file of the files of a manifest that there is already; "-" is standard input."""
        from hca_azul.download.asked import with_digests
        from hca_azul.lock.writing import Origin
        from hca_azul.manifest.rows import read

        with read(manifest) as rows:
            complete = with_digests(self, rows)  # type: ignore[arg-type]
            return self.lock(complete, to, layout=layout, origin=Origin(manifest_sha256=_sha256(rows)))

    def replay(
        self,
        lock: Lock | str | os.PathLike[str],
        download_dir: str = "",
        *,
        choice: Choice | None = None,
        order: Order | None = None,
    ) -> Report:
        """Download the files of a lock, or of the lock file at a path, to the places that it tells.

        Parameters: `choice` and `order` as of `download`; a layout goes before the places of the lock. Returns the
        report. Raises DownloadError if files failed, UsageError for a lock that can't be used.
        """
        import os
        from dataclasses import replace

        from hca_azul.download.places import RECORDED
        from hca_azul.download.run import Choice
        from hca_azul.lock.reading import Lock, read

        found = lock if isinstance(lock, Lock) else read(os.fspath(lock))
        how = choice or Choice()
        how = replace(how, layout=how.layout or RECORDED)
        report: Report = self.download(found, download_dir, choice=how, order=order)  # type: ignore[attr-defined]
        return report


def _sha256(rows: Rows) -> str:
    """Return the sha256 of the manifest that rows come from."""
    with rows.content() as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
