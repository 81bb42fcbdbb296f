"""Objects that are event journals: no file has them, their documents are put together while they are sent."""

from __future__ import annotations

import asyncio
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hca_local.events import journal, journals
from hca_local.store import database

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from hca_local.data_directory import DataDirectory
    from hca_local.events.journals import Event, Journal
    from hca_local.server.deployment import Deployment


class JournalContent:
    """The content of `found`, a journal of `replica`."""

    def __init__(self, directory: DataDirectory, replica: str, found: Journal) -> None:
        self.etag = f'"{found.digest}"'
        self.modified = _seconds(found.to_date)
        self.size = found.size
        self._directory = directory
        self._replica = replica
        self._events = found.events

    async def pieces(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `start` to `end`, one event after the other. Raises LookupError, OSError."""
        offset = 0
        for event in self._events:
            if offset < end and offset + event.size > start:
                document = await asyncio.to_thread(self._document, event)
                yield document[max(start - offset, 0) : end - offset]
            offset += event.size

    def close(self) -> None:
        """Do nothing: nothing is kept open."""

    def _document(self, event: Event) -> bytes:
        with closing(database.connect(self._directory.store)) as connection:
            found = journal.document(connection, self._directory.blobs, self._replica, event.key)
        if len(found) != event.size:
            raise OSError(f"the event document of {event.key} is not what it was when it was recorded")
        return found


def content(deployment: Deployment, replica: str, journal_id: str) -> JournalContent:
    """Return the content of the journal `journal_id` of `replica`. Raises LookupError if it is gone."""
    found = journals.named(deployment.records, replica, journal_id)
    if found is None:
        raise LookupError(journal_id)
    return JournalContent(deployment.directory, replica, found)


def _seconds(version: str) -> int:
    return int(datetime.strptime(version, "%Y-%m-%dT%H%M%S.%fZ").replace(tzinfo=UTC).timestamp())
