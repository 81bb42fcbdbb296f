"""Signed, expiring URLs for objects: the right to read one object, with one method, until one moment."""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

MAIN_BUCKET = "org-humancellatlas-dss-local"
CHECKOUT_BUCKET = "org-humancellatlas-dss-checkout-local"
JOURNALS = "journals/"  # the folder of the event journals in the main bucket
SCHEMES = {"aws": "s3", "gcp": "gs"}
DISPOSITION = "response-content-disposition"
CONTENT_TYPE = "response-content-type"


@dataclass(frozen=True)
class Signer:
    """Signs with the secret `key`; URLs are good for `lifetime` seconds."""

    key: bytes
    lifetime: int

    def url(
        self,
        base: str,
        replica: str,
        key: str,
        content_type: str,
        disposition: str | None = None,
        bucket: str = CHECKOUT_BUCKET,
    ) -> str:
        """Return the URL, below `base`, for a GET of the object `key` in a `bucket` of `replica`."""
        path = object_path(replica, key, bucket)
        query = {"Expires": str(int(time.time()) + self.lifetime), CONTENT_TYPE: content_type}
        if disposition is not None:
            query[DISPOSITION] = disposition
        signature = self.signature("GET", path, query)
        quoted = "&".join(f"{name}={_quoted(value)}" for name, value in query.items())
        return f"{base}{quote(path)}?{quoted}&Signature={signature}"

    def signature(self, method: str, path: str, query: Mapping[str, str]) -> str:
        """Return the signature of a request: of what it reads, until when, and which headers it gets back."""
        values = (method, path, query.get("Expires"), query.get(CONTENT_TYPE), query.get(DISPOSITION))
        # With their lengths, because no value can then be written so that it reads as two.
        text = "".join("-" if value is None else f"{len(value)}:{value}" for value in values)
        return hmac.digest(self.key, text.encode("utf-8", "surrogatepass"), "sha256").hex()

    def is_signed(self, method: str, path: str, query: Mapping[str, str]) -> bool:
        """Tell whether the signature in `query` is ours for this request."""
        given = query.get("Signature", "").encode("utf-8", "replace")
        return hmac.compare_digest(given, self.signature(method, path, query).encode())


@lru_cache(maxsize=1024)
def _quoted(value: str) -> str:
    """Return `value` as it stands in a query; a page of a bundle has few values many times."""
    return quote(value, safe="")


def object_path(replica: str, key: str, bucket: str = CHECKOUT_BUCKET) -> str:
    """Return the path under which this server has the object `key` in a `bucket` of `replica`."""
    return f"/{SCHEMES[replica]}/{bucket}/{key}"


def direct_url(replica: str, key: str) -> str:
    """Return the `s3://` or `gs://` URL of the object `key` in the checkout bucket of `replica`."""
    return f"{SCHEMES[replica]}://{CHECKOUT_BUCKET}/{key}"
