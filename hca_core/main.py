"""The root command, its global options, and the one place where an error becomes a message and an exit status."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager, redirect_stderr
from itertools import pairwise
from typing import TYPE_CHECKING

import click

from hca_core import __version__, colors, discover, http_statuses, messages
from hca_core.commands import completed
from hca_core.context import Hca
from hca_core.errors import ExitStatus, Terminated
from hca_core.lazy import PluginGroup, command_path
from hca_core.log import LEVELS, redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hca_core.http_statuses import Mapped

_SAME_ORDER_SECONDS = 0.5
COMPLETION = "_HCA_COMPLETE"  # set by the shell scripts that `hca completion` prints
_WITH_VALUE = ("--log-level", "--profile", "--map-http-status")  # options of the root
_MACHINE_READABLE = ("json", "jsonl")  # formats of results whose readers get errors as JSON, too

OWN_COMMANDS = {
    "cache": ("hca_core.verbs.cache_store:cache", "Check and tidy the filestore of downloads."),
    "clear-hca-cache": ("hca_core.verbs.cache:clear_hca_cache", "Drop the cached descriptions of services."),
    "completion": ("hca_core.verbs.completion:completion", "Print the completion script of a shell."),
    "config": ("hca_core.verbs.config:config", "Show and change the configuration."),
    "doctor": ("hca_core.verbs.doctor:doctor", "Find out why something does not work here."),
    "help": ("hca_core.verbs.help:help_command", "Show the help of hca or of a command."),
    "man": ("hca_core.verbs.man:man", "Write the manual pages of all commands."),
    "plugins": ("hca_core.verbs.plugins:plugins", "List the installed plugins and check them."),
}


def _parsed_statuses(ctx: click.Context, parameter: click.Parameter, texts: Sequence[str]) -> tuple[Mapped, ...]:
    try:
        return () if ctx.resilient_parsing else http_statuses.parse(texts)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, parameter) from error


def _profiles() -> Iterable[str]:
    from hca_core import profiles
    from hca_core.config import HCAConfig

    return profiles.names(HCAConfig())


@click.group(
    cls=PluginGroup,
    entry_points=discover.PLUGINS,
    own=OWN_COMMANDS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Run 'hca COMMAND --help' for the options of a command.",
)
@click.version_option(__version__, message="hca %(version)s")
@click.option("--log-level", type=click.Choice(LEVELS), help="What to tell on stderr.  [default: INFO]")
@click.option("--debug", is_flag=True, help="Trace requests, and show the Python traceback of an error.")
@click.option("-q", "--quiet", is_flag=True, help="Tell errors only, and draw no bars.")
@click.option("-v", "--verbose", is_flag=True, help="Tell of every request, too.")
@click.option(
    "--profile",
    metavar="NAME",
    help="Use the logins and settings kept under this name.  [default: default]",
    shell_complete=completed(_profiles),
)
@click.option(
    "--map-http-status",
    metavar="HTTP=EXIT,...",
    multiple=True,
    envvar="HCA_MAP_HTTP_STATUS",
    callback=_parsed_statuses,
    help="Exit status (50 to 99) for answers of a service, as 404=50 or 500-599=51.",
)
@click.pass_context
def hca(
    ctx: click.Context,
    log_level: str | None,
    debug: bool,
    quiet: bool,
    verbose: bool,
    profile: str | None,
    map_http_status: tuple[Mapped, ...],
) -> None:
    """The data services of the Human Cell Atlas on the command line."""
    if quiet and (verbose or debug):
        raise click.UsageError(f"--quiet and {'--verbose' if verbose else '--debug'} can't be used together.", ctx)
    state = ctx.ensure_object(Hca)
    state.log_level = log_level or ("ERROR" if quiet else "DEBUG" if verbose or debug else None)
    state.debug, state.profile, state.mapped = debug, profile, map_http_status
    if state.log_level:
        from hca_core import log

        log.set_up(state.log_level)
    if ctx.invoked_subcommand is None:
        _prepare_home()
        click.echo(ctx.get_help())


def run(args: Sequence[str] | None = None) -> int:
    """Run one command line (`args`, or the process's own) and return its exit status. Never raises for bad input."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started this; then nobody is to read it
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - until the process ends
    _write_all_of_it()
    words = list(sys.argv[1:] if args is None else args)
    began = time.monotonic()
    status: int = ExitStatus.DONE
    try:
        status = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        status = _closed_pipe()
    except OSError as error:  # as on a full disk; what a command met itself is told already
        status = status or messages.tell(error, as_json=_wants_json(words))
        messages.discard(sys.stdout)
    try:
        if discover.installed(discover.HOOKS):
            _tell_observers(words, int(status), time.monotonic() - began)
    except KeyboardInterrupt as error:
        return messages.tell(error, as_json=_wants_json(words))
    return status


def _tell_observers(words: list[str], status: int, seconds: float) -> None:
    """Tell observers that a command has ended; help and completion are none, and need not wait for observers."""
    called = ["hca", *words[_first_command(words) :]]
    if len(called) > 1 and COMPLETION not in os.environ and not {"-h", "--help"} & set(called):
        from hca_core import hooks, log

        if not log.logger().handlers:
            log.set_up("INFO")  # no option chose a level, and nothing has read the configuration
        hooks.command_finished(command_path(hca, called), status, seconds)


def _write_all_of_it() -> None:
    """Give stdout a buffer where `PYTHONUNBUFFERED`, usual in containers, took it away.

    Without one Python drops, and does not tell, what the system did not take at once: on a full disk, in a broken pipe.
    """
    if isinstance(getattr(sys.stdout, "buffer", None), io.RawIOBase):
        old = sys.stdout
        sys.stdout = open(  # noqa: SIM115 - until the process ends
            old.fileno(), "w", buffering=1, encoding=old.encoding, errors=old.errors, closefd=False
        )


def _run(words: list[str]) -> int:
    stdout = sys.stdout
    ended: list[float] = []
    state = Hca()
    state.debug = "--debug" in words[: _first_command(words)]  # until the line is read, which may fail

    def told(error: BaseException) -> int:
        return messages.tell(error, as_json=_wants_json(words), mapped=state.mapped)

    try:
        with _sigterm_noted_in(ended), _silence_while_completing():
            result = hca.main(
                args=words,
                prog_name="hca",
                standalone_mode=False,
                terminal_width=_help_width(),
                obj=state,
                color=colors.forced(),
            )
        return result if isinstance(result, int) and not isinstance(result, bool) else ExitStatus.DONE
    except (KeyboardInterrupt, click.Abort) as error:
        return told(Terminated(*getattr(error.__cause__, "args", ())) if ended else error)
    except BrokenPipeError:
        raise
    except click.exceptions.NoArgsIsHelpError as error:
        # A group without a command is a question, not a mistake; click would answer it on stderr with status 2.
        click.echo(error.format_message())
        return ExitStatus.DONE
    except SystemExit as end:
        # click ends so after a completion, and on a closed pipe, which it hides behind a stdout of its own.
        if sys.stdout is not stdout:
            sys.stdout = stdout
            raise BrokenPipeError from end
        return told(end) if isinstance(end.code, str) else end.code or ExitStatus.DONE
    except Exception as error:  # noqa: BLE001 - the one place where any error becomes a message
        if COMPLETION in os.environ:  # in the middle of a line nobody wants to read what went wrong
            return ExitStatus.ERROR
        if state.debug or os.environ.get("HCA_DEBUG"):
            import traceback

            sys.stderr.write(redact(traceback.format_exc()))
        return told(error)


def _wants_json(words: list[str]) -> bool:
    """Tell whether the command line asks for results that programs read; it may be one that can't be parsed."""
    ours = words[: words.index("--")] if "--" in words else words
    apart = any(word == "--output" and value in _MACHINE_READABLE for word, value in pairwise(ours))
    return apart or any(f"--output={name}" in ours for name in _MACHINE_READABLE)


@contextmanager
def _silence_while_completing() -> Iterator[None]:
    """Let nothing be said into the line that somebody is typing."""
    if COMPLETION not in os.environ:
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
        yield


@contextmanager
def _sigterm_noted_in(came: list[float]) -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does: batch systems send it before they kill, and what has come is kept.

    Parameters: `came` gets the time of the signal. Where somebody else decides what SIGTERM does (who started this
    process with the signal ignored, or a program that calls `run` in a thread), that remains so.
    """

    def end(_number: int, _frame: object) -> None:
        now = time.monotonic()
        if came and now - came[-1] < _SAME_ORDER_SECONDS:
            return  # `timeout` and batch systems send it to the process and to its group: it is on its way already
        came.append(now)
        raise Terminated

    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _closed_pipe() -> int:
    messages.discard(sys.stdout)
    return ExitStatus.CLOSED_PIPE


def _first_command(words: list[str]) -> int:
    """Return the position of the first word that is not a global option or its value."""
    position = 0
    while position < len(words) and words[position].startswith("-"):
        position += 2 if words[position] in _WITH_VALUE else 1
    return position


def _help_width() -> int:
    """Return how wide a help page is, as click chooses it; click would import shutil for that, which costs 7 ms."""
    try:
        columns = int(os.environ.get("COLUMNS") or 0) or os.get_terminal_size(sys.stdout.fileno()).columns
    except (ValueError, OSError):
        columns = 0
    return max(min(columns or 80, 80) - 2, 50)


def _prepare_home() -> None:
    """Make the user's configuration folder, with an empty file in it, so that the documented overlay recipe works.

    Only bare `hca` does so; a home that can't be written is no reason to refuse the help.
    """
    from hca_core import paths

    try:
        paths.make_private_dir(paths.config_dir())
        descriptor = os.open(paths.config_file(), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write("{}\n")
    except OSError:
        pass
