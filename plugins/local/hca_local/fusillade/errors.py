"""Errors as Fusillade tells them: RFC 7807 documents without a code (contract §2)."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

_REFUSED = "User is not authorized to access this resource"


class FusilladeError(Exception):
    """A request that is not answered as it was meant: HTTP `status`, a `title`, and a `detail` for people."""

    def __init__(self, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = headers


def bad_request(detail: str) -> FusilladeError:
    """Return the error of a request that doesn't follow the API description."""
    return of_status(HTTPStatus.BAD_REQUEST, detail)


def illegal_arguments(detail: str) -> FusilladeError:
    """Return the error of a request that names something which it can't be about."""
    return FusilladeError(400, "illegal_arguments", detail)


def forbidden(detail: str = _REFUSED) -> FusilladeError:
    """Return the error of a caller who may not do what he asks for."""
    return of_status(HTTPStatus.FORBIDDEN, detail)


def not_found(detail: str = "Resource does not exist.") -> FusilladeError:
    """Return the error of a request about something that is not there."""
    return of_status(HTTPStatus.NOT_FOUND, detail)


def conflict(detail: str) -> FusilladeError:
    """Return the error of a request to make what is there already, or more than there may be."""
    return of_status(HTTPStatus.CONFLICT, detail)


def exists(kind: str, name: str) -> FusilladeError:
    """Return the error of a request to make something of a name that is taken."""
    return conflict(f"The {kind} named {name} already exists. {kind} was not modified.")


def unchanged() -> FusilladeError:
    """Return the "error" of a change of which a part is so already; nothing of it is made."""
    return of_status(HTTPStatus.NOT_MODIFIED, "Nothing was changed.")


def of_status(status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> FusilladeError:
    """Return an error whose title is the name of its status."""
    return FusilladeError(status, status.phrase, detail, headers)


def response(error: FusilladeError) -> Response:
    """Return the response that tells `error`. A 304 has no body, but clients look for its content type."""
    if error.status == HTTPStatus.NOT_MODIFIED:
        return Response(status_code=error.status, headers={"Content-Type": "application/json"})
    body = {"type": "about:blank", "title": error.title, "detail": error.detail, "status": error.status}
    return Response(json.dumps(body), error.status, error.headers, media_type="application/problem+json")
