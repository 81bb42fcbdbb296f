"""Where a service sends people to log in: what it says, what the configuration says, and what is not believed."""

from __future__ import annotations

import pytest

from hca_core.errors import ConfigError, ExitStatus, HCAError, LoginError, NetworkError
from hca_core.http import Policy, Session
from hca_core.oauth import provider
from hca_core.oauth.provider import checked_endpoint, of_service

SECRETS, DISCOVERY = "/internal/application_secrets", "/.well-known/openid-configuration"
COMPLETE = {
    "client_id": "mine",
    "issuer": "https://id.example/",
    "authorization_endpoint": "https://id.example/authorize?tenant=a",
    "token_endpoint": "https://id.example/token",
}


def test_a_service_names_its_provider_and_that_its_endpoints(op, found):
    assert found == provider.Provider(
        issuer=op.url,
        authorization_endpoint=f"{op.url}/oauth/authorize",
        token_endpoint=f"{op.url}/oauth/token",
        client_id="hca-of-tests",
        revocation_endpoint=f"{op.url}/oauth/revoke",
        device_authorization_endpoint=f"{op.url}/oauth/device/code",
    )
    assert found.scopes == ("openid", "email", "offline_access")


def test_the_provider_may_be_on_another_host_which_is_asked_for_its_endpoints(service, other, session):
    uris = {"auth_uri": f"{other.url}/a", "token_uri": f"{other.url}/t"}
    service.on("GET", SECRETS).reply(json={"installed": {"client_id": "c", "client_secret": "s3", **uris}})
    other.on("GET", DISCOVERY).reply(json={"issuer": f"{other.url}/", "token_endpoint": "http://127.0.0.1/not-this"})
    found = of_service(service.url, {}, session)
    assert (found.issuer, found.authorization_endpoint) == (f"{other.url}/", f"{other.url}/a")
    assert found.token_endpoint == f"{other.url}/t"  # what the service says goes before what the other host says
    assert (found.client_id, found.client_secret, found.revocation_endpoint) == ("c", "s3", "")
    assert "s3" not in repr(found)
    assert service.asked(path=DISCOVERY) == []


def test_without_a_discovery_document_there_is_what_the_service_says(service, session):
    uris = {"auth_uri": f"{service.url}/a", "token_uri": f"{service.url}/t"}
    service.on("GET", SECRETS).reply(json={"installed": {"client_id": "c", "client_secret": None, **uris}})
    found = of_service(service.url, {}, session)
    assert (found.issuer, found.token_endpoint, found.client_secret) == ("", f"{service.url}/t", "")


def test_a_service_without_secrets_is_its_own_provider(service, session):
    endpoints = {"authorization_endpoint": f"{service.url}/a", "token_endpoint": f"{service.url}/t"}
    service.on("GET", DISCOVERY).reply(json={"issuer": service.url, **endpoints})
    assert of_service(f"{service.url}/v1", {}, session).client_id == "hca-cli"
    assert of_service(service.url, {"oauth": {"client_id": "mine"}}, session).client_id == "mine"


def test_a_service_that_tells_nothing_offers_no_login(service, session):
    with pytest.raises(LoginError, match="does not tell how to log in") as caught:
        of_service(service.url, {}, session)
    assert "--access-token" in caught.value.hint
    assert caught.value.exit_status == ExitStatus.LOGIN


def test_the_configuration_beats_all_and_spares_the_questions(session):
    settings = {"oauth": {**COMPLETE, "audience": "https://hca/", "client_secret": "s3", "scopes": ["openid", "x:y"]}}
    found = of_service("https://service.invalid/v1", settings, session)  # a host that can't be asked
    assert (found.client_id, found.client_secret, found.audience) == ("mine", "s3", "https://hca/")
    assert found.authorization_endpoint == "https://id.example/authorize?tenant=a"
    assert found.scopes == ("openid", "x:y")
    assert of_service("https://h.invalid", {"oauth": {**COMPLETE, "scopes": "a b"}}, session).scopes == ("a", "b")


