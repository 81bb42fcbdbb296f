"""Errors as the services tell them: `application/problem+json` with status, code, title and stacktrace."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response


class ProblemError(Exception):
    """A request that is answered with an error.

    Parameters: the HTTP `status`, a machine-readable `code`, a `title` for people, response `headers`.
    """

    def __init__(self, status: int, code: str, title: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(title)
        self.status = status
        self.code = code
        self.title = title
        self.headers = headers


def illegal_arguments(title: str) -> ProblemError:
    """Return the problem of a request that doesn't follow the API description."""
    return ProblemError(400, "illegal_arguments", title)


def of_status(status: HTTPStatus, title: str, headers: Mapping[str, str] | None = None) -> ProblemError:
    """Return the problem of a request that no service has taken up; its code is the name of the status."""
    return ProblemError(status, status.phrase, title, headers)


def read_only() -> ProblemError:
    """Return the problem of a request to write to a deployment that is read-only (contract §1)."""
    return ProblemError(503, "read_only", "The DSS is currently read-only", {"Retry-After": "600"})


def response(problem: ProblemError, stacktrace: str = "") -> Response:
    """Return the response that tells `problem`."""
    body = {"status": problem.status, "code": problem.code, "title": problem.title, "stacktrace": stacktrace}
    return _response(problem.status, body, problem.headers)


def timed_out() -> Response:
    """Return the response of the gateway to a request that took too long."""
    title = "The request took longer than the gateway waits."
    return _response(504, {"status": 504, "code": "timed_out", "title": title, "traces": {}}, None)


def _response(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None) -> Response:
    from starlette.responses import Response  # `hca local env` and others know these errors, and answer nobody

    return Response(json.dumps(body), status, headers, media_type="application/problem+json")
