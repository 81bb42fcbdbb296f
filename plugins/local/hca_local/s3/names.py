"""Which names buckets may have."""

from __future__ import annotations

import re

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+", re.ASCII)
_RESERVED_STARTS = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def is_bucket_name(name: str) -> bool:
    """Tell whether S3 allows a bucket to be called `name`."""
    if not _BUCKET.fullmatch(name) or _ADDRESS.fullmatch(name) or ".." in name:
        return False
    return not name.startswith(_RESERVED_STARTS) and not name.endswith(_RESERVED_ENDS)
