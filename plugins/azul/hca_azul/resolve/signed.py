"""Signed URLs: until when they are good, and those that are remembered until then (contract §8)."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

# How long a URL is taken to be good that does not tell (contract §8).
ASSUMED_SECONDS = 600.0
# What is over sooner is not used any more: the first byte has to be asked for before the end.
_NEARLY_OVER_SECONDS = 30.0
_MOST_REMEMBERED = 1000
# Seven days are the most that Google and Amazon sign for; a number of a hundred digits is no length of time.
_MOST_SECONDS = 10.0 * 365 * 86400


class Signed(NamedTuple):
    """A URL that gives the bytes of a file, by itself: it is a credential.

    `headers` are to be sent with it. `expires` is when it ends (seconds since 1970), None for one that does not.
    """

    url: str
    headers: Mapping[str, str]
    expires: float | None

    @property
    def is_good(self) -> bool:
        """Whether there is time left to use it."""
        return self.expires is None or self.expires > time.time() + _NEARLY_OVER_SECONDS


def signed(url: str, headers: Mapping[str, str] | None = None) -> Signed:
    """Return a signed URL with the end that it tells, else the assumed one."""
    told = expires_at(url)
    return Signed(url, headers or {}, time.time() + ASSUMED_SECONDS if told is None else told)


def expires_at(url: str) -> float | None:
    """Return when a signed URL ends (seconds since 1970), as its parameters say; None if they don't.

    Google's and Amazon's fourth versions tell a beginning and a length, the older ones the end.
    """
    try:
        query = {name.lower(): value for name, value in parse_qsl(urlsplit(url).query)}
    except ValueError:
        return None
    ends = _seconds(query.get("expires", ""))
    for prefix in ("x-goog", "x-amz"):
        began, length = _moment(query.get(f"{prefix}-date", "")), _seconds(query.get(f"{prefix}-expires", ""))
        if began is not None and length is not None:
            ends = began + length
    return ends if ends is not None and ends < time.time() + _MOST_SECONDS else None


def _moment(text: str) -> float | None:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) <= 12 else None


class Remembered:
    """Signed URLs by what they are of, so that the pieces of one file cost one look-up; for several threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, Future[Signed]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, ask: Callable[[], Signed], *, anew: bool = False) -> Signed:
        """Return what is known of `key` while it is good, else what `ask` answers; others wait for that.

        `anew`: ask even so, as storage refused what is known. Raises what `ask` raises, to all who wait; it is not
        remembered.
        """
        with self._lock:
            known = self._known.get(key)
            if known is not None and (not known.done() or (not anew and known.result().is_good)):
                self._known.move_to_end(key)
                mine = None
            else:
                mine = known = self._known[key] = Future()
                if len(self._known) > _MOST_REMEMBERED:
                    self._known.popitem(last=False)
        if mine is not None:
            self._fill(key, mine, ask)
        return known.result()

    def _fill(self, key: Hashable, mine: Future[Signed], ask: Callable[[], Signed]) -> None:
        try:
            mine.set_result(ask())
        except BaseException as error:  # noqa: BLE001 - for all who wait
            with self._lock:
                if self._known.get(key) is mine:
                    del self._known[key]
            mine.set_exception(error)
