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

from hca_core.commands import LOCAL_PATH, Verb, output_options
from hca_core.context import Hca

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hca_core.errors import HCAError
    from hca_core.output import Show
    from hca_core.transfer.report import Report
    from hca_core.transfer.run import Order

HOW, INSTEAD, TOLD, WHERE = "Speed and patience", "Instead of fetching", "What is told", "More than one machine"
_DAY = 86_400  # seconds
EMIT = ("urls", "aria2", "curl", "s5cmd")  # those of hca_core.transfer.emit, which a help page does not load


class TransferVerb(Verb):
    """A verb whose help page has its many options in groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, those of a `section` below its name, behind all others."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and not isinstance(parameter, click.Argument):  # the text tells of those
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
    """A number of at least `least` with a unit, as 20M or 2h."""

    def __init__(self, name: str, units: Mapping[str, float], least: float, examples: str) -> None:
        self.name = name
        self._units = units
        self._least = least
        self._examples = examples

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number in its smallest unit. Raises click.BadParameter."""
        if isinstance(value, (int, float)):
            return value
        match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)([A-Za-z]?)", value, re.ASCII)
        number = float(match[1]) * self._units.get(match[2], 0.0) if match else 0.0
        if number < self._least:
            self.fail(f"{value!r} is not {self._examples}.", param, ctx)
        return number


class _Delay(click.FloatRange):
    """A number of seconds from 0 to a day."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number. Raises click.BadParameter."""
        number: float = super().convert(value, param, ctx)
        if not number <= _DAY:  # nor is nan
            self.fail(f"{value!r} is not a number of seconds up to {_DAY:,}, a day.", param, ctx)
        return number


_BYTES = {"": 1, **{letter: 1000.0**power for power, pair in enumerate(("kK", "mM", "gG"), 1) for letter in pair}}
RATE = _Number("rate", _BYTES, 1, "a number of bytes a second, at least 1, such as 500000, 800K, 20M or 1.5G")
SIZE = _Number("size", _BYTES, 1, "a number of bytes, at least 1, such as 500000, 800K, 20M or 1.5G")
TIME = _Number(
    "time",
    {"": 1, "s": 1, "m": 60, "h": 3600, "d": _DAY},
    0.001,
    "a length of time above 0, such as 90, 30m or 2h",
)


def transfer_options(function: Callable[..., Report]) -> Callable[..., None]:
    """Give a verb all options on how files are fetched, `--output` and `--query`; it gets a keyword `order`."""

    @functools.wraps(function)
    def with_order(*arguments: Any, show: Show, report: str, **settings: Any) -> None:
        _check_places(report, settings["events"], settings["failures"])
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
        option(HOW, "--min-delay-seconds", type=_Delay(min=0), default=0.25, show_default=True, help=delay),
        option(HOW, "--time-limit", type=TIME, metavar="TIME", help="End after 90 (seconds), 30m, 2h; keep what came."),
        option(HOW, "--verify", is_flag=True, help="Read what is there, even if it looks untouched."),
        option(INSTEAD, "--dry-run", is_flag=True, help="Tell what there is to do, and do nothing."),
        option(INSTEAD, "--emit", type=click.Choice(EMIT), help="Print what this tool needs to fetch it."),
        option(TOLD, "--no-progress", is_flag=True, help="No progress bar, and no line at the end."),
        option(TOLD, "--report", type=LOCAL_PATH, default="", metavar="FILE", help="Write the report to a file, too."),
        option(
            TOLD,
            "--events",
            type=LOCAL_PATH,
            default="",
            metavar="FILE",
            help="Append events as lines of JSON ('-': to stderr).",
        ),
        option(
            TOLD,
            "--failures",
            type=LOCAL_PATH,
            default="",
            metavar="FILE",
            help="Write what failed, for --retry-failed.",
        ),
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


def _check_places(report: str, events: str, failures: str) -> None:
    """Raise UsageError, before anything is sent, if something of what is told can't be written where it should go."""
    if not (report or events or failures):
        return
    from hca_core.errors import UsageError
    from hca_core.transfer import events as telling
    from hca_core.transfer import failures as losing
    from hca_core.transfer import outputs

    if report:
        outputs.check(report, "the report", outputs.REPORT)
    if events not in ("", "-"):
        telling.check(events)
    if failures:
        losing.check(failures)
    if outputs.are_one(path for path in (report, events, failures) if path not in ("", "-")):
        raise UsageError("--report, --events and --failures need a file each")


def _run(function: Callable[..., Report], show: Show, path: str, settings: dict[str, Any]) -> None:
    """Call the verb with its order, and tell its report; raise the error that it ended with, if some files failed."""
    import time

    from hca_core import progress
    from hca_core.transfer.report import DownloadError

    began = time.monotonic()
    error: HCAError | None = None
    with _ordered(settings) as (order, is_watched):
        try:
            report = function(order=order, **settings)
        except DownloadError as failed:
            report, error = failed.report, failed
        except KeyboardInterrupt as interrupted:
            if order.fetches:
                interrupted.args = ("run the same command again: it goes on with what came",)
            raise
    if not order.emit:  # then stdout belongs to the other tool
        show(report.document())
    if is_watched:
        progress.say(report.in_words(time.monotonic() - began))
    if path:
        error = _write(path, report.document(), error)
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
    is_watched = not settings.pop("no_progress") and not to_stderr and not log.is_quiet()
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


def _write(path: str, document: Any, error: HCAError | None) -> HCAError | None:
    """Write the report, and return the `error` to end with: if there is none yet, that it can't be written."""
    import json

    from hca_core import log
    from hca_core.errors import HCAError
    from hca_core.transfer import outputs

    try:
        with outputs.replacing(path) as stream:
            stream.write(json.dumps(document, indent=2).encode() + b"\n")
    except OSError as problem:
        told = f"the report can't be written to {path}: {problem.strerror}"
        if error is None:
            return HCAError(told)
        log.logger().warning("%s", told)
    return error
