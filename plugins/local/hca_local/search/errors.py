"""What is wrong with a query."""

from __future__ import annotations

from hca_local.server.problems import ProblemError


class QueryError(ProblemError):
    """A query that is malformed, or that asks for what this search can't do; `title` says what and where."""

    def __init__(self, title: str) -> None:
        super().__init__(400, "elasticsearch_bad_request", title)
