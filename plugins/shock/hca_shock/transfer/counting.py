"""What progress bars are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Counted:
    """Tells how many bytes have gone, and takes it back if they are to go again."""

    def __init__(self, told: Callable[[int], None]) -> None:
        self._told = told
        self._total = 0

    def __call__(self, number: int) -> None:
        """Count so many bytes."""
        self._total += number
        self._told(number)

    def take_back(self) -> None:
        """Take back all that was counted."""
        self._told(-self._total)
        self._total = 0


def nobody(number: int) -> None:
    """Hear of bytes, and tell nobody."""
