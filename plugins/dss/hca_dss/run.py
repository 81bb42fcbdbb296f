"""One run of a download: where it asks, and until when, where files go, and what it did."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, cast

from hca_core.errors import HCAError, NetworkError
from hca_core.transfer import Service, Transfer
from hca_core.transfer.report import Report
from hca_core.transfer.run import run as run_transfers
from hca_core.transfer.shards import parse as parse_shard
from hca_dss import bundles
from hca_dss.ahead import ahead
from hca_dss.files import DSSFile, stored_in
from hca_dss.presigned import Addresses
from hca_dss.source import FileSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hca_core.transfer.report import Missing
    from hca_core.transfer.run import Order, Total
    from hca_dss.bundles import Bundle
    from hca_dss.client import DSSClient
    from hca_dss.manifest import Row

Answer = TypeVar("Answer")


class Download:
    """One run: where it asks, where files go, and what it did."""

    def __init__(self, client: DSSClient, replica: str, directory: str, order: Order) -> None:
        self.client = client
        self.replica = replica
        self.order = order
        self.report = Report(directory)
        self.stored = stored_in(directory)
        self.addresses = Addresses(client, replica, self.stored)
        # Signed addresses do not leave this process, and who only looks should not make the service copy bundles.
        self.signs = order.fetches and not order.executor
        self._service = Service("dss", {"swagger_url": client.swagger_url}, client)
        self._shard = parse_shard(order.shard, os.environ) if order.shard else None

    def transfer(self, file: DSSFile | Row, link: str = "", signed: str = "") -> Transfer:
        """Return the transfer of a file into the filestore, and to `link` from there."""
        source = FileSource(self._service, file.uuid, file.version, self.replica, signed)
        return Transfer(link or file.name, self.stored(file.sha256), source, file.size, file.sha256, link=link)

    @cached_property
    def ends(self) -> float | None:
        """When the time for all is over (monotonic); it begins with the first question for this."""
        limit = self.order.settings.time_limit
        return None if limit is None else time.monotonic() + limit

    @property
    def late(self) -> HCAError:
        """What is told of what is not there by then."""
        return NetworkError(f"not done within the time limit of {self.order.settings.time_limit or 0:g} s")

    def in_time(self, ask: Callable[[], Answer]) -> Answer:
        """Return what `ask` returns. Raises HCAError, also if that takes longer than there is time."""

        def answer(_: None) -> Answer | HCAError:
            try:
                return ask()
            except HCAError as error:
                return error

        late: Answer | HCAError = self.late
        ((_, found),) = ahead([None], answer, ends=self.ends, late=late)
        if isinstance(found, HCAError):
            raise found
        return cast("Answer", found)

    def bundle(self, uuid: str, version: str) -> Bundle:
        """Return a bundle as the service lists it. Raises HCAError."""
        return bundles.read(self.client, uuid, version, self.replica)

    def has(self, key: str) -> bool:
        """Tell whether what has that `key` (a bundle's name, a content's sha256) belongs to this run's shard."""
        return self._shard is None or self._shard.has(key)

    def signed(self, bundle: Bundle, wanted: Iterable[DSSFile | Row]) -> Mapping[tuple[str, str], str]:
        """Return the signed addresses that are worth asking for."""
        return self.addresses.of(bundle, wanted) if self.signs else {}

    def run(
        self, wanted: Iterable[Transfer | Missing], total: Total | None = None, *, dealt_out: bool = False
    ) -> Report:
        """Fetch and link all that is wanted, and return the report.

        Parameters: `total` is what is known of it beforehand. `dealt_out`: only what this shard has is wanted.
        """
        settings = self.order.settings
        if "ends" in vars(self) and self.ends is not None:  # some of the time went into looking things up
            settings = replace(settings, time_limit=round(max(0.0, self.ends - time.monotonic()), 1))
        order = replace(self.order, settings=settings, total=total, shard="" if dealt_out else self.order.shard)
        return run_transfers(wanted, order, self.report, directory=self.report.directory)
