"""The root command, its global options, and the one place where an error becomes a message and an exit status."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import click

from hca_core import __version__, discover
from hca_core.context import Hca
from hca_core.errors import ExitStatus, HCAError, PluginError
from hca_core.lazy import PluginGroup
from hca_core.log import LEVELS, redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SAME_ORDER_SECONDS = 0.5
COMPLETION = "_HCA_COMPLETE"  # set by the shell scripts that `hca completion` prints

OWN_COMMANDS = {
    "cache": ("hca_core.verbs.cache_store:cache", "Check and tidy the filestore of downloads."),
    "clear-hca-cache": ("hca_core.verbs.cache:clear_hca_cache", "Drop the cached descriptions of services."),
    "completion": ("hca_core.verbs.completion:completion", "Print the completion script of a shell."),
    "config": ("hca_core.verbs.config:config", "Show and change the configuration."),
    "help": ("hca_core.verbs.help:help_command", "Show the help of hca or of a command."),
    "plugins": ("hca_core.verbs.plugins:plugins", "List the installed plugins and check them."),
}


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
@click.option("--profile", metavar="NAME", help="Use the logins kept under this name.  [default: default]")
@click.pass_context
def hca(ctx: click.Context, log_level: str | None, debug: bool, profile: str | None) -> None:
    """The data services of the Human Cell Atlas on the command line."""
    ctx.obj = Hca(log_level, debug=debug, profile=profile)
    if ctx.invoked_subcommand is None:
        _prepare_home()
        click.echo(ctx.get_help())


def run(args: Sequence[str] | None = None) -> int:
    """Run one command line (`args`, or the process's own) and return its exit status. Never raises for bad input."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started this; then nobody is to read it
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - until the process ends
    try:
        status = _run(list(sys.argv[1:] if args is None else args))
        sys.stdout.flush()
    except BrokenPipeError:
        return _closed_pipe()
    return status


def _run(words: list[str]) -> int:
    debug = "--debug" in words[: _first_command(words)] or bool(os.environ.get("HCA_DEBUG"))
    stdout = sys.stdout
    ended: list[float] = []
    try:
        with _sigterm_noted_in(ended):
            result = hca.main(args=words, prog_name="hca", standalone_mode=False, terminal_width=_help_width())
        return result if isinstance(result, int) and not isinstance(result, bool) else ExitStatus.DONE
    except (KeyboardInterrupt, click.Abort):
        if ended:
            _say("ended by SIGTERM")
            return ExitStatus.TERMINATED
        _say("interrupted")
        return ExitStatus.INTERRUPTED
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
        return _exit_code(end)
    except Exception as error:  # noqa: BLE001 - the one place where any error becomes a message
        if COMPLETION in os.environ:  # in the middle of a line nobody wants to read what went wrong
            return ExitStatus.ERROR
        if debug:
            import traceback

            sys.stderr.write(redact(traceback.format_exc()))
        return _told(error)


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
        raise KeyboardInterrupt

    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _told(error: Exception) -> int:
    """Say what went wrong in one sentence and return the exit status."""
    if isinstance(error, click.UsageError):
        _say(redact(error.format_message()))
        if error.ctx is not None:
            _say(f"try '{error.ctx.command_path} --help'", prefix="")
        return ExitStatus.USAGE
    if isinstance(error, click.ClickException):
        _say(redact(error.format_message()))
        return error.exit_code
    if isinstance(error, PluginError):
        _say(redact(f"{error.message}; next: {error.hint}"))
        return error.exit_status
    if isinstance(error, HCAError):
        _say(redact(error.message))
        if error.hint:
            _say(f"next: {error.hint}", prefix="")
        return error.exit_status
    if isinstance(error, OSError):
        _say(redact(os_error_text(error)))
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):
            _say("next: make room, then run the same command again", prefix="")
        return ExitStatus.ERROR
    _say(f"unexpected {type(error).__name__}: {redact(str(error))}")
    _say("next: run it again as 'hca --debug ...' and report what that shows", prefix="")
    return ExitStatus.ERROR


def os_error_text(error: OSError) -> str:
    """Return one sentence for an error of the operating system: the file, then the reason."""
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else reason


def _say(text: str, prefix: str = "hca: ") -> None:
    """Write a line to stderr; the prefix is red on a terminal unless NO_COLOR is set (no-color.org)."""
    try:
        if prefix and sys.stderr.isatty() and not os.environ.get("NO_COLOR"):
            prefix = click.style(prefix, fg="red")
        sys.stderr.write(f"{prefix}{text}\n")
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr)  # nobody listens any more; the exit status still tells


def _exit_code(end: SystemExit) -> int:
    """Return the exit status that `sys.exit` was called with; a text is told, as Python would."""
    if isinstance(end.code, str):
        _say(end.code)
        return ExitStatus.ERROR
    return end.code or ExitStatus.DONE


def _closed_pipe() -> int:
    _discard(sys.stdout)
    return ExitStatus.CLOSED_PIPE


def _discard(stream: TextIO) -> None:
    """Let what `stream` still holds go nowhere: Python would try to write it at exit, and change the exit status."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):
        pass  # a stream without a file, as a test has


def _first_command(words: list[str]) -> int:
    """Return the position of the first word that is not a global option or its value."""
    position = 0
    while position < len(words) and words[position].startswith("-"):
        position += 2 if words[position] in ("--log-level", "--profile") else 1
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
