"""Changes an answer on its way out, as a rule of the fault script says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hca_local.azul.faults import connections

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.types import Message, Receive, Send

_DRIP_BYTES = 1024


class Altered:
    """Passes the messages of an answer on, changed as `given`, the keys of a rule, says.

    `headers` replaces headers, `flip` changes the byte at an offset, `length` the length that is promised. After `cut`
    bytes the connection ends, after `stall` bytes nothing comes any more. `drip` are seconds between small pieces.
    """

    def __init__(self, given: Mapping[str, Any], method: str, receive: Receive, send: Send) -> None:
        """Parameters: `method` is that of the request: the answer to HEAD promises bytes that never come."""
        self.broken = False
        self._given = given
        self._is_head = method == "HEAD"
        self._receive = receive
        self._send = send
        self._most = min(given.get("cut", float("inf")), given.get("stall", float("inf")))
        self._sent = 0
        self._promised: int | None = None

    async def send(self, message: Message) -> None:
        """Send one message; what comes behind the end of a broken answer is dropped."""
        if self.broken:
            return
        if message["type"] == "http.response.start":
            await self._send({**message, "headers": self._headers(message.get("headers", ()))})
            return
        body, is_last = self._flipped(message.get("body", b"")), not message.get("more_body")
        room = self._most - self._sent
        fits = len(body) <= room
        for piece in self._pieces(body if fits else body[: int(room)]):
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(self._given.get("drip", 0))
        self._sent += min(len(body), int(room)) if not fits else len(body)
        if is_last or not fits:
            await self._end(is_whole=fits or self._sent == self._promised)

    async def _end(self, *, is_whole: bool) -> None:
        """End the answer: as it should, or else as the rule says."""
        self.broken = not is_whole or self._promised not in (None, self._sent)
        if not self.broken:
            await self._send({"type": "http.response.body"})
        elif self._sent == self._given.get("stall"):
            await connections.gone(self._receive)
        elif self._given.get("reset"):
            connections.reset(self._receive)
        else:
            connections.hang_up(self._receive)

    def _headers(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        changed = {name.lower().encode(): value.encode() for name, value in self._given.get("headers", {}).items()}
        told = {name.lower(): value for name, value in headers} | changed
        length = told.get(b"content-length")
        if length is not None:
            promised = max(int(length) + self._given.get("length", 0), 0)
            told[b"content-length"] = str(promised).encode()
            if not self._is_head:
                self._promised = promised
                self._most = min(self._most, promised)
        return list(told.items())

    def _flipped(self, body: bytes) -> bytes:
        offset = self._given.get("flip", -1) - self._sent
        if not 0 <= offset < len(body):
            return body
        return body[:offset] + bytes([body[offset] ^ 0xFF]) + body[offset + 1 :]

    def _pieces(self, body: bytes) -> Iterable[bytes]:
        if "drip" not in self._given:
            return [body]
        return [body[start : start + _DRIP_BYTES] for start in range(0, len(body), _DRIP_BYTES)]
