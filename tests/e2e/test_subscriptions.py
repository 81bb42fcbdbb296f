"""Subscriptions through the client, with a receiver that checks the signatures by itself (DC-098 to DC-122)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import threading
from email import message_from_bytes
from email.utils import parsedate_to_datetime
from uuid import uuid4

import pytest

from hca_core import versions
from hca_core.testing import reply

ES_QUERY = {"query": {"match": {"files.donor_organism_json.sex": "female"}}}
DONORS = {
    f"donor_organism_{number}.json": b'{"sex": "female", "biomaterial_core": {"ncbi_taxon_id": [9606]}}'
    for number in range(2)
}


@pytest.fixture
def deployment(writable):
    return writable


@pytest.fixture
def user(token):
    """The environment of a user who has no subscriptions yet."""
    return {"HCA_TOKEN": token(group="public")}


@pytest.fixture
def hook(receiver):
    """A URL that takes every call."""
    receiver.on("*", "/hook").reply()
    return f"{receiver.url}/hook"


@pytest.fixture
def subscribe(answer, user, hook):
    """A function that subscribes to what happens to one bundle, or to what `words` say; it is ended afterwards."""
    made = []

    def put(*words: str, uuid: str = "", replica: str = "aws"):
        query = ("--jmespath-query", f"bundle_info.uuid=='{uuid}'") if uuid else ()
        url = () if "--callback-url" in words else ("--callback-url", hook)
        told = answer("put-subscription", "--replica", replica, *url, *query, *words, **user)
        kind = "elasticsearch" if "--es-query" in words else "jmespath"
        made.append((told["uuid"], replica, kind))
        return told

    yield put
    for one, replica, kind in made:
        words = ("--uuid", one, "--replica", replica, "--subscription-type", kind)
        answer("delete-subscription", *words, **user)


def verify(request, secret: str) -> str:
    """Check a request as draft-cavage-http-signatures describes it and return the key's name."""
    scheme, _, fields = request.headers["Authorization"].partition(" ")
    assert scheme == "Signature"
    told = dict(re.findall(r'(\w+)="([^"]*)"', fields))
    assert told["algorithm"] == "hmac-sha256"
    signed = told["headers"].split()
    assert {"date", "digest"} <= set(signed)
    lines = "\n".join(f"{name}: {request.headers[name]}" for name in signed)
    expected = hmac.new(secret.encode(), lines.encode(), hashlib.sha256).digest()
    assert hmac.compare_digest(base64.b64decode(told["signature"]), expected)
    digest = base64.b64encode(hashlib.sha256(request.body).digest()).decode()
    assert request.headers["Digest"] == f"SHA-256={digest}"
    assert parsedate_to_datetime(request.headers["Date"]).year >= 2020
    return told["keyId"]


