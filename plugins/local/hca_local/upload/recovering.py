"""Finds the objects whose news were lost: the S3 server has answered, and was killed before the note was stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_local.upload import areas, records
from hca_local.upload.buckets.values import UnusableError
from hca_local.upload.worker import REST_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from sqlite3 import Connection

    from hca_local.store.writer import Writer
    from hca_local.upload.buckets.values import Buckets


class Recovering:
    """Notes the objects in the areas that were not noted yet; `noted` is called when there are such."""

    def __init__(
        self, buckets: Buckets, writer: Writer, tell: Callable[[str], None], noted: Callable[[], None]
    ) -> None:
        self._buckets = buckets
        self._writer = writer
        self._tell = tell
        self._noted = noted

    def step(self, connection: Connection, is_over: Callable[[], bool]) -> float | None:
        """Look through all areas: see worker.Step. Raises sqlite3.Error."""
        for area in areas.in_use(connection):
            try:
                self._recover(connection, area, is_over)
            except UnusableError as error:
                self._tell(f"ERROR area {area} can't be looked through yet: {error}")
                return REST_SECONDS
        return None

    def _recover(self, connection: Connection, area: str, is_over: Callable[[], bool]) -> None:
        """Note what is missing in one area. Raises UnusableError, sqlite3.Error."""
        lost = []
        for held in self._buckets.listed(f"{area}/"):
            if is_over():
                return
            name = held.key.partition("/")[2]
            if not records.is_noted(connection, area, name, held):
                lost.append(name)

        def note(connection: Connection) -> None:
            for name in lost:
                records.note(connection, area, name)

        if lost:
            self._writer.submit(note).result()
            self._noted()
