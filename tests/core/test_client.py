"""ServiceClient and DSSClient: operations as methods, what goes over the wire, where tokens go, flat memory."""

from __future__ import annotations

import base64
import inspect
import io
import json
import logging
import os
import subprocess
import sys
import time
import tracemalloc

import pytest

import hca_core
from hca_core import http
from hca_core.config import HCAConfig
from hca_core.errors import ConfigError, HCAError, LoginError, NotFoundError, ServiceError, UsageError
from hca_core.testing import LoopbackService, reply
from hca_dss.client import DSSClient

PAGED = {"get_bundle", "get_bundles_all", "get_collections", "get_events", "post_search"}
UUID = "7bb01b9c-7b1f-4c4b-9fb0-9d4a9c3a1b2c"
VERSION = "2026-11-21T185524.763038Z"


@pytest.fixture
def client(dss):
    """A client of the recording service; everything that it asks for is to be scripted."""
    made = DSSClient(first_wait=0.01, most_wait=0.02)
    yield made
    made.session.close()


@pytest.fixture
def other(dss_description):
    with LoopbackService(host="localhost") as running:
        running.describe(dss_description)
        yield running


def asked(service):
    """The requests but for those of descriptions."""
    return [one for one in service.requests if not one.path.endswith("swagger.json")]


# How a client is made


def test_the_published_ways_to_make_one(dss, other):
    config = HCAConfig()
    config["DSSClient"].swagger_url = other.url + "/v1/swagger.json"
    assert DSSClient().swagger_url == dss.url + "/v1/swagger.json"
    assert DSSClient(config=config).swagger_url == other.url + "/v1/swagger.json"
    assert DSSClient(swagger_url="https://dss.example.com/v1/swagger.json").swagger_url.startswith("https://dss.ex")
    assert DSSClient(None, "https://dss.example.com/v1/swagger.json").swagger_url.startswith("https://dss.ex")
    assert DSSClient(config, "https://x.org/s.json").swagger_url == "https://x.org/s.json"


def test_arguments_beat_the_environment_and_files(dss, other, isolated_home):
    folder = isolated_home / ".config" / "hca"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"DSSClient": {"swagger_url": "https://file.example.org/s.json"}}')
    other.on("GET", "/v1/bundles/all").reply(json={"bundles": []})
    DSSClient(swagger_url=other.url + "/v1/swagger.json").get_bundles_all(replica="aws")
    assert dss.requests == []
    assert len(asked(other)) == 1
    config = HCAConfig()
    config["DSSClient"].swagger_url = other.url + "/v1/swagger.json"
    DSSClient(config=config).get_bundles_all(replica="aws")
    assert dss.requests == []
    assert (folder / "config.json").read_text().count("file.example.org") == 1


def test_the_default_needs_no_network():
    client = DSSClient()
    assert client.swagger_url == "https://dss.data.humancellatlas.org/v1/swagger.json"
    assert len(client.api.operations) == 22
    assert client.api.base_url == "https://dss.data.humancellatlas.org/v1"


def test_settings_of_the_session_are_keywords_or_configuration(dss):
    assert DSSClient(tries=2, patience=5)._policy == http.Policy(tries=2, patience=5)
    config = HCAConfig()
    config["http"] = {"tries": 3, "read_timeout": 9}
    config["DSSClient"].tries = 4
    assert DSSClient(config)._policy == http.Policy(tries=4, read_timeout=9)
    assert DSSClient(config, tries=5)._policy.tries == 5
    with pytest.raises(TypeError, match="unknown keyword 'retries'"):
        DSSClient(retries=1)
    config["http"] = {"tries": "many"}
    with pytest.raises(ConfigError, match="tries is 'many'"):
        DSSClient(HCAConfig(), tries="many")


def test_sections_of_the_session_are_sections(dss):
    config = HCAConfig()
    config["http"] = "slow"
    with pytest.raises(ConfigError, match="http is 'slow', but must be a section"):
        DSSClient(config)


@pytest.mark.parametrize("value", [True, -1, "5", None, [], float("nan")])
def test_settings_of_the_session_must_be_numbers(dss, value):
    with pytest.raises(ConfigError, match="read_timeout is"):
        DSSClient(read_timeout=value)