def frames(request) -> dict[str, str]:
    """Return the fields of a multipart body by their names."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    parts = message_from_bytes(head + request.body).get_payload()
    return {
        part.get_param("name", header="content-disposition"): part.get_payload(decode=True).decode() for part in parts
    }


# What is told, and how


def test_a_new_bundle_is_told(subscribe, receiver, new_bundle, deployment):
    uuid, version = str(uuid4()), versions.now()
    made = subscribe(uuid=uuid)
    new_bundle(DONORS)  # another one, which the query leaves out
    new_bundle(DONORS, uuid, version)
    receiver.wait_for(1)
    (call,) = receiver.asked()
    assert (call.method, call.headers["Content-Type"]) == ("POST", "application/json")
    payload = call.json()
    assert payload.pop("transaction_id")
    assert payload.pop("event_timestamp") >= version
    base = deployment.url.removesuffix("/v1")
    assert payload == {
        "subscription_id": made["uuid"],
        "event_type": "CREATE",
        "dss_api": base,
        "bundle_url": f"{base}/v1/bundles/{uuid}?version={version}",
        "match": {"bundle_uuid": uuid, "bundle_version": version},
        "jmespath_query": f"bundle_info.uuid=='{uuid}'",
    }


def test_a_deletion_is_told(subscribe, receiver, new_bundle, answer):
    uuid, version = new_bundle()
    subscribe(uuid=uuid)
    answer("delete-bundle", "--reason", "test", "--replica", "aws", "--uuid", uuid, "--version", version)
    receiver.wait_for(1)
    payload = receiver.asked()[0].json()
    assert (payload["event_type"], payload["match"]["bundle_version"]) == ("TOMBSTONE", version)


def test_signatures(subscribe, receiver, new_bundle):
    uuid = str(uuid4())
    named = subscribe("--hmac-secret-key", "s\u00e9cret", "--hmac-key-id", "lab key", uuid=uuid)
    unnamed = subscribe("--hmac-secret-key", "other", uuid=uuid)
    unsigned = subscribe(uuid=uuid)
    new_bundle(uuid=uuid)
    receiver.wait_for(3)
    calls = {call.json()["subscription_id"]: call for call in receiver.asked()}
    assert verify(calls[named["uuid"]], "s\u00e9cret") == "lab key"
    assert verify(calls[unnamed["uuid"]], "other") == f"hca-dss:{unnamed['uuid']}"
    with pytest.raises(AssertionError):
        verify(calls[unnamed["uuid"]], "wrong")
    assert "Authorization" not in calls[unsigned["uuid"]].headers


def test_a_form(subscribe, receiver, new_bundle):
    uuid = str(uuid4())
    form = ("--encoding", "multipart/form-data", "--form-fields", '{"foo": "bar", "payload": "mine"}')
    subscribe(*form, "--payload-form-field", "told", "--method", "PUT", "--hmac-secret-key", "key", uuid=uuid)
    new_bundle(uuid=uuid)
    receiver.wait_for(1)
    (call,) = receiver.asked()
    assert call.method == "PUT"
    verify(call, "key")
    told = frames(call)
    assert json.loads(told.pop("told"))["match"]["bundle_uuid"] == uuid
    assert told == {"foo": "bar", "payload": "mine"}


def test_form_fields_are_for_forms_only(subscribe, receiver, new_bundle):
    uuid = str(uuid4())
    subscribe("--form-fields", '{"foo": "bar"}', "--payload-form-field", "told", uuid=uuid)
    new_bundle(uuid=uuid)
    receiver.wait_for(1)
    assert b"bar" not in receiver.asked()[0].body


def test_attachments(subscribe, receiver, new_bundle):
    uuid = str(uuid4())
    expressions = {
        "taxon": "files.donor_organism_json[].biomaterial_core.ncbi_taxon_id[]",
        "nothing": "files.no_such_json",
        "wrong": "abs(files)",
    }
    given = {name: {"type": "jmespath", "expression": expression} for name, expression in expressions.items()}
    subscribe("--attachments", json.dumps(given), uuid=uuid)
    new_bundle(DONORS, uuid)
    receiver.wait_for(1)
    attachments = receiver.asked()[0].json()["attachments"]
    errors = attachments.pop("_errors")
    assert attachments == {"taxon": [9606, 9606], "nothing": None}
    assert errors.keys() == {"wrong"}
    assert isinstance(errors["wrong"], str)


def test_attachments_that_are_too_large(subscribe, receiver, new_bundle):
    uuid = str(uuid4())
    subscribe("--attachments", '{"all": {"type": "jmespath", "expression": "files"}}', uuid=uuid)
    new_bundle({"a.json": json.dumps({"text": "\u00fc" * 66_000}).encode()}, uuid)
    receiver.wait_for(1)
    attachments = receiver.asked()[0].json()["attachments"]
    assert attachments.keys() == {"_errors"}
    assert re.match(r"Attachments too large \(\d{6} ", attachments["_errors"])


def test_the_other_type(subscribe, receiver, new_bundle, answer, user):
    """A query of Elasticsearch: told when the bundle is found by it."""
    uuid = str(uuid4())
    query = {"query": {"bool": {"must": [ES_QUERY["query"], {"match": {"uuid": uuid}}]}}}
    made = subscribe("--es-query", json.dumps(query))
    new_bundle({"a.json": b"{}"}, uuid)
    _, version = new_bundle(DONORS, uuid)
    receiver.wait_for(1)
    (call,) = receiver.asked()
    assert call.headers["X-dss-notify-attempt"] == "1"
    payload = call.json()
    assert payload.pop("transaction_id")
    match = {"bundle_uuid": uuid, "bundle_version": version}
    assert payload == {"subscription_id": made["uuid"], "es_query": query, "match": match}
    where = ("get-subscriptions", "--replica", "aws")
    kinds = {
        kind: [one["uuid"] for one in answer(*where, "--subscription-type", kind, **user)["subscriptions"]]
        for kind in ("elasticsearch", "jmespath")
    }
    assert kinds == {"elasticsearch": [made["uuid"]], "jmespath": []}


def test_a_call_that_fails_is_repeated_with_growing_pauses(subscribe, receiver, new_bundle):
    receiver.on("POST", "/flaky").fail(500).drop().reply()
    uuid = str(uuid4())
    query = json.dumps({"query": {"match": {"uuid": uuid}}})
    subscribe("--es-query", query, "--callback-url", f"{receiver.url}/flaky")
    new_bundle(uuid=uuid)
    receiver.wait_for(3)
    first, second, third = receiver.asked()
    assert [one.headers["X-dss-notify-attempt"] for one in (first, second, third)] == ["1", "2", "3"]
    assert first.body == second.body == third.body
    # A minute, then ten, 900 times as fast; a busy machine may make either longer.
    assert second.time - first.time >= 60 / 900
    assert third.time - second.time >= 600 / 900


def test_a_receiver_that_is_down_or_slow_holds_up_nobody(subscribe, receiver, new_bundle):
    uuid = str(uuid4())
    hanging, released = threading.Event(), threading.Event()

    def hang(request):
        hanging.set()
        released.wait(90)
        return reply()

    receiver.on("POST", "/slow").reply(hang)
    subscribe("--callback-url", f"{receiver.url}/slow", uuid=uuid)
    subscribe("--callback-url", "http://127.0.0.1:9/closed", uuid=uuid)
    subscribe(uuid=uuid)
    new_bundle(uuid=uuid)
    receiver.wait_for(2)
    assert hanging.wait(60)
    assert len(receiver.asked("POST", "/hook")) == 1
    released.set()


def test_no_calls_after_the_end(answer, user, hook, receiver, new_bundle, subscribe):
    uuid = str(uuid4())
    words = ("--replica", "aws", "--jmespath-query", f"bundle_info.uuid=='{uuid}'")
    ended = answer("put-subscription", "--callback-url", hook, *words, **user)
    told = answer("delete-subscription", "--replica", "aws", "--uuid", ended["uuid"], **user)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d{6}\.\d{6}Z", told["timeDeleted"])
    lasting = subscribe(uuid=uuid)
    new_bundle(uuid=uuid)
    new_bundle(uuid=uuid)
    receiver.wait_for(2)
    assert {call.json()["subscription_id"] for call in receiver.asked()} == {lasting["uuid"]}


# What is shown


def test_the_secret_is_never_shown_again(subscribe, answer, user):
    made = subscribe("--hmac-secret-key", "Geheimnis")
    one = answer("get-subscription", "--replica", "aws", "--uuid", made["uuid"], **user)
    every = answer("get-subscriptions", "--replica", "aws", **user)
    assert every == {"subscriptions": [one]}
    assert "Geheimnis" not in json.dumps(every)
    assert {"uuid", "owner", "replica", "callback_url"} <= one.keys()


@pytest.mark.parametrize("verb", ["get-subscription", "delete-subscription"])
def test_the_type_counts(subscribe, ask, user, verb):
    made = {kind: subscribe(*words)["uuid"] for kind, words in (("jmespath", ()), ("elasticsearch", _ES_WORDS))}
    for kind, other in (("jmespath", "elasticsearch"), ("elasticsearch", "jmespath")):
        words = ("--replica", "aws", "--uuid", made[kind])
        outcome = ask("dss", verb, *words, "--subscription-type", other, **user)
        assert outcome.exit_status == 4
        assert outcome.stderr.startswith("hca: not_found: Cannot find subscription! (HTTP 404")
        assert ask("dss", "get-subscription", *words, "--subscription-type", kind, **user).exit_status == 0


_ES_WORDS = ("--es-query", json.dumps(ES_QUERY))


# What is refused


@pytest.mark.parametrize(
    ("words", "code", "status"),
    [
        (("--attachments", '{"_x": {"type": "jmespath", "expression": "a"}}'), "invalid_attachment_name", "HTTP 400"),
        (
            ("--attachments", '{"x": {"type": "jmespath", "expression": "a["}}'),
            "invalid_attachment_expression",
            "HTTP 400",
        ),
        (("--jmespath-query", "a["), "invalid_jmespath", "HTTP 400"),
        (("--callback-url", "ftp://127.0.0.1/"), "illegal_arguments", "HTTP 400"),
    ],
)
def test_subscriptions_that_are_refused(ask, user, hook, words, code, status):
    url = () if "--callback-url" in words else ("--callback-url", hook)
    outcome = ask("dss", "put-subscription", "--replica", "aws", *url, *words, **user)
    assert (outcome.exit_status, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith(f"hca: {code}: ")
    assert status in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "words", [("--method", "GET"), ("--encoding", "text/plain"), ("--form-fields", "x"), ("--attachments", "[]")]
)
def test_wrong_choices_are_not_sent(ask, user, hook, nobody, words):
    outcome = ask("dss", "put-subscription", "--replica", "aws", "--callback-url", hook, *words, **user, **nobody)
    assert outcome.exit_status == 2
    assert words[0] in outcome.stderr


def test_a_hundred_subscriptions_and_no_more(ask, client, user, hook, monkeypatch):
    monkeypatch.setenv("HCA_TOKEN", user["HCA_TOKEN"])
    for _ in range(100):
        client.put_subscription(replica="aws", callback_url=hook, jmespath_query="`false`")
    outcome = ask("dss", "put-subscription", "--replica", "aws", "--callback-url", hook, **user)
    assert outcome.exit_status == 1
    assert outcome.stderr.startswith("hca: not_acceptable: ")
