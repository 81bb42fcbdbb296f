"""Errors as the upload service tells them: documents with a status, a title and mostly a detail (contract §2)."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping


class UploadError(Exception):
    """A request that is not answered as it was meant: HTTP `status`, a `title`, perhaps a `detail` for people."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        *,
        of_framework: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Parameters: `of_framework` for what the service's web framework refuses, in its own form."""
        super().__init__(detail or title)
        self.status = status
        self.title = title
        self.detail = detail
        self.of_framework = of_framework
        self.headers = headers


def bad_request(detail: str) -> UploadError:
    """Return the error of a request that doesn't follow the description of the API."""
    return of_status(HTTPStatus.BAD_REQUEST, detail)


def of_status(status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> UploadError:
    """Return an error of the web framework; its title is the name of its status."""
    return UploadError(status, status.phrase, detail, of_framework=True, headers=headers)


def no_area() -> UploadError:
    """Return the error of a request about an area that is not there."""
    return UploadError(404, "Upload Area Not Found")


def no_file() -> UploadError:
    """Return the error of a request about a file that its area does not have."""
    return UploadError(404, "No such file", "No such file in that upload area")


def not_writable(detail: str) -> UploadError:
    """Return the error of a request to write into an area that takes nothing now."""
    return UploadError(409, "Upload Area is Not Writable", detail)


def unusable(why: str) -> UploadError:
    """Return the error of a request that the S3 server is needed for, which can't be used."""
    return UploadError(503, "The S3 server can't be used", why)


def response(error: UploadError) -> Response:
    """Return the response that tells `error`."""
    body: dict[str, str | int] = {"type": "about:blank"} if error.of_framework else {}
    body |= {"status": error.status, "title": error.title}
    if error.detail:
        body["detail"] = error.detail
    return Response(json.dumps(body), error.status, error.headers, media_type="application/problem+json")