def test_without_a_url_there_is_no_client(plugin):
    from hca_core.service import ServiceClient

    class WeatherClient(ServiceClient):
        service = "weather"

    plugin("weather", clients={"weather": WeatherClient})
    with pytest.raises(ConfigError, match=r"WeatherClient\.swagger_url"):
        WeatherClient()


def test_clients_by_name_again_and_again(dss):
    for _ in range(2):
        assert isinstance(hca_core.client("dss"), DSSClient)
    assert hca_core.client("dss", swagger_url="https://x.org/s.json").swagger_url == "https://x.org/s.json"


def test_clients_share_no_state(dss, other):
    """Legacy defect D1: a second client re-pointed the methods of the first one."""
    dss.on("GET", "/v1/bundles/all").reply(json="first")
    other.on("GET", "/v1/bundles/all").reply(json="second")
    first = DSSClient(swagger_url=dss.url + "/v1/swagger.json")
    method = first.get_bundles_all
    second = DSSClient(swagger_url=other.url + "/v1/swagger.json")
    assert second.get_bundles_all(replica="aws") == "second"
    assert method(replica="aws") == "first"
    assert first.get_bundles_all(replica="aws") == "first"
    assert second.get_bundles_all(replica="aws") == "second"


# Calls


def test_a_call_gives_decoded_json(client, dss):
    dss.on("GET", f"/v1/bundles/{UUID}").reply(json={"bundle": {"files": []}})
    assert client.get_bundle(uuid=UUID, replica="aws", version=VERSION) == {"bundle": {"files": []}}
    (seen,) = asked(dss)
    assert (seen.method, seen.path) == ("GET", f"/v1/bundles/{UUID}")
    assert sorted(seen.query) == [("replica", "aws"), ("version", VERSION)]
    assert seen.body == b""


def test_arguments_may_be_positional_in_the_published_order(client, dss):
    dss.on("DELETE", f"/v1/bundles/{UUID}").reply(json={})
    os.environ["HCA_TOKEN"] = "T"
    client.delete_bundle("wrong", UUID, "aws")
    (seen,) = asked(dss)
    assert seen.json() == {"reason": "wrong"}
    assert seen.query == [("replica", "aws")]
    with pytest.raises(TypeError, match="two values for 'reason'"):
        client.delete_bundle("wrong", reason="x", uuid=UUID, replica="aws")
    with pytest.raises(TypeError, match="at most 4"):
        client.delete_bundle(1, 2, 3, 4, 5)


@pytest.mark.parametrize("value", [True, False])
def test_booleans_go_out_as_the_service_writes_them(client, dss, value):
    dss.on("GET", "/v1/*").reply(json={})
    client.get_bundle(uuid=UUID, replica="aws", presignedurls=value)
    client.get_file(uuid=UUID, replica="aws", directurl=value)
    text = str(value).lower()
    assert ("presignedurls", text) in asked(dss)[0].query
    assert ("directurl", text) in asked(dss)[1].query


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("../x", "..%2Fx"),
        ("a/b", "a%2Fb"),
        ("../files/f1?x=", "..%2Ffiles%2Ff1%3Fx%3D"),
        ("a?b", "a%3Fb"),
        ("a#b", "a%23b"),
        ("%2e%2e", "%252e%252e"),
        ("ä 本", "%C3%A4%20%E6%9C%AC"),
        ("a\\b", "a%5Cb"),
        ("a;b", "a%3Bb"),
        ("...", "..."),
        ("{uuid}", "%7Buuid%7D"),
        (5, "5"),
    ],
)
def test_no_value_leads_out_of_its_part_of_the_path(client, dss, value, path):
    dss.on("GET", "/*").reply(json={})
    client.get_bundle(uuid=value, replica="aws")
    (seen,) = asked(dss)
    assert seen.path == f"/v1/bundles/{path}"
    assert seen.query == [("replica", "aws")]


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_values_that_are_no_part_of_a_path_are_refused(client, dss, value):
    with pytest.raises(UsageError, match="uuid must not be"):
        client.get_bundle(uuid=value, replica="aws")
    assert asked(dss) == []


