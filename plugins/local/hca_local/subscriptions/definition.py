"""Makes a subscription of what a PUT asks for, after the checks that the API description can't tell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from hca_local.search import queries
from hca_local.server.problems import ProblemError, illegal_arguments
from hca_local.subscriptions.records import ELASTICSEARCH, JMESPATH, Subscription

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEFAULTS = {"method": "POST", "encoding": "application/json", "form_fields": {}, "payload_form_field": "payload"}
# It stands between quotes in a header.
_KEY_ID = re.compile(r"[ !#-\[\]-~]*", re.ASCII)


def made(body: Mapping[str, Any], replica: str, owner: str) -> Subscription:
    """Return the new subscription that `owner` asks for with `body`, which follows the API description.

    Raises ProblemError.
    """
    uuid = str(uuid4())
    document = {"uuid": uuid, "owner": owner, "replica": replica, **_DEFAULTS, **body}
    document["callback_url"] = _checked_url(body["callback_url"])
    _check_key_id(body.get("hmac_key_id", ""))
    if "jmespath_query" in body:
        _check_expression(body["jmespath_query"], "invalid_jmespath", "jmespath_query")
    _check_attachments(body.get("attachments", {}))
    if body.get("es_query"):
        _check_es_query(body["es_query"])
        return Subscription(uuid, replica, ELASTICSEARCH, owner, document)
    document.pop("es_query", None)  # an empty one makes no subscription of the other type
    return Subscription(uuid, replica, JMESPATH, owner, document)


def _checked_url(given: str) -> str:
    """Return a callback URL without what copying from a text has left around it. Raises ProblemError."""
    from urllib3.exceptions import LocationParseError
    from urllib3.util import parse_url

    url = given.strip().rstrip("`").rstrip()
    try:
        parts = parse_url(url)
    except LocationParseError as error:
        raise illegal_arguments("callback_url is not a URL") from error
    if not parts.host or parts.port == 0:
        raise illegal_arguments("callback_url does not name a host, or its port is none")
    return url


def _check_key_id(key_id: str) -> None:
    if not _KEY_ID.fullmatch(key_id):
        raise illegal_arguments("hmac_key_id may have printable ASCII characters, but no quotes and back-slashes")


def _check_attachments(attachments: Mapping[str, Any]) -> None:
    for name, attachment in attachments.items():
        if name.startswith("_"):
            title = f"Attachment names must not start with an underscore ('{name}')"
            raise ProblemError(400, "invalid_attachment_name", title)
        _check_expression(attachment["expression"], "invalid_attachment_expression", f"attachment '{name}'")


def _check_expression(expression: str, code: str, place: str) -> None:
    import jmespath

    try:
        jmespath.compile(expression)
    except (jmespath.exceptions.JMESPathError, RecursionError) as error:
        raise ProblemError(400, code, f"The JMESPath expression of {place} is not valid: {error}") from error


def _check_es_query(es_query: Mapping[str, Any]) -> None:
    try:
        queries.parse(es_query, wrapped=False)
    except queries.QueryError as error:
        raise ProblemError(500, "elasticsearch_error", f"The query can't be registered: {error.title}") from error
