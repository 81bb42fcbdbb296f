"""The whole examination: what is looked at, in its order, and the report as rows and as a list for people."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from hca_core import log
from hca_core.doctor import (
    configuration,
    disk,
    extensions,
    install,
    logins,
    looking,
    services,
    terminal,
    versions,
)
from hca_core.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_core.doctor.situation import Situation
    from hca_core.doctor.values import Check, Look

PROBLEM, WARNING = "problem", "warning"
_GRACE_SECONDS = 1.0  # in which a request that is given up can tell so itself
_COLORS = {"ok": "green", WARNING: "yellow", PROBLEM: "red", "skipped": "bright_black"}


class Row(NamedTuple):
    """A line of the report; all of it is text that may be shown to anybody."""

    area: str
    name: str
    state: str
    text: str
    hint: str


def examine(situation: Situation) -> list[Row]:
    """Look at everything and return the rows, by area. Takes little longer than the time-out of `situation`.

    What is logged meanwhile is left out unless it is an error: rows tell it.
    """
    with _quietly():
        plugins = _rows(extensions.looks(), looking.one_by_one)  # first, as it takes the time of their imports
        situation.config.include_plugins()  # now, as threads are to read it
        rows = _rows([*versions.looks(), *install.looks(), *configuration.looks(situation)], looking.one_by_one)
        rows += [*plugins, *_rows(terminal.looks(), looking.one_by_one)]
        rows += _rows(disk.looks(), lambda looks: looking.side_by_side(looks, disk.SECONDS))
        away = [*services.looks(situation), *logins.looks(situation), *extensions.own_looks(situation)]
        seconds = disk.SECONDS if situation.timeout is None else situation.timeout + _GRACE_SECONDS
        rows += _rows(away, lambda looks: looking.side_by_side(looks, seconds))
    areas = list(dict.fromkeys(row.area for row in rows))
    return sorted(rows, key=lambda row: areas.index(row.area))


def _rows(looks: list[Look], how: Callable[[list[Look]], list[list[Check]]]) -> list[Row]:
    found = zip(looks, how(looks), strict=True)
    return [_row(look.area, check) for look, checks in found for check in checks]


def _row(area: str, check: Check) -> Row:
    """Return a check as a row: in one line, without secrets, and with nothing in it that moves a terminal."""
    name, text, hint = (one_line(log.redact(str(part or ""))) for part in (check.name, check.text, check.hint))
    return Row(area, name, check.state, text, hint)


@contextmanager
def _quietly() -> Iterator[None]:
    logger = log.logger()
    before = logger.level
    if before != logging.DEBUG:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def as_text(rows: list[Row], style: Callable[..., str]) -> str:
    """Return the report for people; `style` colours a text as `click.style` does."""
    width = max((len(row.name) for row in rows), default=0)
    lines: list[str] = []
    area = ""
    for row in rows:
        if row.area != area:
            area = row.area
            lines += [*([""] if lines else []), style(area, bold=True)]
        state = style(f"{row.state:<7}", fg=_COLORS[row.state])
        lines.append(f"  {state}  {row.name:<{width}}  {row.text}".rstrip())
        if row.hint:
            lines.append(f"{'':>{width + 13}}next: {row.hint}")
    return "\n".join([*lines, "", _summary(rows)])


def _summary(rows: list[Row]) -> str:
    counts = {state: sum(row.state == state for row in rows) for state in (PROBLEM, WARNING)}
    told = [f"{count} {state}{'s' if count > 1 else ''}" for state, count in counts.items() if count]
    return f"{' and '.join(told) or 'no problems'} in {len(rows)} checks"


def as_documents(rows: list[Row]) -> list[dict[str, Any]]:
    """Return the report for programs."""
    return [row._asdict() for row in rows]