def test_a_body_has_what_was_given(client, dss, monkeypatch):
    monkeypatch.setenv("HCA_TOKEN", "T")
    dss.on("*", "/v1/*").reply(json={"uuid": UUID, "version": VERSION})
    client.patch_bundle(uuid=UUID, replica="aws", version=VERSION)
    client.put_bundle(creator_uid=0, files=[{"uuid": UUID}], uuid=UUID, version=VERSION, replica="aws")
    patched, put = asked(dss)
    assert patched.json() == {}
    assert put.json() == {"creator_uid": 0, "files": [{"uuid": UUID}]}
    assert put.headers["Content-Type"] == "application/json"


def test_a_get_has_no_body(client, dss):
    dss.on("GET", "/v1/*").reply(json={})
    client.get_event(uuid=UUID, version=VERSION, replica="aws")
    assert asked(dss)[0].headers["Content-Type"] is None
    assert asked(dss)[0].headers["Content-Length"] is None


@pytest.mark.parametrize(
    ("headers", "body", "result"),
    [
        ({"Content-Type": "application/json"}, b'{"a": 1}', {"a": 1}),
        ({"Content-Type": "application/json; charset=utf-8"}, '{"a": "ä"}'.encode(), {"a": "ä"}),
        ({"Content-Type": 'application/json; dcp-type="metadata/file"'}, b"[]", []),
        ({"Content-Type": "application/octet-stream"}, b"\x00\xff", b"\x00\xff"),
        ({"Content-Type": "text/html"}, b"<p>", b"<p>"),
        ({}, b"bytes", b"bytes"),
        ({"Content-Type": "application/json"}, b"", None),
        ({}, b"", None),
        ({"Content-Type": "application/octet-stream"}, b"", b""),
    ],
)
def test_results(client, dss, headers, body, result):
    dss.on("GET", "/v1/*").reply(headers=headers, body=body)
    assert client.get_file(uuid=UUID, replica="aws") == result


def test_json_that_is_none_is_told(client, dss):
    dss.on("GET", "/v1/*").reply(headers={"Content-Type": "application/json"}, body=b"<html>")
    with pytest.raises(HCAError, match="not JSON"):
        client.get_event(uuid=UUID, version=VERSION, replica="aws")


def test_head_gives_the_response(client, dss):
    dss.on("HEAD", "/v1/*").reply(headers={"X-DSS-SIZE": "5"})
    response = client.head_file(uuid=UUID, replica="aws")
    assert (response.status_code, response.headers["x-dss-size"]) == (200, "5")


def test_a_redirect_into_a_cloud_gives_the_address(client, dss):
    dss.on("GET", "/v1/*").redirect("s3://bucket/key")
    assert client.get_file(uuid=UUID, replica="aws", directurl=True) == "s3://bucket/key"


def test_errors_of_the_service_tell_its_code_and_text(client, dss):
    problem = {"status": 404, "code": "not_found", "title": "Cannot find bundle!", "stacktrace": "line 1"}
    dss.on("GET", "/v1/*").fail(404, json=problem)
    with pytest.raises(NotFoundError) as told:
        client.get_bundle(uuid=UUID, replica="aws")
    error = told.value
    assert isinstance(error, ServiceError)
    assert (error.code, error.reason, error.title) == (404, "not_found", "Cannot find bundle!")
    assert (error.stacktrace, error.details) == ("line 1", problem)
    assert error.response.status_code == 404


# Arguments that are wrong


def test_what_is_required_is_named(client, dss):
    with pytest.raises(TypeError, match=r"get_bundle\(\) needs replica=\.\.\."):
        client.get_bundle(uuid=UUID)
    with pytest.raises(TypeError, match="needs replica"):
        list(client.get_bundle.iterate(uuid=UUID))
    with pytest.raises(TypeError, match="needs replica"), client.get_file.stream(uuid=UUID):
        pass
    assert asked(dss) == []


def test_what_is_none_of_the_choices_is_refused(client, dss):
    with pytest.raises(UsageError, match="replica is 'xyz', but must be one of aws, gcp"):
        client.get_bundle(uuid=UUID, replica="xyz")
    assert asked(dss) == []


def test_an_argument_that_the_route_does_not_have_is_ignored(client, dss, monkeypatch, caplog):
    monkeypatch.setenv("HCA_TOKEN", "T")
    dss.on("GET", "/v1/collections").reply(json={"collections": [1]})
    with caplog.at_level(logging.DEBUG, "hca"):
        assert client.get_collections(replica="aws") == {"collections": [1]}
    assert asked(dss)[0].query == []
    assert any("'replica'" in message and "ignored" in message for message in caplog.messages)


