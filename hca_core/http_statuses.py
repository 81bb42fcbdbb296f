"""Exit statuses that the user chooses for HTTP statuses: `--map-http-status 404=50,500-599=51`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

LEAST, MOST = 50, 99  # the exit statuses that can be chosen; as in globus-cli, hca itself uses none of them
_FORM = re.compile(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?=([0-9]{1,3})", re.ASCII)


class Mapped(NamedTuple):
    """The HTTP statuses from `first` to `last` and the exit status that is wanted for them."""

    first: int
    last: int
    exit_status: int


def parse(texts: Iterable[str]) -> tuple[Mapped, ...]:
    """Return what `texts`, each a list with commas, say, in their order. Raises ValueError with a sentence."""
    words = [word.strip() for text in texts for word in text.split(",")]
    return tuple(_mapped(word) for word in words if word)


def exit_status(mapped: Iterable[Mapped], http_status: int) -> int | None:
    """Return the exit status that was chosen for `http_status`, None if none was; what was said last wins."""
    found = [one.exit_status for one in mapped if one.first <= http_status <= one.last]
    return found[-1] if found else None


def _mapped(word: str) -> Mapped:
    match = _FORM.fullmatch(word)
    if match is None:
        raise ValueError(f"{word!r} is not of the form 404=50 or 500-599=51.")
    first, last, status = int(match[1]), int(match[2] or match[1]), int(match[3])
    if last < first:
        raise ValueError(f"{word!r}: the range ends before it begins.")
    if not LEAST <= status <= MOST:
        raise ValueError(f"{word!r}: the exit status must be between {LEAST} and {MOST}.")
    return Mapped(first, last, status)
