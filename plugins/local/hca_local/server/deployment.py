"""The parts that the services of a running deployment work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hca_local import data_directory
from hca_local.objects.signing import Signer
from hca_local.store import database
from hca_local.store.checkouts import Checkouts

if TYPE_CHECKING:
    from sqlite3 import Connection

    from hca_local.data_directory import DataDirectory
    from hca_local.settings import Settings


@dataclass(frozen=True)
class Deployment:
    """A data directory that is being served; `records` belongs to the thread of the event loop."""

    directory: DataDirectory
    settings: Settings
    records: Connection
    checkouts: Checkouts
    signer: Signer


def opened(directory: DataDirectory, settings: Settings) -> Deployment:
    """Return the deployment of a data directory whose store exists. Raises OSError, sqlite3.Error."""
    records = database.connect(directory.store)
    checkouts = Checkouts(directory.store, records, settings.first_get_redirects)
    signer = Signer(data_directory.signing_key(directory), settings.url_lifetime)
    return Deployment(directory, settings, records, checkouts, signer)