def test_a_misspelt_argument_is_an_error(client, dss):
    with pytest.raises(TypeError, match="no argument 'per_pages'; did you mean 'per_page'"):
        client.get_bundles_all(replica="aws", per_pages=5)
    assert asked(dss) == []


def test_an_operation_that_does_not_exist(client):
    with pytest.raises(AttributeError, match="no attribute 'get_nothing'"):
        client.get_nothing  # noqa: B018
    with pytest.raises(AttributeError):
        DSSClient.get_nothing  # noqa: B018
    assert not hasattr(DSSClient, "_private")


# Pages


def script_pages(service, key="bundles", pages=3, size=2):
    """Script `pages` of /v1/bundles/all, each of `size` items, in the spelling of the service."""

    def page(request):
        number = int(dict(request.query).get("search_after", 0))
        items = list(range(number * size, number * size + size))
        headers = {"X-OpenAPI-Paginated-Content-Key": key}
        if number + 1 < pages:
            headers["Link"] = f"<{service.url}/v1/bundles/all?replica=aws&search_after={number + 1}>; rel='next'"
        return reply(json={key: items, "page": number}, headers=headers, status=206 if number + 1 < pages else 200)

    service.on("GET", "/v1/bundles/all").reply(page)


def test_a_call_gives_the_first_page_and_iterate_all_items(client, dss):
    script_pages(dss)
    assert client.get_bundles_all(replica="aws") == {"bundles": [0, 1], "page": 0}
    assert len(asked(dss)) == 1
    iterator = client.get_bundles_all.iterate(replica="aws")
    assert inspect.isgenerator(iterator)
    assert list(iterator) == [0, 1, 2, 3, 4, 5]
    assert [page["page"] for page in client.get_bundles_all.paginate(replica="aws")] == [0, 1, 2]
    assert [page.items for page in client.pages("get_bundles_all", replica="aws")] == [[0, 1], [2, 3], [4, 5]]


def test_pages_are_fetched_when_they_are_needed(client, dss):
    script_pages(dss)
    iterator = client.get_bundles_all.iterate(replica="aws")
    assert asked(dss) == []
    assert [next(iterator), next(iterator)] == [0, 1]
    assert len(asked(dss)) == 1
    assert next(iterator) == 2
    assert len(asked(dss)) == 2


def test_the_five_paging_methods_and_no_others_iterate(client):
    operations = client.api.operations
    assert {name for name in operations if hasattr(getattr(client, name), "iterate")} == PAGED
    assert {name for name in operations if hasattr(getattr(DSSClient, name), "iterate")} == PAGED
    with pytest.raises(TypeError, match="does not come in pages"):
        client.pages("get_event")


def test_iterate_on_the_class(dss):
    script_pages(dss)
    assert list(DSSClient.get_bundles_all.iterate(replica="aws")) == [0, 1, 2, 3, 4, 5]
    assert DSSClient.get_bundles_all(replica="aws")["page"] == 0


def test_the_class_form_does_not_touch_other_clients(dss, other):
    script_pages(dss)
    script_pages(other, pages=1)
    client = DSSClient(swagger_url=other.url + "/v1/swagger.json")
    assert len(list(DSSClient.get_bundles_all.iterate(replica="aws"))) == 6
    assert len(list(client.get_bundles_all.iterate(replica="aws"))) == 2
    assert len(list(DSSClient.get_bundles_all.iterate(replica="aws"))) == 6


def test_a_search_sends_its_query_with_every_page(client, dss):
    def page(request):
        if "search_after" not in dict(request.query):
            return reply(json={"results": [1]}, link="/v1/search?replica=aws&search_after=x,y", status=206)
        return {"results": [2]}

    dss.on("POST", "/v1/search").reply(page)
    query = {"query": {"match": {"a": "b"}}}
    assert list(client.post_search.iterate(es_query=query, replica="aws", output_format="summary")) == [1, 2]
    assert [one.json() for one in asked(dss)] == [{"es_query": query}] * 2
    assert asked(dss)[1].query == [("replica", "aws"), ("search_after", "x,y")]


