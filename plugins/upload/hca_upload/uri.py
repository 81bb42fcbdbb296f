"""UploadAreaURI: the address of an upload area."""

from __future__ import annotations

import re

from hca_upload.errors import AreaChoiceError

# The last two go into the addresses of the service: nothing may be in them that changes where those lead.
_URI = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]*-(?P<stage>[a-z0-9]+))/(?P<uuid>[^/]+)/?")
_UUID = re.compile(r"[0-9A-Za-z]{8}(-[0-9A-Za-z]{4}){3}-[0-9A-Za-z]{12}")
_STAGE = re.compile(r"[a-z0-9]+")


class UploadAreaURI:
    """The address of an upload area, `s3://<bucket>/<uuid>/`; the slash at its end may be missing.

    The name of the bucket ends in `-<deployment stage>`. Raises AreaChoiceError for anything else.
    """

    def __init__(self, uri: str) -> None:
        parts = _URI.fullmatch(uri)
        if parts is None or not is_uuid(parts["uuid"]):
            raise AreaChoiceError(
                f"{uri!r} is not the address of an upload area",
                hint="they look like s3://org-humancellatlas-upload-STAGE/UUID/",
            )
        self.uri = f"s3://{parts['bucket']}/{parts['uuid']}/"
        self.bucket_name: str = parts["bucket"]
        self.deployment_stage: str = parts["stage"]
        self.area_uuid: str = parts["uuid"]

    def __str__(self) -> str:
        return self.uri

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.uri!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UploadAreaURI) and self.uri == other.uri

    def __hash__(self) -> int:
        return hash(self.uri)


def is_uuid(text: str) -> bool:
    """Tell whether `text` may be the UUID of an upload area: letters and digits, 8-4-4-4-12 (contract §1)."""
    return _UUID.fullmatch(text) is not None


def check_uuid(text: str) -> str:
    """Return `text` if it may be the UUID of an upload area. Raises AreaChoiceError."""
    if not is_uuid(text):
        raise AreaChoiceError(f"{text!r} is not the UUID of an upload area", hint="give all of it, as in its address")
    return text


def check_stage(text: str) -> str:
    """Return `text` if it may be a deployment stage. Raises AreaChoiceError."""
    if not _STAGE.fullmatch(text):
        raise AreaChoiceError(f"{text!r} is not a deployment stage", hint="they look like prod, staging or local")
    return text
