"""Answers signed reads of the objects of the DSS."""

from __future__ import annotations

import secrets
import time
from contextlib import closing
from typing import TYPE_CHECKING

from hca_local.objects import files, journals, sending, signing
from hca_local.objects.sending import Reading
from hca_local.s3.errors import S3Error, no_such_key
from hca_local.server import requests

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from hca_local.objects.content import Content
    from hca_local.server.deployment import Deployment


class ObjectService:
    """The ASGI application for paths below `/s3/` and `/gs/`."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request_id = secrets.token_hex(8).upper()
        query = requests.first_values(requests.query(scope))
        wanted = Reading(scope["method"], scope["path"], query, requests.headers(scope))
        try:
            self._authorize(wanted)
            with closing(self._find(wanted.path)) as content:
                await sending.send_object(content, wanted, request_id, receive, send)
        except S3Error as error:
            await sending.refusal(error, request_id)(scope, receive, send)

    def _authorize(self, wanted: Reading) -> None:
        """Check that the request may read its object. Raises S3Error."""
        query = wanted.query
        if "authorization" in wanted.headers:
            raise S3Error(
                400, "InvalidArgument", "Send either a signed URL or an Authorization header, not both.",
                ArgumentName="Authorization", ArgumentValue="(not repeated)",
            )  # fmt: skip
        if wanted.method not in ("GET", "HEAD"):
            raise S3Error(405, "MethodNotAllowed", "Objects can only be read here.", Method=wanted.method)
        if "Signature" not in query or not query.get("Expires", "").isdecimal():
            raise S3Error(403, "AccessDenied", "Access Denied")
        if time.time() >= int(query["Expires"][:15]):
            raise S3Error(403, "AccessDenied", "Request has expired", Expires=query["Expires"])
        if not self.deployment.signer.is_signed(wanted.method, wanted.path, query):
            raise S3Error(403, "SignatureDoesNotMatch", "The signature of the URL is not the one for this request.")

    def _find(self, path: str) -> Content:
        """Return the content of the object at `path`, which was signed and so was made by us. Raises S3Error."""
        _, scheme, bucket, key = path.split("/", 3)
        replica = next(name for name, used in signing.SCHEMES.items() if used == scheme)
        try:
            if bucket == signing.MAIN_BUCKET:
                return journals.content(self.deployment, replica, key.removeprefix(signing.JOURNALS))
            return files.content(self.deployment, replica, key)
        except LookupError:
            raise no_such_key(key) from None
