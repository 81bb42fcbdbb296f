"""Manifest jobs: ordered, asked for until they are done, ordered again when they are lost."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from neighbours import load

from hca_azul.errors import AzulApiError, AzulError, AzulUnavailableError
from hca_azul.search.filters import Filter
from hca_core.errors import ExitStatus, HCAError, NetworkError

scripted = load(Path(__file__).with_name("scripted.py"), "azul_scripted")
PUT, JOB = scripted.PUT, scripted.JOB
KIDNEY = Filter({"organ": {"is": ["kidney"]}})


def script(service, *documents):
    """Let the service answer the order with the first of `documents`, then each job with one."""
    service.on(*PUT).reply(json=documents[0])
    for number, document in enumerate(documents[1:], 1):
        service.on("GET", f"{JOB}t{number}").reply(json=document)


def test_newest_token_is_asked(service, azul):
    there = "https://storage.example.org/x"
    url = service.url
    script(service, scripted.running(url, "t1"), scripted.running(url, "t2"), scripted.done(there))
    assert azul.manifest(KIDNEY).url == there
    put, *polls = service.requests
    assert dict(put.query) == {"catalog": "dcp1", "format": "compact", "filters": '{"organ":{"is":["kidney"]}}'}
    assert put.body == b""
    assert [(poll.path, poll.query) for poll in polls] == [(f"{JOB}t1", []), (f"{JOB}t2", [])]
    assert scripted.secrets_sent(service.requests) == [PUT[1], f"{JOB}t1", f"{JOB}t2"]


def test_manifest_that_is_there_already(service, azul):
    script(service, scripted.done("https://storage.example.org/x"))
    manifest = azul.manifest()
    assert (manifest.url, manifest.format, manifest.catalog, manifest.expires) == (
        "https://storage.example.org/x", "compact", "dcp1", None,
    )  # fmt: skip
    assert len(service.requests) == 1


def test_waits_as_it_is_asked(service, azul, monkeypatch):
    waits, told = [], []
    monkeypatch.setattr(azul.service.session, "wait", waits.append)
    url = service.url
    script(
        service,
        scripted.running(url, "t1", 6),
        scripted.running(url, "t2", 10**9),
        scripted.running(url, "t3", None),
        scripted.running(url, "t4", "soon"),
        scripted.done("https://storage.example.org/x"),
    )
    azul.manifest(waiting=lambda: told.append(len(waits)))
    assert waits == [6, 60, 0.1, 0.1]
    assert told == [0]


def test_location_may_be_relative(service, azul):
    script(service, {"Status": 301, "Location": f"{JOB}t1"}, scripted.done("https://storage.example.org/x"))
    assert azul.manifest().url == "https://storage.example.org/x"


def test_long_filters_are_in_the_body(service, azul):
    script(service, scripted.done("https://storage.example.org/x"))
    ids = {"fileId": {"is": [f"{n:036}" for n in range(300)]}}
    azul.manifest(Filter(ids))
    (put,) = service.requests
    assert dict(put.query) == {"catalog": "dcp1", "format": "compact"}
    assert json.loads(put.json()["filters"]) == ids


def test_no_time_left(service, azul):
    script(service, scripted.running(service.url, "t1", 30))
    with pytest.raises(AzulUnavailableError, match="was not ready within 5 seconds") as caught:
        azul.manifest(timeout=5)
    assert caught.value.exit_status == ExitStatus.NETWORK
    assert len(service.requests) == 1


@pytest.mark.parametrize("status", [400, 404, 410, 500])
def test_lost_job_is_ordered_again(service, azul, status):
    there = "https://storage.example.org/x"
    service.on(*PUT).reply(json=scripted.running(service.url, "t1")).reply(json=scripted.done(there))
    service.on("GET", f"{JOB}t1").fail(status, times=9, json={"Code": "X", "Message": "Failed to generate manifest"})
    assert azul.manifest().url == there
    assert len(service.asked(*PUT)) == 2


def test_job_that_fails_twice(service, azul):
    script(service, scripted.running(service.url, "t1"))
    service.on("GET", f"{JOB}t1").fail(500, json={"Code": "ChaliceViewError", "Message": "Failed to generate manifest"})
    with pytest.raises(AzulUnavailableError, match="could not make the manifest") as caught:
        azul.manifest()
    assert "fewer files" in caught.value.hint
    assert len(service.asked(*PUT)) == 2


def test_refused_job_is_not_ordered_again(service, azul):
    script(service, scripted.running(service.url, "t1"))
    service.on("GET", f"{JOB}t1").fail(403, json={"Code": "ForbiddenError", "Message": "no"})
    with pytest.raises(AzulApiError, match="no"):
        azul.manifest()
    assert len(service.asked(*PUT)) == 1


def test_bad_order_is_told(service, azul):
    service.on(*PUT).fail(400, json={"Code": "BadRequestError", "Message": "Unknown field `x`"})
    with pytest.raises(AzulApiError, match="Unknown field `x`"):
        azul.manifest(KIDNEY)
    assert len(service.asked(*PUT)) == 1


def test_firewall_counts_for_longer_than_a_request_is_tried(service, azul):
    page = {"body": b"<html>slow down</html>", "status": 429, "headers": {"Retry-After": "0"}}
    there = scripted.done("https://storage.example.org/x")
    put = service.on(*PUT)
    for _ in range(5):  # two tries a request
        put.reply(**page)
    put.reply(json=there)
    assert azul.manifest().url == there["Location"]


def test_firewall_that_counts_for_too_long(service, azul):
    service.on(*PUT).reply(body=b"<html>slow down</html>", status=429, headers={"Retry-After": "0"})
    with pytest.raises(AzulUnavailableError, match="too many requests"):
        azul.manifest(timeout=0.001)


@pytest.mark.parametrize(
    "document",
    [
        {"Status": 200},
        {"Status": 302},
        {"Status": 302, "Location": None},
        {"Location": "https://storage.example.org/x"},
        {"Status": [302], "Location": "https://storage.example.org/x"},
        [1],
        "x",
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_answers_of_something_else(service, azul, document, first):
    script(service, *([document] if first else [scripted.running(service.url, "t1"), document]))
    with pytest.raises(AzulError):
        azul.manifest()


@pytest.mark.parametrize("first", [True, False])
def test_pages_of_a_firewall(service, azul, first):
    script(service, scripted.running(service.url, "t1"))
    where = service.on("GET", f"{JOB}t1") if not first else service.on("PUT", f"{PUT[1]}*")
    where.garbage(content_type="text/html")
    if first:
        service._routes.pop(PUT)
    with pytest.raises(HCAError, match="that is not JSON"):
        azul.manifest()


@pytest.mark.parametrize("location", ["s3://bucket/x", "http://storage.example.org/x", "https://[x/y", "file:///etc/x"])
def test_addresses_that_are_none(service, azul, location):
    script(service, scripted.done(location))
    with pytest.raises(HCAError):
        azul.manifest()


def test_token_of_a_job_stays_at_home(service, storage, azul):
    script(service, scripted.running(storage.url, "t1"))
    with pytest.raises(AzulError, match="is not its own"):
        azul.manifest()
    assert storage.requests == []


def test_genuine_redirects(service, storage, azul):
    """A job may answer in HTTP's own words. What it leads to is not read here: it may be large."""
    script(service, scripted.running(service.url, "t1"))
    service.on("GET", f"{JOB}t1").redirect(f"{service.url}{JOB}t2", status=301, retry_after="0.01")
    service.on("GET", f"{JOB}t2").redirect(f"{storage.url}/signed?X-Goog-Date=20200101T000000Z&X-Goog-Expires=60")
    storage.on("GET", "/signed").truncate(1, times=9, body=b"x" * 10)
    manifest = azul.manifest()
    assert manifest.url == f"{storage.url}/signed?X-Goog-Date=20200101T000000Z&X-Goog-Expires=60"
    assert manifest.expires == 1577836860
    assert manifest.has_ended
    assert scripted.secrets_sent(storage.requests) == []


