"""One request and its answer: what is added to the answer, and its line in the log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hca_local.server.log import target

if TYPE_CHECKING:
    from starlette.types import Message, Scope, Send

    from hca_local.server.log import ServiceLog

_RETRIED_STATUSES = frozenset({500, 502, 503, 504})
_RETRIED_METHODS = frozenset({"HEAD", "GET", "PUT", "DELETE", "OPTIONS", "TRACE"})
_RETRY_AFTER = (b"retry-after", b"10")


class Exchange:
    """One request and its answer, on the way out."""

    def __init__(self, scope: Scope, send: Send, extra: list[tuple[bytes, bytes]], log: ServiceLog) -> None:
        self.status = 0
        self._scope = scope
        self._send = send
        self._extra = extra
        self._log = log
        self._started = time.perf_counter()
        self._logged = False

    async def send(self, message: Message) -> None:
        """Send one message of the answer, with the additions of the gateway."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._extra]
            if self.status in _RETRIED_STATUSES and self._is_retried():
                message["headers"].append(_RETRY_AFTER)
        elif not message.get("more_body"):
            # Before the last bytes go out, so that a client that has its answer finds it in the log.
            self._write_line()
        await self._send(message)

    def end(self) -> None:
        """Note the end of an answer that did not come to its end: the client left, or it had to be cut."""
        if not self._logged:
            self._write_line(" unfinished")

    def _is_retried(self) -> bool:
        method = self._scope["method"]
        return method in _RETRIED_METHODS or (method == "POST" and "search" in self._scope["path"])

    def _write_line(self, remark: str = "") -> None:
        self._logged = True
        scope = self._scope
        raw_path = scope.get("raw_path") or scope["path"].encode()
        took = (time.perf_counter() - self._started) * 1000
        self._log.line(
            f"{scope['method']} {target(raw_path, scope['query_string'])} {self.status} {took:.1f}ms{remark}"
        )
