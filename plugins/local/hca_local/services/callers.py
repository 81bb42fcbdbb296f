"""Who sent a request to a service of a plugin, by the users and tokens of the deployment."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from hca_core.local_services import Caller
from hca_local.fusillade import directory as users
from hca_local.fusillade import names
from hca_local.fusillade.defaults import ADMIN_ROLE
from hca_local.identity import issuer, sessions
from hca_local.identity.caller import Callers
from hca_local.identity.service_accounts import ServiceAccounts
from hca_local.server.problems import ProblemError
from hca_local.store import database

if TYPE_CHECKING:
    from hca_local.data_directory import DataDirectory


class Doorkeeper:
    """Knows the users of the deployment of `directory`, which is served at `url`; any thread may ask.

    Each question reads the store: who is disabled, or logs out, is not known any more.
    """

    def __init__(self, directory: DataDirectory, url: str) -> None:
        self._records = database.connect(directory.store, any_thread=True)
        self._lock = threading.Lock()
        own = issuer.Issuer(issuer.load_key(directory.issuer_key), url)
        accounts = ServiceAccounts(self._records)
        self._callers = Callers(own, accounts, lambda session: sessions.is_revoked(self._records, session))

    def caller(self, authorization: str | None) -> Caller | None:
        """Return who sent a request with the header `authorization`, None if nobody who is known and enabled."""
        if not authorization:
            return None
        with self._lock:
            try:
                found = self._callers.check({"authorization": authorization})
                email = names.canonical(found.email)
            except ProblemError:
                return None
            if not users.is_enabled(self._records, email):
                return None
            return Caller(email, ADMIN_ROLE in users.roles_of(self._records, email), found.claims)