def test_the_content_key_is_told_by_a_header(client, dss):
    headers = {"X-OpenAPI-Paginated-Content-Key": "bundle.files"}
    dss.on("GET", "/v1/*").reply(json={"bundle": {"files": [1, 2]}}, headers=headers)
    assert list(client.get_bundle.iterate(uuid=UUID, replica="aws")) == [1, 2]


def test_memory_stays_flat_over_many_pages(client, dss):
    item = {"uuid": UUID, "version": VERSION, "bundle_fqid": f"{UUID}.{VERSION}"}
    body = json.dumps({"bundles": [item] * 500}).encode()

    def page(request):
        dss.requests.clear()  # else most of what is measured would be what the recording service keeps
        number = int(dict(request.query).get("search_after", 0)) + 1
        headers = {"X-OpenAPI-Paginated-Content-Key": "bundles", "Content-Type": "application/json"}
        if number < 200:
            headers["Link"] = f'</v1/bundles/all?search_after={number}>; rel="next"'
        return reply(body=body, headers=headers)

    dss.on("GET", "/v1/bundles/all").reply(page)
    iterator = client.get_bundles_all.iterate(replica="aws", per_page=500)
    tracemalloc.start()
    try:
        for _ in range(10 * 500):
            next(iterator)
        early = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        count = sum(1 for _ in iterator)
        late = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 190 * 500
    assert late < early + 500_000  # 190 pages that were kept would be many MB


# Tokens


def test_what_needs_a_login_says_so_before_any_request(client, dss):
    with pytest.raises(LoginError) as told:
        client.get_collections()
    assert told.value.hint == "hca dss login, or set HCA_TOKEN"
    assert asked(dss) == []


def test_a_stored_token_is_sent_to_its_service_only(client, dss, other):
    client.login(access_token="  stored ")
    for one in (dss, other):
        one.on("GET", "/v1/collections").reply(json={"collections": []})
    client.get_collections()
    assert asked(dss)[0].headers["Authorization"] == "Bearer stored"
    with pytest.raises(LoginError):
        DSSClient(swagger_url=other.url + "/v1/swagger.json").get_collections()
    assert asked(other) == []
    client.logout()
    with pytest.raises(LoginError):
        client.get_collections()
    client.logout()


def test_the_environment_s_token_comes_first(client, dss, monkeypatch):
    client.login(access_token="stored")
    monkeypatch.setenv("HCA_TOKEN", "environment")
    dss.on("GET", "/v1/collections").reply(json={"collections": []})
    client.get_collections()
    assert asked(dss)[0].headers["Authorization"] == "Bearer environment"


def test_open_operations_carry_no_token(client, dss, monkeypatch):
    monkeypatch.setenv("HCA_TOKEN", "T")
    dss.on("GET", "/v1/bundles/all").reply(json={"bundles": []})
    client.get_bundles_all(replica="aws")
    assert [one.headers["Authorization"] for one in dss.requests] == [None, None]


def test_a_page_on_another_host_gets_no_token(client, dss, other, monkeypatch):
    monkeypatch.setenv("HCA_TOKEN", "T")
    headers = {"X-OpenAPI-Paginated-Content-Key": "collections"}
    dss.on("GET", "/v1/collections").reply(
        json={"collections": [1]}, headers=headers, link=other.url + "/v1/collections?start_at=1", status=206
    )
    other.on("GET", "/v1/collections").reply(json={"collections": [2]}, headers=headers)
    assert list(client.get_collections.iterate()) == [1, 2]
    assert asked(dss)[0].headers["Authorization"] == "Bearer T"
    assert asked(other)[0].headers["Authorization"] is None


def test_a_description_cannot_send_a_token_elsewhere(dss, other, dss_description, monkeypatch):
    monkeypatch.setenv("HCA_TOKEN", "T")
    lying = {**dss_description, "host": other.url.partition("//")[2], "schemes": ["http"]}
    dss.on("GET", "/lying.json").reply(json=lying)
    other.on("GET", "/v1/collections").reply(json={"collections": []})
    with pytest.raises(LoginError, match="the token stays here"):
        DSSClient(swagger_url=dss.url + "/lying.json").get_collections()
    assert asked(other) == []


