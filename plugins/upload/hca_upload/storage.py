"""The bucket of an upload area, opened with the area's own credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_core.http import Policy
from hca_core.s3.bucket import Bucket
from hca_core.s3.connecting import Place, connect
from hca_core.s3.telling import Words

if TYPE_CHECKING:
    from hca_upload.area import UploadArea

REGION = "us-east-1"  # where the service keeps its buckets (contract §1)


def opened(area: UploadArea, *, connections: int = 16, accelerate: bool = False) -> Bucket:
    """Return the bucket with the files of `area`.

    Parameters: `accelerate` asks for the nearest entrance of AWS. The credentials are fetched here, so that an area
    that is not there or can't be written to is told at once, and renewed as long as they are used. Raises HCAError.
    """
    from hca_upload.keys import AreaKeys, watch

    keys = AreaKeys(lambda: area.api.credentials(area.uuid))
    keys.get_frozen_credentials()
    words = Words(
        what=f"bucket of upload area {area.uuid}",
        refused="the service gave them for this area; 'hca upload exists' tells whether it is still there",
        missing="check upload.s3_endpoint_url and AWS_ENDPOINT_URL_S3 (hca config list --show-origin)",
    )
    # A name with a dot in it has no certificate at the nearest entrance.
    place = Place(area.config.s3_endpoint_url or "", REGION, accelerate and "." not in area.uri.bucket_name)
    client = connect(Policy(), connections, words, place, keys)
    watch(client, keys)
    # The credentials may write objects and list them, and nothing more (contract §4).
    extra = {"ACL": "bucket-owner-full-control"}
    return Bucket(area.uri.bucket_name, client, words, extra=extra, visible=area.key_prefix)
