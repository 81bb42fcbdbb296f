"""The bucket with the upload areas: on the deployment's own S3 server, or on one that it was told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from hca_local.s3.service import S3Service
    from hca_local.upload.buckets.values import Buckets


def opened(s3: S3Service | None, s3_url: str, store_path: Path) -> Buckets:
    """Return the bucket of a deployment; it is made when `prepare` is called, and no request is sent before.

    Parameters: `s3` is the deployment's own S3 server, None if it uses the one at `s3_url`; `store_path` is its store.
    """
    # Imported here because the store's schema is made of modules of this package, and these work with the store.
    from hca_local.upload.buckets.own import OwnBuckets
    from hca_local.upload.buckets.remote import RemoteBuckets

    return RemoteBuckets(s3_url) if s3 is None else OwnBuckets(s3.store, store_path)
