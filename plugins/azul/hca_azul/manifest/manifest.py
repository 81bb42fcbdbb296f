"""Manifest: a list of files that the service has made, and keeps for some days."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hca_azul.manifest import formats, rows
from hca_azul.manifest.fetching import Content
from hca_azul.resolve.signed import expires_at
from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_azul.manifest.fetching import Saved
    from hca_azul.manifest.jobs import Jobs, Order
    from hca_core.files import StrPath

_WITH_ROWS = (formats.COMPACT, formats.CURL)


class Manifest:
    """A manifest that the service has made; made by `AzulClient.manifest`.

        with azul.manifest({"organ": {"is": ["kidney"]}}).rows() as rows:
            names = [row.name for row in rows]

    `url` is where it is: it lets anybody have it, and is made anew when it has ended. `expires` is when that is
    (seconds since 1970), None where it is not told. `order` is what it was made for.
    """

    def __init__(self, jobs: Jobs, order: Order, timeout: float, waiting: Callable[[], None] = lambda: None) -> None:
        self.jobs = jobs
        self.order = order
        self._timeout = timeout
        self.url = jobs.finished(order, timeout, waiting)

    @property
    def format(self) -> str:
        """The format, as the service calls it."""
        return self.order.format

    @property
    def catalog(self) -> str:
        """The catalog that the files are of."""
        return self.order.catalog

    @property
    def expires(self) -> float | None:
        """When the link ends, in seconds since 1970; None if it does not tell."""
        return expires_at(self.url)

    @property
    def has_ended(self) -> bool:
        """Whether the link has ended."""
        return self.expires is not None and self.expires <= time.time()

    def renew(self) -> None:
        """Get another link; the service makes the manifest anew only if it does not have it any more.

        Raises AzulUnavailableError, AzulApiError, NetworkError.
        """
        self.url = self.jobs.finished(self.order, self._timeout)

    @contextmanager
    def opened(self) -> Iterator[Content]:
        """Give what is in it, to be written somewhere. Raises AzulUnavailableError, AzulApiError, NetworkError."""
        found = Content(self)
        try:
            yield found
        finally:
            found.close()

    def save(self, path: StrPath) -> Saved:
        """Write it to a file, which is there as a whole or not at all; one that is there is replaced.

        Raises AzulUnavailableError, IntegrityError, NetworkError, OSError.
        """
        with self.opened() as content:
            return content.save(path)

    def rows(self) -> rows.Rows:
        """Return its rows, which may be iterated more than once.

        All of it is fetched first, into a temporary file: no list of files breaks off in the middle.
        Raises UsageError for a format without rows, and what `save` raises.
        """
        if self.format not in _WITH_ROWS:
            raise UsageError(f"a manifest in the format {self.format} has no rows", hint="make it in compact")
        with rows.temporary() as stream, self.opened() as content:
            content.write_to(stream)
        return rows.Rows(stream, "the manifest")