def test_orders_are_not_sent_at_the_same_time(service, azul):
    inside, most = [0], [0]

    def answer(request):
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        threading.Event().wait(0.02)
        inside[0] -= 1
        return scripted.done("https://storage.example.org/x")

    service.on(*PUT).reply(answer)
    threads = [threading.Thread(target=azul.manifest) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(service.requests) == 4
    assert most == [1]


def test_broken_connections(service, azul):
    there = "https://storage.example.org/x"
    service.on(*PUT).drop().reply(json=scripted.running(service.url, "t1"))
    service.on("GET", f"{JOB}t1").drop().reply(json=scripted.done(there))
    assert azul.manifest().url == there


def test_nobody_there(service, azul):
    service.on(*PUT).drop(times=9)
    with pytest.raises(NetworkError):
        azul.manifest()


def test_slow_repository_leads_to_itself(service, azul):
    """A temporary redirect to the same address, which newer versions answer instead of 503 (contract §1)."""
    service.on(*PUT).redirect(service.url + PUT[1] + "?again", status=307, retry_after="0.01").reply(
        json=scripted.done("https://storage.example.org/x")
    )
    assert azul.manifest().url == "https://storage.example.org/x"
    assert [request.method for request in service.requests] == ["PUT", "PUT"]


def test_key_of_a_link_is_no_word_for_logs(service, azul, caplog):
    from hca_core import log

    script(service, scripted.done(f"{service.url}/manifest/files/k3y-of-the-manifest"))
    assert azul.manifest(format="compact").url.endswith("/k3y-of-the-manifest")
    assert log.redact("GET /manifest/files/k3y-of-the-manifest") == "GET /manifest/files/***"


@pytest.mark.parametrize("told", [True, False])
def test_formats_are_those_that_the_service_makes(service, azul, told):
    parameters = [{"name": "catalog"}, {"name": "format", "schema": {"enum": ["compact", "special"]}}]
    service.on("GET", "/openapi").reply(
        json={"paths": {"/manifest/files": {"put": {"parameters": parameters}}} if told else {}}
    )
    script(service, scripted.done("https://storage.example.org/x"))
    good, bad = ("special", "terra.bdbag") if told else ("terra.bdbag", "special")
    assert azul.manifest(format=good).format == good
    with pytest.raises(HCAError, match=f"no manifests in the format '{bad}'") as caught:
        azul.manifest(format=bad)
    assert good in caught.value.hint
    assert len(service.asked(*PUT)) == 1
