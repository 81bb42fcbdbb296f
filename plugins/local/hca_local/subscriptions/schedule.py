"""When calls that fail are made again: the service's schedule, run through faster (contract §11.2)."""

from __future__ import annotations

from hca_local.subscriptions.records import ELASTICSEARCH, JMESPATH

_MINUTE, _HOUR = 60, 60 * 60
_GAPS = {
    # Given up before the fourth day.
    JMESPATH: (15 * _MINUTE, *(6 * _HOUR for _ in range(11))),
    # The first five make a day; twelve attempts in all.
    ELASTICSEARCH: (_MINUTE, 10 * _MINUTE, _HOUR, 6 * _HOUR, 60_540, *(24 * _HOUR for _ in range(6))),
}


def gap(kind: str, attempts: int, speedup: int) -> float | None:
    """Return the seconds from attempt number `attempts` to the next one, None if there is none.

    Parameters: `kind` is the type of the subscription; `speedup` how many times faster than the service it goes.
    """
    gaps = _GAPS[kind]
    return gaps[attempts - 1] / max(speedup, 1) if attempts <= len(gaps) else None
