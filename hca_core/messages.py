"""What `hca` says on stderr of the error that ended a command: a sentence and a next step, or one line of JSON."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import click

from hca_core import colors, http_statuses
from hca_core.errors import ExitStatus, HCAError, PluginError, ServiceError, Terminated, os_error_text
from hca_core.log import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hca_core.http_statuses import Mapped

_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_MOST_CAUSES = 20


class Problem(NamedTuple):
    """An error in words: what is wrong, what to do next, the exit status; `joint` stands between the two in text."""

    kind: str
    message: str
    exit_status: int
    hint: str | None = None
    joint: str = "\nnext: "

    @property
    def text(self) -> str:
        """The sentence and the next step as people read them."""
        return self.message + self.joint + self.hint if self.hint else self.message


def tell(error: BaseException, *, as_json: bool = False, mapped: Sequence[Mapped] = ()) -> int:
    """Say what went wrong and return the exit status.

    Parameters: with `as_json` it is one line of JSON; `mapped` are the exit statuses that were chosen for answers of
    services.
    """
    problem = problem_of(error)
    answer = _answer(error)
    if answer is not None:
        chosen = http_statuses.exit_status(mapped, answer.code)
        problem = problem._replace(exit_status=problem.exit_status if chosen is None else chosen)
    if as_json:
        _write(_json_line(problem, answer))
    else:
        prefix = "hca: "
        if colors.on(sys.stderr):
            prefix = click.style(prefix, fg="red")
        _write(prefix + redact(problem.text))
    return problem.exit_status


def problem_of(error: BaseException) -> Problem:
    """Return `error` in words; secrets are still in it."""
    if isinstance(error, click.UsageError):
        return _usage(error)
    if isinstance(error, click.ClickException):
        return Problem("Error", error.format_message(), error.exit_code)
    if isinstance(error, HCAError):
        joint = "; next: " if isinstance(error, PluginError) else "\nnext: "
        return Problem(type(error).__name__, error.message, int(error.exit_status), error.hint, joint)
    if isinstance(error, Terminated):
        return Problem("Terminated", "ended by SIGTERM", ExitStatus.TERMINATED, _next_step(error))
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return Problem("Interrupted", "interrupted", ExitStatus.INTERRUPTED, _next_step(error))
    if isinstance(error, SystemExit):
        return Problem("Error", str(error.code), ExitStatus.ERROR)
    if isinstance(error, OSError):
        return Problem(type(error).__name__, os_error_text(error), ExitStatus.ERROR, _os_hint(error))
    told = f"unexpected {type(error).__name__}" + (f": {error}" if str(error) else "")
    hint = "run it again as 'hca --debug ...' and report what that shows"
    return Problem(type(error).__name__, told, ExitStatus.ERROR, hint)


def _next_step(error: BaseException) -> str | None:
    """Return the next step after Ctrl-C or SIGTERM: what the exception says, which click may have put into its own."""
    cause = error.__cause__ if isinstance(error, click.Abort) else error
    return str(cause) or None if isinstance(cause, KeyboardInterrupt) else None


def _usage(error: click.UsageError) -> Problem:
    # click lists the choices of a missing option below each other.
    message = _misplaced(error) or error.format_message().replace(":\n\t", ": ").replace(",\n\t", ", ")
    hint = f"try '{error.ctx.command_path} --help'" if error.ctx is not None else None
    return Problem("UsageError", message, ExitStatus.USAGE, hint, joint="\n")


def _misplaced(error: click.UsageError) -> str | None:
    """Return a sentence if an option of `hca` itself was put behind a command, where it is none."""
    if not isinstance(error, click.NoSuchOption) or error.ctx is None or error.ctx.parent is None:
        return None
    root = error.ctx.find_root()
    for option in root.command.params:
        if isinstance(option, click.Option) and error.option_name in option.opts:
            value = "" if option.is_flag else f" {option.make_metavar(root)}"
            below = error.ctx.command_path.removeprefix(f"{root.info_name} ")
            return f"{error.option_name} is an option of hca itself: hca {error.option_name}{value} {below} ..."
    return None


def _os_hint(error: OSError) -> str | None:
    if error.errno in _FULL:
        return "make room, then run the same command again"
    if error.errno in _FORBIDDEN and error.filename:
        return "see whose it is and what they may do with it (ls -ld), or name another place"
    if error.errno == errno.EMFILE:
        return "let this shell open more files: ulimit -n 4096"
    return None


def _answer(error: BaseException) -> ServiceError | None:
    """Return the answer of a service that `error` is, or was made from."""
    return next((one for one in _causes(error) if isinstance(one, ServiceError)), None)


def _causes(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if one is None:
            return
        yield one
        one = one.__cause__


def _json_line(problem: Problem, answer: ServiceError | None) -> str:
    import json

    from hca_core.config import redacted

    told: dict[str, Any] = problem._asdict()
    del told["joint"]
    if answer is not None:
        told |= {"http_status": answer.code, "reason": answer.reason, "request_id": answer.request_id}
        told["details"] = answer.details
    try:
        return json.dumps({"error": redacted(told)}, default=str)
    except RecursionError:  # lists within lists within lists: what a service sends may be nested so
        return json.dumps({"error": redacted({**told, "details": None})}, default=str)


def _write(text: str) -> None:
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except OSError:
        discard(sys.stderr)  # nobody listens any more; the exit status still tells


def discard(stream: TextIO) -> None:
    """Let what `stream` still holds go nowhere: Python would try to write it at exit, and change the exit status."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):
        pass  # a stream without a file, as a test has