def test_one_setting_goes_over_what_the_service_says(op, session):
    found = of_service(op.url, {"oauth": {"client_id": "mine", "token_endpoint": f"{op.url}/t"}}, session)
    assert (found.client_id, found.token_endpoint) == ("mine", f"{op.url}/t")
    assert found.authorization_endpoint == f"{op.url}/oauth/authorize"
    found = of_service(op.url, {"oauth": {"audience": "a", "revocation_endpoint": f"{op.url}/other"}}, session)
    assert (found.audience, found.revocation_endpoint, found.client_id) == ("a", f"{op.url}/other", "hca-of-tests")


def test_a_configured_issuer_is_asked_and_may_be_what_the_host_of_the_service_repeats(service, session):
    """The auth service of the HCA hands out the document of the provider behind it, issuer and all."""
    endpoints = {"authorization_endpoint": f"{service.url}/a", "token_endpoint": f"{service.url}/t"}
    service.on("GET", DISCOVERY).reply(json={"issuer": "https://id.example/", **endpoints})
    with pytest.raises(LoginError, match=r"another issuer, 'https://id.example/'") as caught:
        of_service(service.url, {}, session)
    assert "oauth.issuer" in caught.value.hint
    found = of_service(
        service.url, {"oauth": {"issuer": "https://id.example", "authorization_endpoint": f"{service.url}/a"}}, session
    )
    assert found.issuer == "https://id.example/"  # as it is told, tokens are compared with that
    service.on("GET", f"/tenant{DISCOVERY}").reply(json={"issuer": f"{service.url}/tenant", **endpoints})
    found = of_service(
        "http://localhost:1/v1", {"oauth": {"issuer": f"{service.url}/tenant/", "client_id": "c"}}, session
    )
    assert found.issuer == f"{service.url}/tenant"


@pytest.mark.parametrize(
    ("oauth", "says"),
    [
        ("x", "must be an object"),
        ({"clientid": "x"}, "unknown entry 'clientid'"),
        ({"client_id": 5}, "oauth.client_id must be text"),
        ({"scopes": []}, "oauth.scopes"),
        ({"scopes": [1]}, "oauth.scopes"),
        ({"scopes": ['with"quote']}, "oauth.scopes"),
        ({"scopes": {"a": 1}}, "oauth.scopes"),
        ({"issuer": "nowhere"}, "oauth.issuer"),
    ],
)
def test_settings_that_cant_be_used_are_told_before_anybody_is_asked(service, session, oauth, says):
    with pytest.raises(ConfigError, match=says):
        of_service(service.url, {"oauth": oauth}, session)
    assert service.requests == []


@pytest.mark.parametrize(
    ("url", "service", "says"),
    [
        ("https://id.example/a", "https://service.example", None),
        ("https://id.example/a", "http://127.0.0.1:8", None),
        ("http://127.0.0.1:9/a", "http://localhost:8", None),
        ("http://id.example/a", "https://service.example", "is not https"),
        ("http://id.example/a", "http://127.0.0.1:8", "is not https"),
        ("http://127.0.0.1:9/a", "https://service.example", "on this machine"),
        ("https://localhost/a", "https://service.example", "on this machine"),
        ("https://[::1]/a", "https://service.example", "on this machine"),
        ("ftp://127.0.0.1/a", "http://127.0.0.1:8", "is not https"),
        ("javascript:alert(1)", "http://127.0.0.1:8", "no plain URL"),
        ("https://me@id.example/a", "https://service.example", "no plain URL"),
        ("https://id.example\\@evil.example/a", "https://service.example", "no plain URL"),
        ("https://id.example/a#b", "https://service.example", "no plain URL"),
        ("https://id.example:99999/a", "https://service.example", "no plain URL"),
        ("https://[id/a", "https://service.example", "no plain URL"),
        ("https://id.example/a b", "https://service.example", "no plain URL"),
        ("https://id.example/\x1b[2J", "https://service.example", "no plain URL"),
        ("https:///a", "https://service.example", "no plain URL"),
        ("https://id.example/" + "a" * 3000, "https://service.example", "no plain URL"),
    ],
)
def test_a_login_goes_to_safe_places_only(url, service, says):
    if says is None:
        assert checked_endpoint(url, "token_endpoint", service) == url
        return
    with pytest.raises(LoginError, match=says) as caught:
        checked_endpoint(url, "token_endpoint", service)
    assert "\x1b" not in caught.value.message
    assert len(caught.value.message) < 500


