"""The options of verbs that download many files, for any plugin: they become an `hca_core.transfer.run.Order`.

    @group.command("fetch", cls=TransferVerb)
    @click.argument("name")
    @transfer_options
    def fetch(order, name):
        return Client().fetch(name, order=order)

The verb returns the `Report` of its run; it is shown, written to a file, and told in a line, as the options say.
"""

from __future__ import annotations

import functools
import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from hca_core.commands import Verb, output_options
from hca_core.context import Hca

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hca_core.output import Show
    from hca_core.transfer.report import Report
    from hca_core.transfer.run import Order

HOW, INSTEAD, TOLD, WHERE = "Speed and patience", "Instead of fetching", "What is told", "More than one machine"
EMIT = ("urls", "aria2", "curl", "s5cmd")  # those of hca_core.transfer.emit, which a help page does not load


class TransferVerb(Verb):
    """A verb whose help page has its many options in groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, those of a `section` below its name, behind all others."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                sections.setdefault(getattr(parameter, "section", "Options"), []).append(record)
        for name, records in sections.items():
            with formatter.section(name):
                formatter.write_dl(records)


class SectionOption(click.Option):
    """An option that stands in a group of its own on the help page."""

    def __init__(self, *arguments: Any, section: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.section = section


class _Number(click.ParamType[float]):
    """A positive number with a unit, as 20M or 2h."""

    def __init__(self, name: str, units: Mapping[str, float], examples: str) -> None:
        self.name = name
        self._units = units
        self._examples = examples

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number in its smallest unit. Raises click.BadParameter."""
        if isinstance(value, (int, float)):
            return value
        match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)([A-Za-z]?)", value, re.ASCII)
        unit = self._units.get(match[2]) if match else None
        if not match or unit is None or not float(match[1]):
            self.fail(f"{value!r} is not {self._examples}.", param, ctx)
        return float(match[1]) * unit


RATE = _Number(
    "rate",
    {"": 1, **{letter: 1000.0**power for power, pair in enumerate(("kK", "mM", "gG"), 1) for letter in pair}},
    "a number of bytes a second above 0, such as 500000, 800K, 20M or 1.5G",
)
TIME = _Number(
    "time", {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}, "a length of time above 0, such as 90, 30m or 2h"
)


def transfer_options(function: Callable[..., Report]) -> Callable[..., None]:
    """Give a verb all options on how files are fetched, `--output` and `--query`; it gets a keyword `order`."""

    @functools.wraps(function)
    def with_order(*arguments: Any, show: Show, report: str, **settings: Any) -> None:
        _check_report(report)
        _run(functools.partial(function, *arguments), show, report, settings)

    verb: Callable[..., Any] = with_order
    for option in [*reversed(_options()), output_options("json")]:
        verb = option(verb)
    return verb


