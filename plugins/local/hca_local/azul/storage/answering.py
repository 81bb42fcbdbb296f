"""Answers requests for objects as S3 does, for storage and mirror alike."""

from __future__ import annotations

import secrets
import traceback
from contextlib import closing
from typing import TYPE_CHECKING

from hca_local.objects import sending
from hca_local.objects.sending import Reading
from hca_local.s3.errors import S3Error, access_denied
from hca_local.server import requests

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Message, Receive, Scope, Send

    from hca_local.objects.content import Content
    from hca_local.server.log import ServiceLog

    Find = Callable[[Scope], Awaitable[Content]]


async def respond(
    find: Find, methods: tuple[str, ...], log: ServiceLog, scope: Scope, receive: Receive, send: Send
) -> None:
    """Send the object that `find` returns for a request, whose method must be one of `methods`.

    Whoever sends a login here has given it to a stranger: that is refused, and told in the `log` as an error.
    """
    begun = False

    async def told(message: Message) -> None:
        nonlocal begun
        begun = True
        await send(message)

    request_id = secrets.token_hex(8).upper()
    query = requests.first_values(requests.query(scope))
    wanted = Reading(scope["method"], scope["path"], query, requests.headers(scope))
    try:
        # See hca_local/server/gateway.py, where the reason stands.
        if not all(map(requests.is_ours, (wanted.headers.get("origin", ""), f"//{wanted.headers.get('host', '')}"))):
            raise access_denied("This deployment answers to 127.0.0.1 and localhost only.")
        if "authorization" in wanted.headers:
            log.line(f"ERROR an Authorization header was sent to the storage: {wanted.method} {wanted.path}")
            message = "Only one auth mechanism allowed"
            raise S3Error(400, "InvalidArgument", message, ArgumentName="Authorization", ArgumentValue="(not repeated)")
        if wanted.method not in methods:
            raise S3Error(403, "SignatureDoesNotMatch", "The URL was not signed for this method.")
        with closing(await find(scope)) as content:
            await sending.send_object(content, wanted, request_id, receive, told)
    except S3Error as error:
        await sending.refusal(error, request_id)(scope, receive, send)
    except Exception:
        log.line(f"ERROR {traceback.format_exc()}")
        if begun:
            raise  # the answer has begun: all that is left is to cut the connection
        failed = S3Error(500, "InternalError", "We encountered an internal error.")
        await sending.refusal(failed, request_id)(scope, receive, send)
