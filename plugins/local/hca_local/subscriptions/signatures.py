"""Signs calls as draft-cavage-http-signatures says, in the form that the service's receivers check."""

from __future__ import annotations

import base64
import hashlib
import hmac
from email.utils import formatdate


def headers(key: str, key_id: str, body: bytes) -> dict[str, str]:
    """Return the headers that prove that a request with `body`, made now, comes from somebody who knows `key`."""
    date = formatdate(usegmt=True)
    digest = f"SHA-256={_base64(hashlib.sha256(body).digest())}"
    signature = _base64(hmac.digest(key.encode(), f"date: {date}\ndigest: {digest}".encode(), "sha256"))
    told = f'keyId="{key_id}",algorithm="hmac-sha256",headers="date digest",signature="{signature}"'
    return {"Date": date, "Digest": digest, "Authorization": f"Signature {told}"}


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