def jwt(**claims):
    def part(document):
        return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")

    return ".".join([part({"alg": "none"}), part(claims), "sig"])


def test_expired_tokens(client):
    assert client.expired_token() is False
    client.login(access_token=jwt(exp=time.time() + 3600))
    assert client.expired_token() is False
    client.login(access_token=jwt(exp=time.time() + 5))
    assert client.expired_token() is True
    client.login(access_token=jwt(exp=time.time() - 60))
    assert client.expired_token() is True
    client.login(access_token="opaque")
    assert client.expired_token() is False


def test_a_service_that_does_not_tell_how_to_log_in_says_so(client):
    with pytest.raises(LoginError, match="does not tell how to log in") as told:
        client.login()
    assert "--access-token" in str(told.value.hint)


# Streams


def test_the_documented_loop_over_a_stream(client, dss):
    content = os.urandom(100_000)
    dss.on("GET", f"/v1/files/{UUID}").redirect("/blob", 301, retry_after=0).redirect("/blob")
    dss.on("GET", "/blob").reply(body=content)
    received = b""
    with client.get_file.stream(uuid=UUID, replica="aws") as handle:
        assert handle.status_code == 200
        while True:
            block = handle.raw.read(1024)
            if not block:
                break
            received += block
    assert received == content
    assert dss.asked("GET", "/blob")[0].headers["Accept-Encoding"] == "identity"


def test_a_stream_left_early_gives_its_connection_up(client, dss):
    dss.on("GET", "/v1/*").slow(4, body=bytes(8_000_000))  # 32 s in all
    started = time.monotonic()
    with client.get_file.stream(uuid=UUID, replica="aws") as handle:
        handle.raw.read(10)
    assert time.monotonic() - started < 25, "it waited for the rest"


# The published surface


SIGNATURES = {
    "delete_bundle": "(reason=None, uuid=None, replica=None, version=None)",
    "delete_collection": "(uuid=None, replica=None)",
    "get_collection": "(uuid=None, replica=None, version=None)",
    "delete_subscription": "(uuid=None, replica=None, subscription_type='jmespath')",
    "get_subscription": "(uuid=None, replica=None, subscription_type='jmespath')",
    "get_subscriptions": "(replica=None, subscription_type='jmespath')",
    "get_bundle": "(uuid=None, version=None, replica=None, directurls=None, presignedurls=None, token=None, "
    "per_page=500, start_at=None)",
    "get_bundles_all": "(replica=None, prefix=None, token=None, per_page=100, search_after=None)",
    "get_bundles_checkout": "(replica=None, checkout_job_id=None)",
    "get_collections": "(per_page=500, start_at=None)",
    "get_event": "(uuid=None, version=None, replica=None)",
    "get_events": "(from_date=None, to_date=None, replica=None, per_page=1, token=None)",
    "get_file": "(uuid=None, replica=None, version=None, token=None, directurl=None, content_disposition=None)",
    "head_file": "(uuid=None, replica=None, version=None)",
    "patch_bundle": "(add_files=None, remove_files=None, uuid=None, replica=None, version=None)",
    "patch_collection": "(add_contents=None, description=None, details=None, name=None, remove_contents=None, "
    "uuid=None, replica=None, version=None)",
    "post_bundles_checkout": "(destination=None, email=None, uuid=None, version=None, replica=None)",
    "post_search": "(es_query=None, output_format='summary', replica=None, per_page=100, search_after=None)",
    "put_bundle": "(creator_uid=None, files=None, uuid=None, version=None, replica=None)",
    "put_collection": "(contents=None, description=None, details=None, name=None, replica=None, uuid=None, "
    "version=None)",
    "put_file": "(creator_uid=None, source_url=None, uuid=None, version=None)",
    "put_subscription": "(attachments=None, callback_url=None, encoding='application/json', es_query=None, "
    "form_fields={}, hmac_key_id=None, hmac_secret_key=None, jmespath_query=None, method='POST', "
    "payload_form_field='payload', replica=None)",
}
HAND_WRITTEN = {
    "download": "(bundle_uuid, replica, version='', download_dir='', metadata_filter=('*',), data_filter=('*',), "
    "no_metadata=False, no_data=False, num_retries=10, min_delay_seconds=0.25, *, order=None)",
    "download_manifest": "(manifest, replica, layout='none', no_metadata=False, no_data=False, num_retries=10, "
    "min_delay_seconds=0.25, download_dir='', *, order=None)",
    "download_collection": "(uuid, replica, version=None, download_dir='', *, order=None)",
    "create_version": "()",
    "login": "(access_token='', remote=False)",
    "logout": "()",
    "expired_token": "()",
    "clear_cache": "()",
    "load_swagger_json": "(swagger_json, ptr_str='$ref')",
}


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_signatures_of_operations(name):
    """DS-010..DS-026."""
    assert str(inspect.signature(getattr(DSSClient(), name))) == SIGNATURES[name]
    assert str(inspect.signature(getattr(DSSClient, name))) == SIGNATURES[name]


