"""What a download tells besides counts: what nobody has or can check, other names than listed, a mirror's gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_azul.download.sources import KINDS, PLACES
from hca_core import log
from hca_core.errors import one_line
from hca_core.transfer.report import counted

if TYPE_CHECKING:
    from hca_core.transfer.report import Report

_MOST_NAMED = 3
_MOST_TOLD = 10_000


class Notes:
    """What was noted in one pass over the files; the first of each kind are kept, all are counted."""

    def __init__(self) -> None:
        self._unavailable: list[str] = []  # files that are only described (contract §20, #2863)
        self._unavailable_count = 0
        self._renamed: list[dict[str, str]] = []
        self._renamed_count = 0
        self._unchecked_count = 0

    def unavailable(self, name: str) -> None:
        """Note a file of which no service has the bytes."""
        self._unavailable_count += 1
        if len(self._unavailable) < _MOST_TOLD:
            self._unavailable.append(name)

    def renamed(self, name: str, place: str) -> None:
        """Note a file that can't have its name here (contract §7)."""
        self._renamed_count += 1
        if len(self._renamed) < _MOST_TOLD:
            self._renamed.append({"name": name, "place": place})

    def unchecked(self) -> None:
        """Note a file without a digest."""
        self._unchecked_count += 1

    def tell(self, report: Report) -> None:
        """Put it into the report, and say it."""
        told: dict[str, Any] = report.planned or report.extra
        say = log.logger()
        if self._unchecked_count:
            files = counted(self._unchecked_count, "file")
            say.warning("of %s no sha256 is told: nobody can say whether the bytes are right", files)
        if self._unavailable:
            told["unavailable"] = self._unavailable
            named = _named(list(map(one_line, self._unavailable)), self._unavailable_count)
            files = counted(self._unavailable_count, "file")
            say.warning("no service has the bytes of %s, only a description: %s", files, named)
        if self._renamed:
            told["renamed"] = self._renamed
            pairs = [f"{one_line(one['name'])} -> {one['place']}" for one in self._renamed[:_MOST_NAMED]]
            files = counted(self._renamed_count, "file")
            say.info("%s can't have the listed name here: %s", files, _named(pairs, self._renamed_count))
        if lost := report.elsewhere["mirror"]:
            others = " and ".join(PLACES[kind] for kind in KINDS[1:] if kind in report.sources)
            files = counted(lost, "file")
            text = "%s came from %s, as the mirror did not give what it should have"
            say.warning(f"{text}; if that lasts, tell the help desk of the data portal", files, others)


def _named(names: list[str], count: int) -> str:
    return ", ".join(names[:_MOST_NAMED]) + (", ..." if count > _MOST_NAMED else "")