@pytest.mark.parametrize("name", ["auth_uri", "token_uri"])
def test_a_service_elsewhere_cant_send_a_login_to_this_machine(service, monkeypatch, name):
    """It is reached through a proxy here, which is how a test can have a host that is elsewhere."""
    monkeypatch.setenv("HTTP_PROXY", service.url)
    uris = {"auth_uri": "https://id.example/a", "token_uri": "https://id.example/t", name: "http://127.0.0.1:9/x"}
    service.on("GET", f"http://service.example{SECRETS}").reply(json={"installed": {"client_id": "c", **uris}})
    session = Session(Policy(tries=1), allow_http=True)
    with pytest.raises(LoginError, match="on this machine, but the service is not"):
        of_service("http://service.example", {}, session)
    assert len(service.requests) == 1
    session.close()


@pytest.mark.parametrize("name", ["token_endpoint", "revocation_endpoint", "device_authorization_endpoint"])
def test_every_endpoint_of_a_discovery_document_is_looked_at(op, session, name):
    document = op.discovery(None) | {name: "http://id.example/x"}
    op.service.on("GET", SECRETS)._answers.clear()
    op.service.on("GET", DISCOVERY)._answers.clear()
    op.service.on("GET", DISCOVERY).reply(json=document)
    with pytest.raises(LoginError, match=f"the {name} for .* is not https"):
        of_service(op.url, {}, session)


@pytest.mark.parametrize("name", ["authorization_endpoint", "revocation_endpoint"])
def test_every_endpoint_of_the_configuration_is_looked_at(session, name):
    with pytest.raises(LoginError, match="is not https"):
        of_service("https://h.invalid", {"oauth": {**COMPLETE, name: "http://id.example/x"}}, session)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"<html>", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"\xff\xfe\xfd", "is not JSON"),
        (b"[]", "is no object"),
        (b"{}", "no object 'installed'"),
        (b'{"installed": []}', "no object 'installed'"),
        (b'{"installed": {}}', "no client_id"),
        (b'{"installed": {"client_id": 7}}', "client_id that is no text"),
        (b'{"installed": {"client_id": "c", "auth_uri": ["x"]}}', "authorization_endpoint|auth_uri"),
        (b'{"installed": {"client_id": "c", "auth_uri": "nowhere"}}', "no plain URL"),
    ],
)
def test_junk_of_a_service_is_one_sentence(service, session, body, says):
    service.on("GET", SECRETS).reply(body=body)
    with pytest.raises(LoginError, match=says) as caught:
        of_service(service.url, {}, session)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({}, "another issuer, ''"),
        ({"issuer": "https://elsewhere.example"}, "another issuer"),
        ({"issuer": 3}, "issuer that is no text"),
        ({"issuer": "http://[", "token_endpoint": "x"}, "another issuer"),
    ],
)
def test_a_discovery_document_must_be_about_the_host_that_it_comes_from(service, session, document, says):
    service.on("GET", DISCOVERY).reply(json=document)
    with pytest.raises(LoginError, match=says):
        of_service(service.url, {}, session)


def test_trouble_of_the_network_is_no_answer(service, session):
    service.on("GET", SECRETS).fail(503, times=9)
    with pytest.raises(HCAError) as caught:
        of_service(service.url, {}, session)
    assert caught.value.exit_status == ExitStatus.NETWORK
    service.on("GET", DISCOVERY).drop(times=9)
    service.on("GET", SECRETS)._answers.clear()
    with pytest.raises(NetworkError):
        of_service(service.url, {}, session)


def test_secrets_behind_a_login_are_told_as_what_they_are(service, session):
    service.on("GET", SECRETS).fail(403)
    with pytest.raises(LoginError, match="can't be read without a login") as caught:
        of_service(service.url, {}, session)
    assert "--access-token" in caught.value.hint


@pytest.mark.parametrize("url", ["", "nowhere", "http://[", "http://h:x/"])
def test_a_url_that_is_none_is_told(session, url):
    with pytest.raises(ConfigError, match="is no URL of a service"):
        of_service(url, {}, session)
