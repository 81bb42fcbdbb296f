"""Rate limits as the firewall of the service has them: calls of a class of routes within a window (contract §1)."""

from __future__ import annotations

import re
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from hca_local.azul.faults.rules import ScriptError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The class, and the method and path of its calls. A call can be in several classes.
_CLASSES = {
    "manifests": re.compile(r"PUT (?:/fetch)?/manifest/files"),
    "files": re.compile(r"GET (?:/fetch)?/repository/files/.*"),
    "all": re.compile(r".*", re.DOTALL),
}
_LIMIT = re.compile(r"(\d+)/(\d+(?:\.\d+)?)", re.ASCII)
_RETRY_AFTER = 30


class Limits:
    """The limits of all classes. A limit stays tripped until the calls in its window are few again."""

    def __init__(self, given: Mapping[str, Any], clock: Callable[[], float] = time.monotonic) -> None:
        """Parameters: `given` is such as `{"files": "10/300", "retry_after": 30}`: ten calls in 300 seconds.

        Raises ScriptError.
        """
        self.retry_after = given.get("retry_after", _RETRY_AFTER)
        if type(self.retry_after) is not int:
            raise ScriptError(f"'retry_after' of the limits is a whole number, not {self.retry_after!r}.")
        self._windows = [_Window(name, text) for name, text in given.items() if name != "retry_after"]
        self._clock = clock

    def refuses(self, method: str, path: str) -> bool:
        """Count a call, and tell whether it is one too many. Those that are refused count as well."""
        now = self._clock()
        # All windows count the call, so this must not stop at the first that is full.
        full = [window for window in self._windows if window.has(f"{method} {path}") and window.is_full(now)]
        return bool(full)


class _Window:
    """The calls of one class in the last seconds."""

    def __init__(self, name: str, text: object) -> None:
        match = _LIMIT.fullmatch(text) if isinstance(text, str) else None
        if name not in _CLASSES or match is None:
            raise ScriptError(
                f"A limit is such as {{'files': '10/300'}} for {', '.join(_CLASSES)}, not {name}: {text!r}."
            )
        self._calls = _CLASSES[name]
        self._most = int(match[1])
        self._seconds = float(match[2])
        self._times: deque[float] = deque()

    def has(self, call: str) -> bool:
        """Tell whether a call, a method and a path, is of the class."""
        return self._calls.fullmatch(call) is not None

    def is_full(self, now: float) -> bool:
        """Count a call, and tell whether it is one too many."""
        while self._times and self._times[0] <= now - self._seconds:
            self._times.popleft()
        self._times.append(now)
        return len(self._times) > self._most
