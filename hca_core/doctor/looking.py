"""Looking at one thing after the other, or at many side by side: what fails or hangs takes no other with it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from hca_core.doctor.values import STATES, Check
from hca_core.errors import HCAError, os_error_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hca_core.doctor.values import Look


def one_by_one(looks: Sequence[Look]) -> list[list[Check]]:
    """Return what each of `looks` finds."""
    found: list[list[Check]] = [[] for _ in looks]
    for look, checks in zip(looks, found, strict=True):
        _looked(look, checks)
    return found


def side_by_side(looks: Sequence[Look], seconds: float) -> list[list[Check]]:
    """Return what each of `looks` finds within so many seconds; what takes longer is a problem, and is left alone.

    Each has a thread of its own: a lookup of a name or a disk that is gone can't be told to stop.
    """
    found: list[list[Check]] = [[] for _ in looks]
    threads = [
        threading.Thread(target=_looked, args=(look, checks), daemon=True, name=f"doctor-{look.name}")
        for look, checks in zip(looks, found, strict=True)
    ]
    for thread in threads:
        thread.start()
    ends = time.monotonic() + seconds
    results = []
    for look, checks, thread in zip(looks, found, threads, strict=True):
        thread.join(max(0.0, ends - time.monotonic()))
        late = thread.is_alive()
        told = list(checks)  # a copy: the thread may go on
        if late:
            told.append(Check(look.name, "problem", f"this took longer than {seconds:g} s, and was given up"))
        results.append(told)
    return results


def _looked(look: Look, found: list[Check]) -> None:
    """Put what `look` finds into `found`, one by one: what came before a failure counts."""
    try:
        for check in look.look():
            if not isinstance(check, Check) or check.state not in STATES:
                raise TypeError(f"{check!r} is not a Check")  # what a plugin gives may be anything
            found.append(check)
    except HCAError as error:
        found.append(Check(look.name, "problem", error.message, error.hint or ""))
    except OSError as error:
        found.append(Check(look.name, "problem", f"this could not be looked at: {os_error_text(error)}"))
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001 - a plugin may even call sys.exit()
        text = f"this could not be looked at: {type(error).__name__}: {error}".removesuffix(": ")
        found.append(Check(look.name, "problem", text))
