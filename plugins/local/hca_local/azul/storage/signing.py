"""Signed URLs in the spelling of Google's storage or of Amazon's: the right to GET one object until one moment."""

from __future__ import annotations

import hmac
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, quote, urlencode

from hca_local.azul.faults.script import hint
from hca_local.objects.signing import CONTENT_TYPE, DISPOSITION
from hca_local.s3.errors import S3Error

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "/signed"
_DATE = "%Y%m%dT%H%M%SZ"


class Spelling(NamedTuple):
    """How a storage names the parameters of its signed URLs, its region and its algorithm."""

    prefix: str
    algorithm: str
    scope: str


GOOGLE = Spelling("X-Goog-", "GOOG4-RSA-SHA256", "auto/storage/goog4_request")
AMAZON = Spelling("X-Amz-", "AWS4-HMAC-SHA256", "us-east-1/s3/aws4_request")
_SPELLINGS = (GOOGLE, AMAZON)


class StorageSigner:
    """Signs with the secret `key`. What is signed is path and query as they are sent, byte for byte."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def url(
        self, base: str, path: str, spelling: Spelling, seconds: int, *, file_name: str = "", content_type: str = ""
    ) -> str:
        """Return the URL, below `base`, for a GET of the object at `path` within so many `seconds` from now.

        Parameters: `path` is not quoted; `file_name` makes the answer an attachment of that name, which is spelled as
        its header has it; `content_type` gives it that type. A fault script can shorten the `seconds` (`lifetime`).
        """
        now = datetime.now(UTC)
        query = {
            "Algorithm": spelling.algorithm,
            "Credential": f"hca-local/{now:%Y%m%d}/{spelling.scope}",
            "Date": now.strftime(_DATE),
            "Expires": str(hint("lifetime", seconds)),
            "SignedHeaders": "host",
        }
        told = {spelling.prefix + key: value for key, value in query.items()}
        if file_name:
            told[DISPOSITION] = f"attachment;filename={file_name}"
        if content_type:
            told[CONTENT_TYPE] = content_type
        signed = f"{PREFIX}{quote(path)}?{urlencode(told, quote_via=quote, safe='')}"
        return f"{base}{signed}&{spelling.prefix}Signature={self._signature(signed)}"

    def opened(self, raw_path: str, raw_query: str) -> Mapping[str, str]:
        """Return the query of a URL that is ours and still good. Raises S3Error (403)."""
        query = {name: values[0] for name, values in parse_qs(raw_query, keep_blank_values=True).items()}
        spelling = next((one for one in _SPELLINGS if f"{one.prefix}Signature" in query), None)
        if spelling is None:
            raise S3Error(403, "AccessDenied", "Access Denied")
        before, _, signature = raw_query.rpartition(f"&{spelling.prefix}Signature=")
        wanted = self._signature(f"{raw_path}?{before}")
        if not hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "replace")):
            message = "The request signature we calculated does not match the signature you provided."
            raise S3Error(403, "SignatureDoesNotMatch", message)
        begun = datetime.strptime(query[f"{spelling.prefix}Date"], _DATE).replace(tzinfo=UTC).timestamp()
        if time.time() >= begun + int(query[f"{spelling.prefix}Expires"]):
            raise S3Error(403, "AccessDenied", "Request has expired", Expires=query[f"{spelling.prefix}Expires"])
        return query

    def _signature(self, signed: str) -> str:
        return hmac.digest(self._key, signed.encode(), "sha256").hex()
