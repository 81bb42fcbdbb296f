"""The system's keyring, if there is one that works: an optional place for the secrets that login keeps.

Every call is a child process with a time limit, not a thread. Backends wait for a person (a prompt to unlock) or for
a service that never answers, some in C and some in exit handlers: a process can be ended from outside whatever it
hangs in, its prompt goes with it, and nothing of it can write a secret after the caller was told that it failed, or
delay the end of the caller. It costs about a tenth of a second, most of which `keyring` needs anyhow.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from hca_core.errors import HCAError

if TYPE_CHECKING:
    from subprocess import Popen

SECONDS = 5.0
_CHILD = os.path.join(os.path.dirname(__file__), "keyring_process.py")
_HINT = "hca can keep logins in a file instead"


class KeyringError(HCAError):
    """The system's keyring can't be used, or did not do what it was asked to."""


def read(name: str) -> str | None:
    """Return the secret that the keyring has under `name`, or None. Raises KeyringError."""
    found = _asked({"action": "read", "name": name})
    return None if found is None else str(found)


def write(name: str, secret: str) -> None:
    """Keep `secret` under `name` in the keyring. Raises KeyringError unless it is there to be read again."""
    _asked({"action": "write", "name": name, "secret": secret})


def delete(name: str) -> None:
    """Forget what the keyring has under `name`, if it has anything. Raises KeyringError."""
    _asked({"action": "delete", "name": name})


def _asked(request: dict[str, str]) -> Any:
    """Return what the child process answers to `request`. Raises KeyringError."""
    import subprocess

    try:
        child = _started()
    except (OSError, ValueError) as error:
        raise KeyringError(f"the system's keyring can't be asked: {error}", hint=_HINT) from error
    with child:
        try:
            output = child.communicate(json.dumps(request).encode(), SECONDS)[0]
        except subprocess.TimeoutExpired:
            _kill(child)
            problem = f"the system's keyring did not answer in {SECONDS:.0f} seconds; it may be locked"
            raise KeyringError(problem, hint=f"unlock it and try again, or do without: {_HINT}") from None
        except BaseException:  # Ctrl-C above all: the child has a session of its own and does not see it
            _kill(child)
            raise
    try:
        answer = json.loads(output)
    except ValueError:
        ended = f"the system's keyring ended its process (status {child.returncode})"
        raise KeyringError(ended, hint=_HINT) from None
    if "problem" in answer:
        raise KeyringError(str(answer["problem"]), hint=str(answer.get("hint") or _HINT))
    return answer["value"]


def _started() -> Popen[bytes]:
    """Start the child process. Raises OSError, ValueError.

    `-P` keeps the current directory, where anybody may have put a `keyring.py`, out of its path. In a session of its
    own it has no terminal, so a backend that would ask for a password there fails at once.
    """
    import subprocess
    import sys

    if not sys.executable:
        raise ValueError("this Python does not know its own program")
    return subprocess.Popen(
        [sys.executable, "-P", _CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _kill(child: Popen[bytes]) -> None:
    """End the child process and what it has started (a prompt may be a program); all of them are its process group."""
    import signal

    try:
        if os.name == "posix":
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
    except OSError:
        pass  # it has just ended by itself
