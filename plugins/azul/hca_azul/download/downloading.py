"""What `AzulClient` downloads: what filters select, what a manifest or a lock file lists, what failed before."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hca_azul.search.filters import Filter
from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hca_azul.download.run import Choice
    from hca_azul.rows import Row
    from hca_core.transfer.report import Report
    from hca_core.transfer.run import Order


class Downloading:
    """The part of `AzulClient` that downloads.

    `choice` (hca_azul.download.run.Choice) says where files come from and where they go, `order`
    (hca_core.transfer.run.Order) how they are fetched. All methods return the report, and raise DownloadError (which
    has it) if files failed, UsageError for what can't be, NoSpaceError, HCAError.
    """

    def download(
        self,
        wanted: Filter | Mapping[str, Any] | str | Iterable[Row] | None,
        download_dir: str = "",
        *,
        names: Sequence[str] = (),
        choice: Choice | None = None,
        order: Order | None = None,
        timeout: float = 1800.0,
        waiting: Callable[[], None] = lambda: None,
    ) -> Report:
        """Download what filters select, or rows, which can be gone through more than once if they are no iterator.

        Parameters: `names` are files and projects by name (see `asked.rows`); filters narrow these projects. `timeout`
        (seconds) is for the service to list what filters select; `waiting` is called before the first wait for that.
        """
        from hca_azul.download import asked

        if wanted is None or isinstance(wanted, (Filter, Mapping, str)):
            filters = self.filter(wanted)  # type: ignore[attr-defined]
            with asked.rows(self, names, filters, timeout=timeout, waiting=waiting) as rows:  # type: ignore[arg-type]
                return self._fetched(rows, download_dir, choice, order)
        if names:
            raise UsageError("rows and names are given", hint="give one of them")
        return self._fetched(list(wanted) if iter(wanted) is wanted else wanted, download_dir, choice, order)

    def download_manifest(
        self,
        manifest: str | os.PathLike[str],
        download_dir: str = "",
        *,
        choice: Choice | None = None,
        order: Order | None = None,
    ) -> Report:
        """Download the files of a manifest, compact or for curl; "-" is standard input.

        The layout of one for curl is that of bundles unless `choice` has another: curl would make the same tree.
        """
        from dataclasses import replace

        from hca_azul.download import asked
        from hca_azul.download.run import Choice
        from hca_azul.manifest import rows

        how = choice or Choice()
        with rows.read(manifest) as listed:
            complete = asked.with_digests(self, listed)  # type: ignore[arg-type]
            if listed.is_curl:
                how = replace(how, layout=how.layout or "bundle")
            return self._fetched(complete, download_dir, how, order)

    def retry_failed(
        self,
        failures: str | os.PathLike[str],
        download_dir: str = "",
        *,
        choice: Choice | None = None,
        order: Order | None = None,
    ) -> Report:
        """Download what is in a file of failures of an earlier run, to the places that it would have had then."""
        from dataclasses import replace

        from hca_azul.download.again import Failed
        from hca_azul.download.places import RECORDED
        from hca_azul.download.run import Choice

        return self._fetched(
            Failed(os.fspath(failures)), download_dir, replace(choice or Choice(), layout=RECORDED), order
        )

    def _fetched(self, rows: Iterable[Row], directory: str, choice: Choice | None, order: Order | None) -> Report:
        from hca_azul.download.run import Choice, Download
        from hca_core.transfer.run import Order

        report = Download(self, rows, directory, choice or Choice(), order or Order()).run()  # type: ignore[arg-type]
        report.raise_if_failed()
        return report
