"""The S3 server as an ASGI application: authentication, dispatch, errors."""

from __future__ import annotations

import asyncio
import errno
import secrets
import time
import traceback
from typing import TYPE_CHECKING

from hca_local.s3 import answers, routing
from hca_local.s3 import request as requests
from hca_local.s3.authentication import authenticate
from hca_local.s3.bodies import ClientGoneError
from hca_local.s3.call import Call
from hca_local.s3.errors import S3Error
from hca_local.s3.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.types import Message, Receive, Scope, Send

    from hca_local.s3.answers import Answer
    from hca_local.s3.keys import KeyRing

_DISK_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}  # Windows has no quota


class S3Service:
    """An S3 server at the root of its own port, on the directory `root`; one event loop and one process use it.

    `created` is called with bucket and key of each object that a request has written, in the thread of the event loop
    and once the object is on disk. It must be quick. What it raises is printed, for the object is there all the same.
    """

    def __init__(self, root: Path, keys: KeyRing) -> None:
        """Open `root`, or make it, and remove what killed uploads left there.

        Raises HCAError, OSError, sqlite3.Error.
        """
        self.keys = keys
        self.store = Store(root)
        self.created: Callable[[str, str], None] = lambda bucket, key: None

    def close(self) -> None:
        """Finish what was begun; call it when no request runs any more."""
        self.store.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self.store.loop = asyncio.get_running_loop()
        exchange = _Exchange(scope, receive, send)
        try:
            await self._answer(exchange)
        except ClientGoneError:
            return  # nobody is there to be told
        except Exception:
            if not exchange.begun:
                failure = S3Error(500, "InternalError", "We encountered an internal error. Please try again.")
                await exchange.answer(answers.error(failure, None, exchange.request_id), self.store)
            raise

    async def _answer(self, exchange: _Exchange) -> None:
        request = None
        try:
            request = requests.read(exchange.scope)
            caller = authenticate(request, self.keys, time.time())
            call = Call(request, caller, exchange.receive, self.store, self._tell_of)
            operation = routing.find(request)
            if operation.action:
                call.require(operation.action, request.bucket, request.key or request.query.get("prefix", ""))
            answer = await operation.run(call)
        except S3Error as error:
            answer = answers.error(error, request, exchange.request_id)
        except OSError as error:
            if error.errno not in _DISK_FULL:
                raise
            problem = S3Error(507, "InsufficientStorage", "The disk of this server is full.")
            answer = answers.error(problem, request, exchange.request_id)
        await exchange.answer(answer, self.store)

    def _tell_of(self, bucket: str, key: str) -> None:
        try:
            self.created(bucket, key)
        except Exception:  # noqa: BLE001 - whatever it is, the request has done its work
            traceback.print_exc()


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.request_id = secrets.token_hex(8).upper()
        self.begun = False
        self._receive = receive
        self._send = send
        self._body_is_awaited = (b"expect", b"100-continue") in scope["headers"]

    async def receive(self) -> Message:
        """Receive the next message, after which the client knows that it may send its body."""
        self._body_is_awaited = False
        return await self._receive()

    async def answer(self, answer: Answer, store: Store) -> None:
        """Send an answer."""
        await answers.send(answer, self.scope["method"], store, self._receive, self._send_with_id)

    async def _send_with_id(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            message["headers"] += [(b"x-amz-request-id", self.request_id.encode()), (b"server", b"hca-local")]
            if self._body_is_awaited:
                # The client may send its body all the same or not; the next request could not be told from it.
                message["headers"].append((b"connection", b"close"))
        await self._send(message)
