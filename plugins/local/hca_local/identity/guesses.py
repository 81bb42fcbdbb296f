"""Slows down those who guess passwords: after some wrong ones each further one costs a longer wait."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

_FREE = 5
_FIRST_WAIT = 5.0
_LONGEST_WAIT = 900.0
_FORGOTTEN_AFTER = 3600.0
_MOST_NAMES = 10_000


@dataclass
class Guesses:
    """The wrong passwords of the last hour, per e-mail address; a restart forgets them.

    A name is (how many, when the last came). Somebody who tries many names can't fill the memory: the oldest go first.
    """

    _wrong: dict[str, tuple[int, float]] = field(default_factory=dict)

    def wait(self, email: str, now: float) -> int:
        """Return the seconds until a password of `email` is looked at again; 0 if it is now."""
        count, last = self._wrong.get(email, (0, 0.0))
        if count < _FREE:
            return 0
        pause = min(_FIRST_WAIT * 2.0 ** min(count - _FREE, 30), _LONGEST_WAIT)
        return max(0, math.ceil(last + pause - now))

    def was_wrong(self, email: str, now: float) -> None:
        """Note that a password of `email` was wrong."""
        count, last = self._wrong.pop(email, (0, now))
        self._wrong[email] = (count + 1 if now - last < _FORGOTTEN_AFTER else 1, now)
        if len(self._wrong) > _MOST_NAMES:
            del self._wrong[next(iter(self._wrong))]

    def was_right(self, email: str) -> None:
        """Forget the wrong passwords of `email`."""
        self._wrong.pop(email, None)