def _options() -> list[Callable[[Callable[..., Any]], Callable[..., Any]]]:
    def option(section: str, *names: str, **settings: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        return click.option(*names, cls=SectionOption, section=section, **settings)

    retries = "Failures that a file may have; good blocks make up for them."
    delay = "Shortest wait after a failure; doubles with each."
    return [
        option(
            HOW, "--jobs", type=click.IntRange(1, 256), help="Files to fetch side by side.  [default: adapts itself]"
        ),
        option(HOW, "--max-rate", type=RATE, metavar="RATE", help="Most bytes a second in all, as 800K, 20M or 1.5G."),
        option(HOW, "--num-retries", type=click.IntRange(min=0), default=10, show_default=True, help=retries),
        option(HOW, "--min-delay-seconds", type=click.FloatRange(min=0), default=0.25, show_default=True, help=delay),
        option(HOW, "--time-limit", type=TIME, metavar="TIME", help="End after 90 (seconds), 30m, 2h; keep what came."),
        option(HOW, "--verify", is_flag=True, help="Read what is there, even if it looks untouched."),
        option(INSTEAD, "--dry-run", is_flag=True, help="Tell what there is to do, and do nothing."),
        option(INSTEAD, "--emit", type=click.Choice(EMIT), help="Print what this tool needs to fetch it."),
        option(TOLD, "--no-progress", is_flag=True, help="No progress bar, and no line at the end."),
        option(TOLD, "--report", default="", metavar="FILE", help="Write the report to a file, too."),
        option(TOLD, "--events", default="", metavar="FILE", help="Append events as lines of JSON ('-': to stderr)."),
        option(TOLD, "--failures", default="", metavar="FILE", help="Write what failed, for --retry-failed."),
        option(
            WHERE,
            "--shard",
            default="",
            metavar="I/N",
            callback=_checked_shard,
            help="Do part I of N; 'env': that of this array job.",
        ),
        option(WHERE, "--executor", metavar="URL", help="Fetch on a Dask cluster: dask://HOST:PORT."),
    ]


def _checked_shard(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    if value and not ctx.resilient_parsing:
        from hca_core.transfer import shards

        shards.parse(value, os.environ)
    return value


def _check_report(path: str) -> None:
    from hca_core.errors import UsageError

    folder = os.path.dirname(path) or "."
    if path and (os.path.isdir(path) or not os.access(folder, os.W_OK)):
        why = "it is a directory" if os.path.isdir(path) else f"there is no directory {folder} that can be written to"
        raise UsageError(f"the report can't be written to {path}: {why}")


def _run(function: Callable[..., Report], show: Show, path: str, settings: dict[str, Any]) -> None:
    """Call the verb with its order, and tell its report; raise the error that it ended with, if some files failed."""
    import time

    from hca_core import progress
    from hca_core.transfer.report import DownloadError

    began = time.monotonic()
    error = None
    with _ordered(settings) as (order, is_watched):
        try:
            report = function(order=order, **settings)
        except DownloadError as failed:
            report, error = failed.report, failed
    if path:
        _write(path, report.document())
    if not order.emit:  # then stdout belongs to the other tool
        show(report.document())
    if is_watched:
        progress.say(report.in_words(time.monotonic() - began))
    if error is not None:
        raise error


@contextmanager
def _ordered(settings: dict[str, Any]) -> Iterator[tuple[Order, bool]]:
    """Give the order that the options make, which are taken out of `settings`, and whether a person watches."""
    from hca_core import log, progress
    from hca_core.transfer.run import Order
    from hca_core.transfer.values import Settings

    Hca.current().config  # noqa: B018 - sets the level of the log
    given = {name: settings.pop(name) for name in ("dry_run", "emit", "failures", "shard", "executor")}
    given["emit"] = given["emit"] or ""
    how = Settings(
        jobs=settings.pop("jobs"),
        max_rate=settings.pop("max_rate"),
        retries=settings.pop("num_retries"),
        min_delay=settings.pop("min_delay_seconds"),
        verify=settings.pop("verify"),
        time_limit=settings.pop("time_limit"),
    )
    events = settings.pop("events")
    to_stderr = events == "-"
    is_watched = not settings.pop("no_progress") and not to_stderr and log.logger().isEnabledFor(20)
    draws = is_watched and not given["dry_run"] and not given["emit"]
    with progress.bytes_bar(None, enabled=draws) as bar:
        yield (
            Order(
                settings=how,
                write=_to_stdout,
                events=progress.stderr() if to_stderr else events,
                bar=bar if draws else None,
                **given,
            ),
            is_watched,
        )


def _to_stdout(text: str) -> None:
    with click.open_file("-", "wb") as stream:  # bytes: the other tool reads UTF-8, whatever the terminal does
        stream.write(text.encode())


def _write(path: str, document: Any) -> None:
    import json

    from hca_core import files

    files.write_atomic(path, json.dumps(document, indent=2).encode() + b"\n", mode=0o666)
