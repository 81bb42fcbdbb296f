"""What is sent to Azul, and what its answers mean: errors in its words, a firewall's pages, filters of any length."""

from __future__ import annotations

import json

import pytest

from hca_azul.errors import AzulApiError, AzulError, AzulNotFoundError, AzulRefusedError, AzulUnavailableError
from hca_core.errors import HCAError, NetworkError, NotFoundError
from hca_core.testing import Reply

SUMMARY = ("index", "summary")


def answer(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"Content-Type": "application/json"}, json.dumps({"Code": code, "Message": message}).encode())


def test_the_default_catalog_is_asked_for_once(service, scripted):
    azul = scripted()
    assert [azul.catalog, azul.catalog] == ["new", "new"]
    assert len(service.asked()) == 1


def test_a_catalog_that_was_given_is_not_asked_for(service, scripted):
    assert scripted(catalog="old").catalog == "old"
    assert service.asked() == []


@pytest.mark.parametrize("name", ["DCP1", "dcp 1", ".", "-it", "a" * 65, "dcp1-", "dcp1\n"])
def test_what_is_no_name_of_a_catalog_is_not_asked_for(service, scripted, name):
    with pytest.raises(NotFoundError, match="there is no catalog"):
        scripted(catalog=name).summary()
    assert service.asked("GET", "/index/summary") == []


@pytest.mark.parametrize(
    ("reply", "kind", "status", "said"),
    [
        (answer(400, "BadRequestError", "Unknown field `x`"), AzulApiError, 1, "Unknown field `x`"),
        (answer(403, "ForbiddenError", "no such source"), AzulRefusedError, 3, "no such source"),
        (answer(404, "NotFoundError", "Catalog 'x' does not exist"), AzulNotFoundError, 4, "does not exist"),
        (Reply(404, {}, b"<html>no such page</html>"), AzulNotFoundError, 4, "not how Azul answers"),
        (answer(410, "GoneError", "expired"), AzulNotFoundError, 4, "expired"),
        (answer(429, "TooManyRequestsError", "slow down"), AzulUnavailableError, 5, "too many requests"),
        (answer(503, "ServiceUnavailableError", "maintenance"), AzulUnavailableError, 5, "maintenance"),
        (answer(500, "InternalServerError", "An internal server error occurred."), AzulUnavailableError, 5, "failed"),
        (Reply(403, {}, b"<html>Forbidden by WAF</html>"), AzulApiError, 1, "gateway"),
        (Reply(403, {}, b'{"message":"Missing Authentication Token"}'), AzulApiError, 1, "gateway"),
        (Reply(429, {"Retry-After": "0"}, b"<html>blocked</html>"), AzulUnavailableError, 5, "too many requests"),
        (Reply(504, {}, b'{"message": "Endpoint request timed out"}'), AzulUnavailableError, 5, "timed out"),
        (Reply(200, {}, b"<html>WAF</html>"), HCAError, None, "JSON"),
        (Reply(200, {}, b"[]"), AzulError, 1, "does not answer as Azul does"),
    ],
)
def test_errors(service, scripted, reply, kind, status, said):
    service.on("GET", "/index/summary").reply(reply)
    with pytest.raises(kind, match=said) as caught:
        scripted().service.json("GET", *SUMMARY)
    if status is not None:
        assert int(caught.value.exit_status) == status
    assert "<html>" not in str(caught.value)


def test_a_refused_token_is_not_repeated(service, scripted):
    """The service echoes the header in its message (contract §1)."""
    service.on("GET", "/index/summary").reply(answer(401, "UnauthorizedError", "Bearer secret-token is no token"))
    with pytest.raises(AzulRefusedError) as caught:
        scripted(token="secret-token").service.json("GET", *SUMMARY)
    assert "secret" not in str(caught.value) + str(caught.value.hint)
    assert len(service.asked("GET", "/index/summary")) == 1


def test_who_is_hidden_from_is_told_to_log_in(service, scripted):
    service.on("GET", "/index/summary").reply(answer(404, "NotFoundError", "no"))
    for token, hinted in ((None, True), ("t", False)):
        with pytest.raises(AzulNotFoundError) as caught:
            scripted(token=token).service.json("GET", *SUMMARY)
        assert ("login" in (caught.value.hint or "")) is hinted


@pytest.mark.parametrize(("status", "tries"), [(500, 3), (503, 3), (404, 1), (400, 1)])
def test_what_is_tried_again(service, scripted, status, tries):
    service.on("GET", "/index/summary").fail(status, times=9)
    with pytest.raises(HCAError):
        scripted().service.json("GET", *SUMMARY)
    assert len(service.asked("GET", "/index/summary")) == tries


def test_a_burst_of_429_is_waited_for(service, scripted):
    service.on("GET", "/index/summary").fail(429, times=2, retry_after=0)
    service.on("GET", "/index/summary").reply(json={"projectCount": 1})
    assert scripted().service.json("GET", *SUMMARY) == {"projectCount": 1}


def test_a_temporary_redirect_to_itself_is_followed(service, scripted):
    service.on("GET", "/index/summary").redirect("/index/summary", 307, retry_after=0)
    service.on("GET", "/index/summary").reply(json={})
    assert scripted().service.json("GET", *SUMMARY) == {}


def test_short_filters_go_in_the_url_and_long_ones_in_a_body(service, scripted):
    """With other parameters in the query: those in a body would be ignored otherwise (contract §0.3)."""
    for method in ("GET", "POST"):
        service.on(method, "/index/files").reply(json={"hits": []})
    azul = scripted().service
    for filters in ('{"a":1}', json.dumps({"fileId": {"is": ["x" * 36] * 300}})):
        azul.filtered("index", "files", filters=filters, params={"catalog": "new", "size": 5})
    short, long = service.asked()
    assert (short.method, dict(short.query)) == ("GET", {"catalog": "new", "size": "5", "filters": '{"a":1}'})
    assert (long.method, dict(long.query)) == ("POST", {"catalog": "new", "size": "5"})
    assert list(long.json()) == ["filters"]


@pytest.mark.parametrize("url", ["https://evil.example.org/index/files", "http://127.0.0.1:1/x", "file:///etc/x", "x"])
def test_links_that_lead_elsewhere_are_not_followed(scripted, url):
    with pytest.raises(AzulError, match="not its own"):
        scripted(token="t").service.send("GET", url)


def test_a_service_that_is_not_there(scripted):
    with pytest.raises(NetworkError):
        scripted(url="http://127.0.0.1:9").service.json("GET", "version")


@pytest.mark.parametrize("segment", ["", ".", ".."])
def test_parts_of_addresses_that_lead_elsewhere(scripted, segment):
    with pytest.raises(HCAError):
        scripted().service.url_of("index", "files", segment)


def test_parts_of_addresses_are_encoded(service, scripted):
    url = scripted().service.url_of("index", "a/b?c#d", params={"catalog": "x&y", "none": None, "flag": True})
    assert url == f"{service.url}/index/a%2Fb%3Fc%23d?catalog=x%26y&flag=true"


def test_downloads_look_for_a_login_only_now_and_then(scripted, monkeypatch):
    azul = scripted().service
    monkeypatch.setattr("hca_azul.service._LOOK_SECONDS", 600)
    azul._known_at = float("-inf")
    assert not azul.carries_token()
    monkeypatch.setenv("HCA_TOKEN", "t0ken")
    assert azul.is_authenticated
    assert not azul.carries_token()
    monkeypatch.setattr("hca_azul.service._LOOK_SECONDS", 0)
    assert azul.carries_token()
