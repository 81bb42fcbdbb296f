"""Errors that `hca` tells people: each class has its exit status, each instance can say the next step."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from requests import Response


class ExitStatus(IntEnum):
    """How a command ended; documented in the README."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    LOGIN = 3
    NOT_FOUND = 4
    NETWORK = 5
    INTEGRITY = 6
    PARTLY = 7
    PLUGIN = 8
    INTERRUPTED = 130
    CLOSED_PIPE = 141
    TERMINATED = 143


class Terminated(KeyboardInterrupt):
    """SIGTERM, which batch systems send: ends a command as Ctrl-C does, with an exit status of its own."""


class HCAError(Exception):
    """Something went wrong that a person should be told in one sentence.

    Parameters: `message` says what is wrong, `hint` what to do next.
    """

    exit_status: ExitStatus = ExitStatus.ERROR
    _hint: str | None = None

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message

    @property
    def hint(self) -> str | None:
        """The next step; also a note of the exception (PEP 678), as tracebacks of Python and notebooks show those."""
        return self._hint

    @hint.setter
    def hint(self, hint: str | None) -> None:
        others = [note for note in getattr(self, "__notes__", []) if note != f"next: {self._hint}"]
        self._hint = hint
        self.__notes__ = [*others, f"next: {hint}"] if hint else others

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what is pickled: the kind, the message, and what is text or a number.

        Objects become None. The response of a service is one: its request has the token in it.
        """
        told = {name: value if isinstance(value, _PLAIN) else None for name, value in vars(self).items()}
        told.pop("__notes__", None)  # the hint is among the rest
        return _told_elsewhere, (type(self), self.message, told)


# What an error takes along into another process.
_PLAIN = (str, int, float, type(None))


def _told_elsewhere(kind: type[HCAError], message: str, told: dict[str, Any]) -> HCAError:
    """Return an error that came out of a pickle; kinds that are made of a response can't be made by their name."""
    made = kind.__new__(kind, message)
    made.args = (message,)  # errors that are of the system, too, take it in __init__ only
    vars(made).update(told)
    made.hint = made._hint
    return made


class UsageError(HCAError, ValueError):
    """The command or the call was put wrongly; nothing was sent and nothing written."""

    exit_status = ExitStatus.USAGE


class ConfigError(UsageError):
    """A configuration source can't be used as it is."""


class LoginError(HCAError):
    """A login is needed, or the service refused the one it was shown."""

    exit_status = ExitStatus.LOGIN


class NotFoundError(HCAError):
    """What was asked for does not exist."""

    exit_status = ExitStatus.NOT_FOUND


class NetworkError(HCAError):
    """The network or the service gave up, and so did we."""

    exit_status = ExitStatus.NETWORK


class IntegrityError(HCAError):
    """Bytes have another size or checksum than they were promised to have."""

    exit_status = ExitStatus.INTEGRITY


class PartialError(HCAError):
    """Some items failed, the others are done; the message counts them."""

    exit_status = ExitStatus.PARTLY


class PluginError(HCAError):
    """A plugin can't be used."""

    exit_status = ExitStatus.PLUGIN


class ServiceError(HCAError):
    """The service answered with an error status.

    `code` is the HTTP status, `reason` the service's own machine-readable code (or the HTTP reason), `title`,
    `stacktrace` and `details` what else its body told; the names are the published ones of `SwaggerAPIException`.
    `request_id` is what the operators of the service find the request by, None where it gives none.
    """

    def __init__(self, response: Response, problem: object, hint: str | None = None) -> None:
        from urllib.parse import urlsplit  # here: every start of `hca` loads this module, and urllib.parse costs 3 ms

        document = problem if isinstance(problem, dict) else {}
        self.response = response
        self.code: int = response.status_code
        self.reason = str(document.get("code") or document.get("error") or response.reason or "error")
        self.title = str(document.get("title") or document.get("error_description") or "")
        self.stacktrace = str(document.get("stacktrace") or "")
        self.details: object = problem
        # RFC 9457: the title names the kind of problem, the detail says what it is this time.
        text = str(document.get("detail") or self.title or (problem if isinstance(problem, str) else ""))
        told = one_line(f"{self.reason}: {text}" if text.strip() else self.reason)
        asked = f"{response.request.method} {urlsplit(response.url).path}" if response.request else ""
        self.request_id = response.headers.get("X-AWS-REQUEST-ID")
        request = one_line(f", request {self.request_id}") if self.request_id else ""
        super().__init__(f"{told} (HTTP {self.code}, {asked}{request})", hint)
        self.exit_status = _exit_status_of(self.code)


class ServiceRefusedError(ServiceError, LoginError):
    """The service wants a login, or refuses the one it got (401, 403)."""


class ServiceNotFoundError(ServiceError, NotFoundError):
    """The service does not have what was asked for (404, 410)."""


def service_error(response: Response, problem: object) -> ServiceError:
    """Return the error for a `response` of status 400 or above whose decoded body is `problem` (a document or text)."""
    if response.status_code in (401, 403):
        return ServiceRefusedError(response, problem, hint="log in, or use an account that may do this")
    if response.status_code in (404, 410):
        hint = "check the names and ids; 'hca config list --show-origin' tells which service was asked"
        return ServiceNotFoundError(response, problem, hint)
    return ServiceError(response, problem)


def one_line(text: str) -> str:
    """Return what a service said as a piece of a sentence: short, and with nothing in it that moves a terminal."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in " ".join(text[:1000].split()))[
        :320
    ]


def _exit_status_of(code: int) -> ExitStatus:
    if code in (401, 403):
        return ExitStatus.LOGIN
    if code in (404, 410):
        return ExitStatus.NOT_FOUND
    if code == 429 or (code >= 500 and code not in (501, 505)):  # what it can't do, it can't do later either
        return ExitStatus.NETWORK
    return ExitStatus.ERROR


def os_error_text(error: OSError) -> str:
    """Return one sentence for an error of the operating system: the file, then the reason."""
    reason = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {reason}" if error.filename else reason


def several(problems: Sequence[str], what: str, *, most: int = 20) -> str:
    """Return one message for many `problems`: a sentence with their number, then `most` of them, a line each."""
    lines = [f"{what}: {len(problems)} problem{'s' if len(problems) > 1 else ''}"]
    lines += [f"  {problem}" for problem in problems[:most]]
    if len(problems) > most:
        lines.append(f"  ... and {len(problems) - most} more")
    return "\n".join(lines)
