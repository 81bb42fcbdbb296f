"""What a PUT of a subscription may ask for, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

from hca_local.server.problems import ProblemError
from hca_local.subscriptions import definition
from hca_local.subscriptions.records import ELASTICSEARCH, JMESPATH

URL = "http://127.0.0.1:1/hook"
BY_UUID = {"query": {"match": {"uuid": "x"}}}


def made(**body: Any) -> Any:
    return definition.made({"callback_url": URL, **body}, "gcp", "someone@example.org")


def test_the_document_has_what_was_asked_for_and_the_defaults() -> None:
    subscription = made(hmac_secret_key="secret", jmespath_query="files")
    assert subscription.document == {
        "uuid": subscription.uuid,
        "owner": "someone@example.org",
        "replica": "gcp",
        "callback_url": URL,
        "method": "POST",
        "encoding": "application/json",
        "form_fields": {},
        "payload_form_field": "payload",
        "hmac_secret_key": "secret",
        "jmespath_query": "files",
    }
    assert "hmac_secret_key" not in subscription.shown
    assert made().uuid != made().uuid


@pytest.mark.parametrize(
    ("body", "kind"),
    [({}, JMESPATH), ({"es_query": {}}, JMESPATH), ({"es_query": BY_UUID}, ELASTICSEARCH)],
)
def test_a_query_for_elasticsearch_makes_the_type(body: dict[str, Any], kind: str) -> None:
    assert made(**body).type == kind
    assert made(jmespath_query="a", **body).type == kind


def test_the_query_that_the_old_client_sent_in_its_own_tests_is_taken() -> None:
    assert made(es_query={"bool": {}}).type == ELASTICSEARCH


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (" https://dcp.example.org`", "https://dcp.example.org"),
        ("http://user:pass@127.0.0.1:8000/a b?x=1#y \n", "http://user:pass@127.0.0.1:8000/a b?x=1#y"),
        ("http://[::1]:80/", "http://[::1]:80/"),
    ],
)
def test_callback_urls_lose_what_copying_left_around_them(given: str, kept: str) -> None:
    assert definition.made({"callback_url": given}, "aws", "x").document["callback_url"] == kept


@pytest.mark.parametrize(
    "url", ["http://", "http:///path", "http://:80/", "http://a:99999/", "http://a:0/", "http://["]
)
def test_callback_urls_that_lead_nowhere_are_refused(url: str) -> None:
    with pytest.raises(ProblemError) as caught:
        definition.made({"callback_url": url}, "aws", "x")
    assert (caught.value.status, caught.value.code) == (400, "illegal_arguments")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"jmespath_query": "files["}, 400, "invalid_jmespath"),
        ({"jmespath_query": ""}, 400, "invalid_jmespath"),
        ({"jmespath_query": "(" * 5000}, 400, "invalid_jmespath"),
        ({"attachments": {"_a": {"type": "jmespath", "expression": "a"}}}, 400, "invalid_attachment_name"),
        ({"attachments": {"a": {"type": "jmespath", "expression": "]"}}}, 400, "invalid_attachment_expression"),
        ({"hmac_key_id": 'a"b'}, 400, "illegal_arguments"),
        ({"hmac_key_id": "a\r\nX-Other: b"}, 400, "illegal_arguments"),
        ({"es_query": {"query": {"mtch": {"a": "b"}}}}, 500, "elasticsearch_error"),
    ],
)
def test_what_can_never_work_is_refused(body: dict[str, Any], status: int, code: str) -> None:
    with pytest.raises(ProblemError) as caught:
        made(**body)
    assert (caught.value.status, caught.value.code) == (status, code)
