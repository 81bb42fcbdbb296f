"""The token of one client of a service: asked for at every request, looked for only when it may have changed."""

from __future__ import annotations

import math
import os
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hca_core import log, profiles
from hca_core.credentials import chain, claims, entries
from hca_core.credentials.logins import NEARLY_EXPIRED_SECONDS
from hca_core.credentials.values import Need
from hca_core.durations import in_words
from hca_core.errors import LoginError

if TYPE_CHECKING:
    from hca_core.config import HCAConfig
    from hca_core.credentials.values import Credential


_NOBODY_SECONDS = 1.0


def need(service: str, url: str, section: str, config: HCAConfig) -> Need:
    """Return what a client of `service` at `url` needs, by its `section` of `config`. Raises ConfigError."""
    settings = config.lookup(section, {})
    return Need(service, url, settings if isinstance(settings, dict) else {}, profiles.name_of(config))


def uses_keyring(config: HCAConfig) -> bool:
    """Tell whether logins are kept in the keyring of the system: `HCA_KEYRING`, or `keyring` in the configuration."""
    return os.environ.get("HCA_KEYRING", "") not in ("", "0") or bool(config.lookup("keyring", False))


class Bearer:
    """Gives the token for `need`; may be used by several threads, for as long as the process lives."""

    def __init__(self, need: Need) -> None:
        self._need = need
        self._lock = threading.Lock()
        self._found: Credential | None = None
        self._source: chain.Source | None = None
        self._watched: tuple[Any, ...] = ()
        self._looked = -math.inf

    def __call__(self) -> str:
        """Return the token. Raises LoginError if there is none, HCAError if a source of tokens can't be used."""
        found = self.credential()
        if found is None:
            raise LoginError(f"this needs a login at {self._host}", self._hint)
        if not claims.is_sendable(found.token):
            told = f"what {found.source} has as the token for {self._host} can't be one (blanks, or not ASCII)"
            raise LoginError(told, self._hint)
        return found.token

    def credential(self) -> Credential | None:
        """Return what the chain has, or None. Raises HCAError."""
        watched = chain.watched(self._need.service)
        with self._lock:
            known = self._is_nobody if self._found is None else not _is_nearly_over(self._found)
            if watched != self._watched or not known:
                self._take(chain.find(self._need))
            return self._found

    @property
    def _is_nobody(self) -> bool:
        """Whether it was looked for a token just now, and there was none; a plugin may have one any time."""
        return time.monotonic() - self._looked < _NOBODY_SECONDS

    def renewed(self, refused: str) -> bool:
        """Tell whether there is another token than `refused`, which the service did not take. Raises HCAError.

        Only the source that gave that one is asked: nobody becomes somebody else because he was refused.
        """
        with self._lock:
            if self._found is not None and self._found.token != refused:
                return True  # another thread was faster
            source = self._source
            found = source.ask(replace(self._need, rejected=refused)) if source else None
            if source is None or found is None or found.token == refused:
                return False
            log.hide(found.token)
            self._take((source, found))
            return True

    def _take(self, found: tuple[chain.Source, Credential] | None) -> None:
        self._source, self._found = found or (None, None)
        self._looked = time.monotonic()
        # Looked at anew: to renew a login changes its file.
        self._watched = chain.watched(self._need.service)

    def advice(self) -> str | None:
        """Return what to do after a refusal: which token it was, and whether its time is over; None without one."""
        found = self._found
        if found is None:
            return None
        over = 0.0 if found.expires_at is None else time.time() - found.expires_at
        ended = f", and ended {in_words(over)} ago" if over > 0 else ""
        # A login would change nothing where another source comes before it.
        remedy = self._hint if found.source.startswith("login") else "put another one there, or take it away"
        return f"the token comes from {found.source}{ended}; {remedy}"

    @property
    def _host(self) -> str:
        return entries.host_of(self._need.url)

    @property
    def _hint(self) -> str:
        return f"hca {self._need.service} login, or set HCA_TOKEN"


def _is_nearly_over(found: Credential) -> bool:
    return found.expires_at is not None and found.expires_at <= time.time() + NEARLY_EXPIRED_SECONDS
