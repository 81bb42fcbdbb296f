"""Batches of transfers: what one worker is given at once."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hca_core.transfer.values import Transfer

# A batch is large enough for its way to a worker to cost nothing, and small enough to be fetched once more.
MOST_FILES = 256
MOST_BYTES = 256 * 1024 * 1024
# The first ones are small, so that a short list occupies all workers too.
FIRST_FILES = 16
MOST_HELD = 10_000


@dataclass(slots=True, eq=False)
class Batch:
    """Transfers for one worker.

    `tries` counts how often it was handed out, `handed_out` is when that was last (monotonic), `full` whether as many
    batches were out then as might be.
    """

    transfers: list[Transfer]
    tries: int = 0
    handed_out: float = 0.0
    full: bool = False


class Batches:
    """Cuts transfers into batches, as they are asked for.

    What is on its way already is not fetched by a second worker too: who wants it as well waits until it is there.
    """

    def __init__(self, transfers: Iterable[Transfer]) -> None:
        self._transfers = iter(transfers)
        self._ahead: deque[Transfer] = deque()
        self._taken = 0
        self._away: set[str] = set()
        self._held: dict[str, list[Transfer]] = {}
        self._held_count = 0

    def next(self) -> Batch | None:
        """Return the next batch; None if there is nothing, before some are back at least."""
        most = min(MOST_FILES, max(FIRST_FILES, self._taken // FIRST_FILES))
        batch: list[Transfer] = []
        size = 0
        while len(batch) < most and (one := self._next_one()):
            # Where very many wait memory counts more than bytes fetched twice, which do no harm.
            if one.target in self._away and self._held_count < MOST_HELD:
                self._held.setdefault(one.target, []).append(one)
                self._held_count += 1
                continue
            size += one.size or 0
            if batch and size > MOST_BYTES:
                self._ahead.appendleft(one)
                break
            batch.append(one)
        self._taken += len(batch)
        self._away.update(one.target for one in batch)
        return Batch(batch) if batch else None

    def are_back(self, batch: Batch) -> None:
        """Note that a batch is done: what waited for its files may go."""
        for one in batch.transfers:
            self._away.discard(one.target)
            held = self._held.pop(one.target, ())
            self._held_count -= len(held)
            self._ahead.extend(held)

    def _next_one(self) -> Transfer | None:
        return self._ahead.popleft() if self._ahead else next(self._transfers, None)