def test_every_operation_is_in_the_table():
    assert set(DSSClient().api.operations) == set(SIGNATURES)
    assert set(SIGNATURES) <= set(dir(DSSClient()))


@pytest.mark.parametrize("name", sorted(HAND_WRITTEN))
def test_signatures_of_hand_written_methods(name):
    """DS-030..DS-039."""
    found = inspect.signature(getattr(DSSClient(), name))
    plain = [one.replace(annotation=inspect.Parameter.empty) for one in found.parameters.values()]
    assert str(inspect.Signature(plain)) == HAND_WRITTEN[name]


@pytest.mark.parametrize("name", sorted({**SIGNATURES, **HAND_WRITTEN}))
def test_every_method_tells_what_it_does_and_its_parameters(name):
    """DS-043."""
    method = getattr(DSSClient(), name)
    text = inspect.getdoc(method)
    assert text
    assert method.__name__ == name
    for parameter in inspect.signature(method).parameters:
        assert parameter in text
    assert "{prog}" not in text
    assert "sphinx" not in text


def test_create_version_returns_and_prints_nothing(capsys):
    assert len(DSSClient().create_version()) == len(VERSION)
    assert capsys.readouterr() == ("", "")


def test_load_swagger_json():
    stream = io.StringIO('{"a": {"$ref": "#/b"}, "b": {"c": 1}}')
    assert DSSClient.load_swagger_json(stream) == {"a": {"c": 1}, "b": {"c": 1}}
    assert DSSClient.load_swagger_json(io.StringIO('{"a": {"at": "#/b"}, "b": 1}'), "at")["a"] == 1


def test_the_published_import_paths():
    from hca import HCAConfig as PublishedConfig
    from hca.dss import DSSClient as PublishedClient
    from hca.util import SwaggerClient
    from hca.util.exceptions import SwaggerAPIException

    assert PublishedClient is DSSClient
    assert PublishedConfig is HCAConfig
    assert issubclass(DSSClient, SwaggerClient)
    assert SwaggerAPIException is ServiceError


def test_clear_cache_and_refresh(dss, dss_description):
    client = DSSClient()
    assert client.api.operations
    assert len(dss.requests) == 1
    DSSClient().api  # noqa: B018 - reads the cache
    assert len(dss.requests) == 1
    client.clear_cache()
    assert client.api.operations
    assert len(dss.requests) == 2
    changed = {**dss_description, "paths": {"/new": {"get": {"responses": {}}}}}
    dss.describe(changed)
    client.refresh_swagger()
    assert list(client.api.operations) == ["get_new"]
    client.session.close()


def test_header_parameters(dss):
    header = {"in": "header", "name": "host-name", "type": "string", "required": True}
    document = {"swagger": "2.0", "paths": {"/x": {"get": {"parameters": [header], "responses": {}}}}}
    client = DSSClient(swagger_url=dss.describe(document, at="/other.json"))
    dss.on("GET", "/x").reply(json={})
    client.get_x(host_name="here")
    assert dss.asked("GET", "/x")[0].headers["host-name"] == "here"
    for bad in ("a\r\nX-Evil: 1", "\N{SNOWMAN}"):
        with pytest.raises(UsageError):
            client.get_x(host_name=bad)
    assert len(dss.asked("GET", "/x")) == 1


def test_importing_the_client_class_by_its_published_path_needs_no_click():
    code = "import sys; from hca.dss import DSSClient; DSSClient.get_bundle.iterate; print('click' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
