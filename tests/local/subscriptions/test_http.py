"""The routes of subscriptions, and calls on what happens in a deployment."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from waiting import until

from hca_core import versions
from hca_core.testing import LoopbackService

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from hca_local.launch import Launched

    Launch = Callable[..., Launched]

ES_QUERY = {"query": {"match": {"files.donor_organism_json.sex": "female"}}}
DONOR = {"sex": "female", "biomaterial_core": {"ncbi_taxon_id": [9606]}}


@pytest.fixture
def hook(receiver: LoopbackService) -> str:
    """Return a URL that takes every call."""
    receiver.on("*", "*").reply()
    return f"{receiver.url}/hook"


@pytest.fixture
def user(writing: Any) -> str:
    """Return the token of a user who has no subscriptions yet."""
    token: str = writing.token_of(f"{uuid4()}@example.org", "public")
    return token


def put(writing: Any, callback_url: str, token: str = "", replica: str = "aws", **body: Any) -> Any:
    answer = writing.send("PUT", "/subscriptions", {"callback_url": callback_url, **body}, token=token, replica=replica)
    assert answer.status_code == 201, answer.text
    return answer.json()


def refusal(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def donors(writing: Any, count: int = 2) -> dict[str, str]:
    """Return the files of a bundle with so many donors."""
    return {f"donor_organism_{n}.json": writing.put_file(json.dumps(DONOR).encode()) for n in range(count)}


def test_the_answer_to_a_put_is_all_of_it(writing: Any, user: str) -> None:
    made = put(writing, " https://dcp.example.org`", user, hmac_secret_key="secret")
    assert (made["callback_url"], made["replica"]) == ("https://dcp.example.org", "aws")
    assert made["owner"].endswith("@example.org")
    assert made["hmac_secret_key"] == "secret"
    assert put(writing, "http://127.0.0.1:1/", user, es_query=ES_QUERY)["es_query"] == ES_QUERY


def test_a_subscription_is_shown_without_its_key(writing: Any, user: str) -> None:
    made = put(writing, "http://127.0.0.1:1/", user, hmac_secret_key="secret")
    del made["hmac_secret_key"]
    one = writing.send("GET", f"/subscriptions/{made['uuid']}", token=user, replica="aws")
    assert (one.status_code, one.json()) == (200, made)
    listed = writing.send("GET", "/subscriptions", token=user, replica="aws")
    assert listed.json() == {"subscriptions": [made]}


def test_types_and_replicas_are_looked_up_apart(writing: Any, user: str) -> None:
    made = {
        (replica, kind): put(writing, "http://127.0.0.1:1/", user, replica, **body)["uuid"]
        for replica in ("aws", "gcp")
        for kind, body in (("jmespath", {}), ("elasticsearch", {"es_query": ES_QUERY}))
    }
    for place, uuid in made.items():
        for replica, kind in made:
            where = {"replica": replica, "subscription_type": kind, "token": user}
            status = writing.send("GET", f"/subscriptions/{uuid}", **where).status_code
            assert status == (200 if place == (replica, kind) else 404)
            listed = writing.send("GET", "/subscriptions", **where).json()["subscriptions"]
            assert [one["uuid"] for one in listed] == [made[replica, kind]]
    wrong = writing.send("DELETE", f"/subscriptions/{made['aws', 'jmespath']}", token=user, replica="gcp")
    assert refusal(wrong) == (404, "not_found")
    assert wrong.json()["title"] == "Cannot find subscription!"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_what_belongs_to_somebody_else_is_hidden_or_refused(writing: Any, user: str, method: str) -> None:
    jmespath = put(writing, "http://127.0.0.1:1/", user)["uuid"]
    elasticsearch = put(writing, "http://127.0.0.1:1/", user, es_query=ES_QUERY)["uuid"]
    hidden = writing.send(method, f"/subscriptions/{jmespath}", replica="aws")
    assert refusal(hidden) == (404, "not_found")
    refused = writing.send(method, f"/subscriptions/{elasticsearch}", replica="aws", subscription_type="elasticsearch")
    assert refusal(refused) == (403, "Forbidden")


def test_a_user_may_have_a_hundred(writing: Any, user: str) -> None:
    kinds: list[dict[str, Any]] = [{}, {"es_query": ES_QUERY}]
    made = [put(writing, "http://127.0.0.1:1/", user, **kinds[number % 2])["uuid"] for number in range(100)]
    answer = writing.send("PUT", "/subscriptions", {"callback_url": "http://127.0.0.1:1/"}, token=user, replica="aws")
    assert refusal(answer) == (406, "not_acceptable")
    assert writing.send("DELETE", f"/subscriptions/{made[0]}", token=user, replica="aws").status_code == 200
    put(writing, "http://127.0.0.1:1/", user)
    put(writing, "http://127.0.0.1:1/", writing.token_of(f"{uuid4()}@example.org"))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (400, "illegal_arguments")),
        ({"callback_url": "ftp://127.0.0.1/"}, (400, "illegal_arguments")),
        ({"callback_url": "http://a/", "colour": "red"}, (400, "illegal_arguments")),
        ({"callback_url": "http://a/", "method": "GET"}, (400, "illegal_arguments")),
        ({"callback_url": "http://a/", "form_fields": {"a": 1}}, (400, "illegal_arguments")),
        ({"callback_url": "http://a/", "jmespath_query": "["}, (400, "invalid_jmespath")),
        (
            {"callback_url": "http://a/", "attachments": {"_a": {"type": "jmespath", "expression": "a"}}},
            (400, "invalid_attachment_name"),
        ),
        ({"callback_url": "http://a/", "es_query": {"query": {"mtch": {}}}}, (500, "elasticsearch_error")),
    ],
)
def test_bodies_are_checked(writing: Any, body: Any, expected: tuple[int, str]) -> None:
    assert refusal(writing.send("PUT", "/subscriptions", body, replica="aws")) == expected


def test_a_token_is_needed(writing: Any) -> None:
    for method, path in (("GET", ""), ("PUT", ""), ("GET", "/x"), ("DELETE", "/x")):
        assert writing.send(method, f"/subscriptions{path}", {}, token=None, replica="aws").status_code == 401
    stranger = writing.token_of("someone@example.org", "elsewhere")
    assert refusal(writing.send("GET", "/subscriptions", token=stranger, replica="aws")) == (403, "Forbidden")


def test_calls_tell_what_happens_to_a_bundle(writing: Any, receiver: LoopbackService, hook: str, user: str) -> None:
    taxon = {"type": "jmespath", "expression": "files.donor_organism_json[].biomaterial_core.ncbi_taxon_id[]"}
    jmespath = put(writing, f"{hook}/jmespath", user, attachments={"taxon": taxon}, method="PUT")
    elasticsearch = put(writing, f"{hook}/elasticsearch", user, es_query=ES_QUERY, attachments={"taxon": taxon})
    put(writing, f"{hook}/never", user, jmespath_query="files.no_such_thing")
    put(writing, f"{hook}/never", user, es_query={"query": {"match": {"files.donor_organism_json.sex": "male"}}})
    version = versions.now()
    bundle = writing.put_bundle(donors(writing), version=version)
    match = {"bundle_uuid": bundle, "bundle_version": version}
    receiver.wait_for(2)
    (call,) = receiver.asked("PUT", "/hook/jmespath")
    told = call.json()
    assert (told["event_type"], told["match"], told["subscription_id"]) == ("CREATE", match, jmespath["uuid"])
    assert told["attachments"] == {"taxon": [9606, 9606]}
    assert (told["dss_api"], told["bundle_url"]) == (
        writing.url,
        f"{writing.url}/v1/bundles/{bundle}?version={version}",
    )
    (call,) = receiver.asked("POST", "/hook/elasticsearch")
    told = call.json()
    assert (told["es_query"], told["match"], told["subscription_id"]) == (ES_QUERY, match, elasticsearch["uuid"])
    assert told["attachments"] == {"taxon": [9606, 9606]}
    assert call.headers["X-dss-notify-attempt"] == "1"
    assert writing.send("DELETE", f"/bundles/{bundle}", {"reason": "a test"}, replica="aws").status_code == 200
    receiver.wait_for(3)
    told = receiver.asked("PUT", "/hook/jmespath")[1].json()
    assert (told["event_type"], told["match"]) == ("TOMBSTONE", match)
    assert "attachments" not in told
    assert receiver.asked(path="/hook/never") == []
    end(writing, user)


def test_the_death_of_a_bundle_is_told_once_for_each_version_that_lived(
    writing: Any, receiver: LoopbackService, hook: str, user: str
) -> None:
    files = donors(writing, 1)
    bundle = writing.put_bundle(files)
    later = [versions.now() for _ in range(2)]
    for version in later:
        writing.put_bundle(files, bundle, version)
    put(writing, hook, user)
    delete = {"path": f"/bundles/{bundle}", "body": {"reason": "a test"}, "replica": "aws"}
    assert writing.send("DELETE", version=later[0], **delete).status_code == 200
    assert writing.send("DELETE", **delete).status_code == 200
    receiver.wait_for(3)
    dead = [request.json()["match"]["bundle_version"] for request in receiver.asked()]
    assert dead[0] == later[0]
    assert later[1] in dead[1:]
    assert len(set(dead)) == 3
    end(writing, user)


def test_a_deleted_subscription_is_not_told_any_more(
    writing: Any, receiver: LoopbackService, hook: str, user: str
) -> None:
    gone = put(writing, f"{hook}/gone", user)["uuid"]
    put(writing, f"{hook}/stays", user)
    answer = writing.send("DELETE", f"/subscriptions/{gone}", token=user, replica="aws")
    assert versions.is_valid(answer.json()["timeDeleted"])
    assert refusal(writing.send("DELETE", f"/subscriptions/{gone}", token=user, replica="aws")) == (404, "not_found")
    writing.put_bundle(donors(writing, 1))
    receiver.wait_for(1)
    assert [request.path for request in receiver.asked()] == ["/hook/stays"]
    end(writing, user)


def test_what_is_known_survives_a_kill(writing: Any, launched: Launch, http: requests.Session, tmp_path: Any) -> None:
    with closing(socket.socket()) as reserved:
        reserved.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}/hook"
        served = launched(tmp_path / "data", empty=True)
        own = type(writing)(served, http)
        subscription = put(own, url, hmac_secret_key="not to be logged")
        bundle = own.put_bundle({})
        served.process.kill()
        served.process.wait()
        reserved.listen()  # before the start: a courier in a hurry could give up before
        again = launched(tmp_path / "data", retry_speedup=9000)
        connection, _ = reserved.accept()
        with connection, connection.makefile("rb") as stream:
            assert stream.readline() == b"POST /hook HTTP/1.1\r\n"
            length = next(int(line.split()[1]) for line in stream if line.lower().startswith(b"content-length"))
            while stream.readline().strip():
                pass
            told = json.loads(stream.read(length))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert (told["subscription_id"], told["match"]["bundle_uuid"]) == (subscription["uuid"], bundle)
        until(lambda: " 200\n" in calls(again))
    assert "not to be logged" not in again.directory.log.read_text()
    assert again.directory.store.stat().st_mode & 0o077 == 0


def calls(launched: Launched) -> str:
    """Return the lines of the log that are about calls."""
    lines = launched.directory.log.read_text().splitlines(keepends=True)
    return "".join(line for line in lines if " CALLBACK " in line)


def end(writing: Any, token: str) -> None:
    """End all subscriptions of a user, so that other tests are not told of."""
    for kind in ("jmespath", "elasticsearch"):
        where = {"replica": "aws", "subscription_type": kind, "token": token}
        for one in writing.send("GET", "/subscriptions", **where).json()["subscriptions"]:
            assert writing.send("DELETE", f"/subscriptions/{one['uuid']}", **where).status_code == 200
