"""What `hca_core.credentials.keyring` runs as a process: one request (JSON) on stdin, one answer (JSON) on stdout.

It is started by its path and imports nothing of `hca`, so it costs little more than `keyring` itself.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

_SERVICE = "hca"  # what the entries are filed under; people see it in their keyring's own program


class _UnusableError(Exception):
    """There is no keyring that may be trusted with a secret, or it does not do what it says."""


def main() -> None:
    """Answer one request. The process ends at once after it: a backend's exit handlers may hang."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="ascii")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a backend prints is no answer
    request = json.load(sys.stdin)
    answers.write(json.dumps(_answer(request)))
    answers.flush()
    os._exit(0)


def _answer(request: dict[str, str]) -> dict[str, Any]:
    try:
        from keyring.errors import KeyringLocked, NoKeyringError
    except ImportError:
        return {
            "problem": "the system's keyring needs the Python package keyring, which is not installed",
            "hint": "pip install 'hca-core[keyring]'",
        }
    try:
        _choose()
        return {"value": _done(request)}
    except _UnusableError as error:
        return {"problem": str(error)}
    except NoKeyringError:
        return {"problem": "this machine has no keyring that keeps secrets safely"}
    except KeyringLocked:
        return {"problem": "the system's keyring is locked", "hint": "unlock it and try again"}
    except Exception as error:  # noqa: BLE001 - backends raise what they like
        told = f"{type(error).__name__}: {error}".replace(request.get("secret") or "\0", "***")
        return {"problem": f"the system's keyring failed: {' '.join(told.split())[:200]}"}


def _choose() -> None:
    """Let `keyring` find its backend; one that is not safe counts only if the environment names it.

    The limit also holds for the backend that asks several others in turn. Raises _UnusableError.
    """
    import keyring.core

    if os.environ.get("PYTHON_KEYRING_BACKEND"):
        return
    os.environ.pop("PYTHON_KEYRING_BACKEND", None)  # an empty one names nothing, but `keyring` would load it
    keyring.core.init_backend(keyring.core.recommended)
    backend = keyring.get_keyring()
    if not keyring.core.recommended(backend):
        raise _UnusableError(f"this machine has no keyring that keeps secrets safely (keyring offers: {backend.name})")


def _done(request: dict[str, str]) -> str | None:
    """Do what is asked and return the secret, if it was asked for. Raises whatever the backend does."""
    import keyring

    name = request["name"]
    if request["action"] == "read":
        return keyring.get_password(_SERVICE, name)
    if request["action"] == "write":
        keyring.set_password(_SERVICE, name, request["secret"])
        if keyring.get_password(_SERVICE, name) != request["secret"]:
            raise _UnusableError("the system's keyring does not give back what it was given")
    elif keyring.get_password(_SERVICE, name) is not None:
        keyring.delete_password(_SERVICE, name)
    return None


if __name__ == "__main__":
    main()
