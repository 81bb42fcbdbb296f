"""The cache of API descriptions: fresh, stale, refreshed, dropped, broken; and services that describe nothing."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path

import pytest

from hca_core import descriptions, paths
from hca_core.errors import HCAError, NetworkError, ServiceNotFoundError
from hca_core.http import Policy, Session
from hca_core.testing import LoopbackService, reply

DOCUMENT = {"swagger": "2.0", "paths": {}, "info": {"version": "1"}}
NEWER = {"swagger": "2.0", "paths": {}, "info": {"version": "2"}}
DAY = 86400


@pytest.fixture
def session():
    made = Session(Policy(tries=2, first_wait=0.01))
    yield made
    made.close()


@pytest.fixture
def url(service):
    return service.url + "/swagger.json"


def cache_file():
    (found,) = (Path(paths.cache_dir()) / "api").iterdir()
    return found


def age(seconds):
    """Make the one cached description older."""
    path = cache_file()
    entry = json.loads(path.read_text())
    entry["fetched"] -= seconds
    path.write_text(json.dumps(entry))


def test_it_is_fetched_once(service, session, url):
    service.on("GET", "/swagger.json").reply(json=DOCUMENT)
    assert descriptions.cached(url) is None
    assert [descriptions.live(url, session) for _ in range(3)] == [DOCUMENT] * 3
    assert len(service.requests) == 1
    assert descriptions.cached(url) == DOCUMENT
    assert descriptions.cached(url + "?other") is None


def test_it_is_fresh_for_seven_days(service, session, url):
    service.on("GET", "/swagger.json").reply(json=DOCUMENT).reply(json=NEWER)
    descriptions.live(url, session)
    age(7 * DAY - 60)
    assert descriptions.live(url, session) == DOCUMENT
    age(120)
    assert descriptions.live(url, session) == NEWER
    assert len(service.requests) == 2
    assert descriptions.live(url, session) == NEWER
    assert len(service.requests) == 2


def test_one_from_the_future_is_not_trusted(service, session, url):
    service.on("GET", "/swagger.json").reply(json=DOCUMENT).reply(json=NEWER)
    descriptions.live(url, session)
    age(-3600)
    assert descriptions.live(url, session) == NEWER


def test_a_stale_one_is_asked_for_by_its_etag(service, session, url):
    def answer(request):
        if request.headers["If-None-Match"] == '"one"':
            return reply(status=304)
        return reply(json=DOCUMENT, headers={"ETag": '"one"'})

    service.on("GET", "/swagger.json").reply(answer)
    descriptions.live(url, session)
    age(8 * DAY)
    assert descriptions.live(url, session) == DOCUMENT
    assert [one.headers["If-None-Match"] for one in service.requests] == [None, '"one"']
    assert descriptions.live(url, session) == DOCUMENT  # it is fresh again
    assert len(service.requests) == 2
    age(8 * DAY)
    descriptions.live(url, session)
    assert service.requests[2].headers["If-None-Match"] == '"one"'


@pytest.mark.parametrize("status", [503, 404, 403])
def test_a_stale_one_serves_while_the_service_is_down(service, session, url, status, caplog):
    service.on("GET", "/swagger.json").reply(json=DOCUMENT).fail(status, times=9)
    descriptions.live(url, session)
    age(9 * DAY)
    assert descriptions.live(url, session) == DOCUMENT
    assert "using the description of 9 days ago" in caplog.text


def test_a_stale_one_serves_while_nothing_listens(session):
    with LoopbackService() as service:
        url = service.describe(DOCUMENT)
        told = descriptions.live(url, session)
    age(8 * DAY)
    assert descriptions.live(url, session) == told
    with pytest.raises(NetworkError):
        descriptions.live(url, session, refresh=True)
    assert descriptions.cached(url) == told


@pytest.mark.parametrize("answer", [{"body": b"<html>maintenance"}, {"json": {"a": 1}}])
def test_a_stale_one_serves_while_the_service_talks_nonsense(service, session, url, answer, caplog):
    service.on("GET", "/swagger.json").reply(json=DOCUMENT).reply(**answer)
    descriptions.live(url, session)
    age(8 * DAY)
    assert descriptions.live(url, session) == DOCUMENT
    assert "is not an API description" in caplog.text


def test_refresh_asks_in_any_case(service, session, url):
    service.on("GET", "/swagger.json").reply(json=DOCUMENT, headers={"ETag": '"1"'}).reply(json=NEWER)
    descriptions.live(url, session)
    assert descriptions.live(url, session, refresh=True) == NEWER
    assert service.requests[1].headers["If-None-Match"] is None
    assert descriptions.cached(url) == NEWER


def test_a_failed_refresh_keeps_what_is_there(service, session, url):
    service.on("GET", "/swagger.json").reply(json=DOCUMENT).fail(404).reply(body=b"<html>")
    descriptions.live(url, session)
    with pytest.raises(ServiceNotFoundError):
        descriptions.live(url, session, refresh=True)
    with pytest.raises(HCAError, match="not an API description"):
        descriptions.live(url, session, refresh=True)
    assert descriptions.cached(url) == DOCUMENT


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"text"', b"{}", b'{"paths": {}}', b"\xff\xfe"])
def test_what_is_no_description_is_told_and_not_kept(service, session, url, body):
    service.on("GET", "/swagger.json").reply(body=body)
    with pytest.raises(HCAError, match=f"{url} is not an API description") as told:
        descriptions.live(url, session)
    assert "--show-origin" in str(told.value.hint)
    assert descriptions.cached(url) is None


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '{"url": "x"}', '{"url": "%s"}', '{"url": "%s", "document": {}, "fetched": "soon"}'],
)
def test_a_corrupt_cache_file_counts_as_none(service, session, url, content):
    service.on("GET", "/swagger.json").reply(json=DOCUMENT)
    descriptions.live(url, session)
    cache_file().write_text(content.replace("%s", url))
    assert descriptions.live(url, session) == DOCUMENT
    assert len(service.requests) == 2
    assert descriptions.cached(url) == DOCUMENT


def test_a_cache_of_binary_rubbish_counts_as_none(service, session, url):
    service.on("GET", "/swagger.json").reply(json=DOCUMENT)
    descriptions.live(url, session)
    cache_file().write_bytes(b"\xff\xfe\x00")
    assert descriptions.live(url, session) == DOCUMENT


def test_clear(service, session, url):
    service.on("GET", "/*").reply(json=DOCUMENT)
    descriptions.clear()
    descriptions.clear(url)
    descriptions.live(url, session)
    descriptions.live(service.url + "/other.json", session)
    descriptions.clear(url)
    assert descriptions.cached(url) is None
    assert descriptions.cached(service.url + "/other.json") == DOCUMENT
    descriptions.clear()
    assert descriptions.cached(service.url + "/other.json") is None


def test_the_cache_is_private(service, session, url):
    service.on("GET", "/swagger.json").reply(json=DOCUMENT)
    descriptions.live(url, session)
    assert stat.S_IMODE(cache_file().parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(cache_file().stat().st_mode) == 0o600


def test_a_cache_that_cannot_be_written_is_done_without(service, session, url, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HCA_CACHE_DIR", str(tmp_path / "file" / "below"))
    service.on("GET", "/swagger.json").reply(json=DOCUMENT)
    assert descriptions.live(url, session) == DOCUMENT
    assert descriptions.cached(url) is None


def test_the_verbs_of_the_cache(hca, dss, dss_description):
    """CORE-011, X-10."""
    dss.on("GET", "/v1/bundles/all").reply(json={"bundles": []}, headers={"X-OpenAPI-Paginated-Content-Key": "bundles"})
    words = ("dss", "get-bundles-all", "--replica", "aws")

    def fetched():
        return len(dss.asked("GET", "/v1/swagger.json"))

    for _ in range(2):
        assert hca(*words).exit_status == 0
    assert fetched() == 1
    cleared = hca("clear-hca-cache")
    assert (cleared.exit_status, cleared.stdout, cleared.stderr) == (0, "", "")
    assert hca("clear-hca-cache").exit_status == 0
    hca(*words)
    assert fetched() == 2
    refreshed = hca("dss", "refresh-swagger")
    assert (refreshed.exit_status, refreshed.stdout) == (0, "")
    assert fetched() == 3
    hca(*words)
    assert fetched() == 3


def test_a_new_operation_is_a_verb_after_a_refresh(hca, dss, dss_description):
    assert hca("dss", "get-weather").exit_status == 2
    paths_of_service = {**dss_description["paths"], "/weather": {"get": {"summary": "Weather.", "responses": {}}}}
    dss.describe({**dss_description, "paths": paths_of_service})
    dss.on("GET", "/v1/swagger.json")._given = 1  # the next answer is the new description
    assert hca("dss", "refresh-swagger").exit_status == 0
    dss.on("GET", "/v1/weather").reply(json="fine")
    assert hca("dss", "get-weather").stdout == "fine\n"
    assert "get-weather" in hca("dss", "--help").stdout
    assert hca("dss", "get-weather", env={"HCA_DSS_URL": None}).exit_status == 2


def test_a_verb_that_the_service_does_not_have(hca, service):
    url = service.describe({"swagger": "2.0", "paths": {"/other": {"get": {"responses": {}}}}})
    outcome = hca("dss", "get-event", "--uuid", "x", "--version", "y", "--replica", "aws", env={"HCA_DSS_URL": url})
    assert outcome.exit_status == 1
    assert f"{url} describes no get-event" in outcome.stderr
    assert "unexpected" not in outcome.stderr


@pytest.mark.parametrize("body", [b"<html>", b'{"swagger": "2.0"}', b'{"swagger": "2.0", "paths": {"/x": 5}}'])
def test_a_url_that_describes_nothing(hca, service, body):
    service.on("GET", "/swagger.json").reply(body=body)
    words = ("dss", "get-bundles-all", "--replica", "aws")
    for _ in range(2):  # the second time from the cache, if something was kept
        outcome = hca(*words, env={"HCA_DSS_URL": service.url})
        assert outcome.exit_status == 1
        assert "API description" in outcome.stderr
        assert "Traceback" not in outcome.stderr
        assert "unexpected" not in outcome.stderr


def test_help_asks_no_service(hca, dss):
    for words in (("dss", "--help"), ("dss", "get-bundle", "--help"), ("help", "dss"), ("dss",)):
        assert hca(*words).exit_status == 0
    assert dss.requests == []


def test_time_of_the_entry_is_now(service, session, url):
    service.on("GET", "/swagger.json").reply(json=DOCUMENT)
    before = time.time()
    descriptions.live(url, session)
    assert before <= json.loads(cache_file().read_text())["fetched"] <= time.time()
    assert os.listdir(cache_file().parent) == [cache_file().name]
