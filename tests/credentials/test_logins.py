"""A login that runs out: renewed once, by one process, and never lost."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hca_core import http
from hca_core.credentials import entries, logins
from hca_core.credentials.bearer import Bearer
from hca_core.credentials.values import Credential
from hca_core.errors import LoginError, NetworkError, PluginError, ServiceRefusedError
from hca_core.http import Policy, Session
from hca_core.testing import LoopbackService, reply

URL = "https://weather.example.org/v1/swagger.json"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Nobody waits long for a service that is away."""
    monkeypatch.setattr(http.Policy, "wait", lambda self, failures: 0.01)


def test_a_login_that_has_run_out_is_renewed_and_kept(provider, kept, need):
    entries.keep(URL, "default", provider.entry(client_secret="hush-hush-hush", scope="email"))
    bearer = Bearer(need)
    token = bearer()
    assert provider.forms == [
        {
            "grant_type": "refresh_token",
            "refresh_token": "refresh-0-secret",
            "client_id": "hca",
            "client_secret": "hush-hush-hush",
        }
    ]
    entry = kept()
    assert (entry.access_token, entry.refresh_token) == (token, "refresh-1-secret")
    assert entry.expires_at == pytest.approx(time.time() + 3600, abs=30)
    assert (entry.client_secret, entry.token_endpoint, entry.account) == (
        "hush-hush-hush",
        provider.url,
        "ann@example.org",
    )
    assert bearer() == Bearer(need)() == token
    assert len(provider.forms) == 1


def test_a_login_that_lasts_is_left_alone(provider, need):
    entry = provider.entry(expires_at=time.time() + 120)
    entries.keep(URL, "default", entry)
    assert Bearer(need)() == entry.access_token
    assert provider.forms == []


def test_one_that_ends_within_a_minute_is_renewed_before_it_is_sent(provider, need):
    entry = provider.entry(expires_at=time.time() + 30)
    entries.keep(URL, "default", entry)
    assert Bearer(need)() != entry.access_token


@pytest.fixture
def later(monkeypatch):
    """Return a function that lets seconds pass; nothing else does."""
    began, passed = time.time(), [0.0]
    monkeypatch.setattr(time, "time", lambda: began + passed[0])

    def let_pass(seconds):
        passed[0] += seconds

    return let_pass


def test_a_process_that_lives_on_goes_on_renewing(provider, need, later):
    entries.keep(URL, "default", provider.entry())
    bearer = Bearer(need)
    tokens = [bearer()]
    for _ in range(4):
        later(provider.lifetime - 50)
        tokens += [bearer(), bearer()]
    assert len(set(tokens)) == len(provider.forms) == 5


def test_a_short_lifetime_is_used_to_nearly_its_end(provider, need, later):
    provider.lifetime = 30
    entries.keep(URL, "default", provider.entry())
    bearer = Bearer(need)
    first = bearer()
    later(20)
    assert bearer() == first
    later(8)
    assert bearer() != first
    assert len(provider.forms) == 2


@pytest.mark.parametrize("lifetime", [1e17, 1e300, 0, -5])
def test_a_lifetime_that_cannot_be_is_no_trouble(provider, need, lifetime, kept):
    provider.lifetime = lifetime
    entries.keep(URL, "default", provider.entry())
    bearer = Bearer(need)
    assert bearer() == bearer()
    assert kept().expires_at < time.time() + 11 * 365 * 86400


def test_what_is_good_for_a_moment_longer_is_used_while_the_provider_is_away(provider, need, service):
    entry = provider.entry(expires_at=time.time() + 40)
    service.on("POST", "/away").fail(503, times=20)
    entries.keep(URL, "default", replace(entry, token_endpoint=f"{service.url}/away"))
    assert Bearer(need)() == entry.access_token


def test_a_logout_while_a_login_is_renewed_wins(provider, need, kept, service):
    """And what the provider gave meanwhile is ended there."""
    service.on("POST", "/revoke").reply(json={})
    answer = provider._answer

    def slow(request):
        entries.drop(URL, "default")
        return answer(request)

    service.on("POST", "/slow").reply(slow)
    entries.keep(
        URL,
        "default",
        provider.entry(token_endpoint=f"{service.url}/slow", revocation_endpoint=f"{service.url}/revoke"),
    )
    with pytest.raises(LoginError, match="needs a login"):
        Bearer(need)()
    assert kept() is None
    assert [request.json()["token"] for request in service.asked("POST", "/revoke")] == ["refresh-1-secret"]


def test_a_login_while_another_is_renewed_wins(provider, need, kept, service):
    answer = provider._answer

    def slow(request):
        entries.keep(URL, "default", entries.Entry("the-new-login"))
        return answer(request)

    service.on("POST", "/slow").reply(slow)
    entries.keep(URL, "default", provider.entry(token_endpoint=f"{service.url}/slow"))
    assert Bearer(need)() == "the-new-login"
    assert kept().access_token == "the-new-login"


def test_one_who_is_stopped_does_not_stop_others_for_long(provider, need, monkeypatch):
    monkeypatch.setattr(logins, "_PATIENCE_SECONDS", 0.2)
    entries.keep(URL, "default", provider.entry())
    digest = hashlib.sha256(b"default https://weather.example.org").hexdigest()[:16]
    with entries.locked(f"renewal-{digest}", 1), pytest.raises(LoginError, match="another hca is renewing") as told:
        Bearer(need)()
    assert "stopped" in told.value.hint


def test_threads_renew_once(provider, need):
    entries.keep(URL, "default", provider.entry())
    bearer, tokens, together = Bearer(need), [], threading.Barrier(20)

    def ask():
        together.wait()
        tokens.append(bearer())

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(set(tokens)) == 1
    assert len(provider.forms) == 1


def test_fifty_processes_renew_once_and_nobody_fails(provider, service):
    entries.keep(service.url, "default", provider.entry())
    code = (
        "import sys\nfrom hca_core.credentials.bearer import Bearer\nfrom hca_core.credentials import Need\n"
        "bearer = Bearer(Need('weather', sys.argv[1]))\nprint('ready', flush=True)\nsys.stdin.readline()\n"
        "print(bearer())"
    )
    command = [sys.executable, "-c", code, service.url]
    runs = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(50)
    ]
    for one in runs:
        assert one.stdout.readline() == "ready\n"
    for one in runs:
        one.stdin.write("\n")
        one.stdin.flush()
    ends = [one.communicate(timeout=90) for one in runs]
    assert [one.returncode for one in runs] == [0] * 50, [end for end in ends if end[1]]
    assert len({out for out, _ in ends}) == 1
    assert len(provider.forms) == 1


def test_one_that_another_process_renewed_is_taken_over(provider, need, monkeypatch):
    entry = provider.entry()
    entries.keep(URL, "default", entry)
    fresh = replace(entry, access_token="renewed-by-another", expires_at=time.time() + 900)
    refreshed = logins._renewed

    def later(*arguments):  # between our look at the file and the lock
        entries.keep(URL, "default", fresh)
        return refreshed(*arguments)

    monkeypatch.setattr(logins, "_renewed", later)
    assert Bearer(need)() == "renewed-by-another"
    assert provider.forms == []


def test_a_login_that_has_ended_is_told(provider, need, kept):
    provider.good = "another"
    entries.keep(URL, "default", provider.entry(refresh_token="used-up-token"))
    with pytest.raises(LoginError, match=r"login at https://weather\.example\.org has ended\n") as told:
        Bearer(need)()
    assert told.value.hint == "log in again"
    assert kept().refresh_token == "used-up-token"


def test_a_provider_that_is_away_is_told_and_nothing_is_lost(provider, need, kept):
    with LoopbackService() as gone:
        away = f"{gone.url}/token"
    before = provider.entry(token_endpoint=away)
    entries.keep(URL, "default", before)
    with pytest.raises(NetworkError):
        Bearer(need)()
    assert kept() == before


def test_one_that_cannot_be_renewed_is_sent_as_it_is(need, jwt):
    token = jwt(exp=time.time() - 7300)
    entries.keep(URL, "default", entries.Entry(token, expires_at=time.time() - 7300))
    bearer = Bearer(need)
    assert bearer() == token  # the clock of this machine may be wrong; the service knows
    comes = "the token comes from login, and ended 2 hours 1 minute ago"
    assert bearer.advice() == f"{comes}; hca weather login, or set HCA_TOKEN"


def test_in_a_home_that_cannot_be_written_the_renewed_one_lives_in_memory(
    provider, need, kept, monkeypatch, caplog, later
):
    before = provider.entry()
    entries.keep(URL, "default", before)

    def refused(*_, **__):
        raise OSError(30, "Read-only file system", entries.path())

    monkeypatch.setattr(entries.files, "write_atomic", refused)
    monkeypatch.setattr(entries.locking, "held", refused)
    bearer = Bearer(need)
    tokens = [bearer()]
    for _ in range(2):
        later(provider.lifetime - 50)
        tokens.append(bearer())
    assert len(set(tokens)) == 3  # renewed with the newest refresh token each time: an older one is not good any more
    assert kept() == before
    assert "good for this run only" in caplog.text


class Weather:
    """A service that takes one token only."""

    def __init__(self) -> None:
        self.good = ""
        self.service = LoopbackService()
        self.service.on("GET", "/today").reply(self._answer)

    def _answer(self, request):
        if request.headers.get("Authorization") == f"Bearer {self.good}":
            return {"sky": "clear"}
        return reply(status=401, json={"title": "Authorization token is invalid", "code": "Unauthorized"})


@pytest.fixture
def weather():
    made = Weather()
    yield made
    made.service.close()


def session(bearer, url):
    return Session(Policy(tries=2), token=bearer, renewed=bearer.renewed, advice=bearer.advice, token_origin=url)


def test_a_token_that_the_service_refuses_is_renewed_once(provider, need, weather, jwt):
    url = weather.service.url
    entry = provider.entry(expires_at=time.time() + 3000)  # good by our clock, but not by the service's
    entries.keep(url, "default", entry)
    bearer = Bearer(replace(need, url=url))
    session_ = session(bearer, url)

    def answer(request):
        return (
            {"sky": "clear"}
            if request.headers["Authorization"] != f"Bearer {entry.access_token}"
            else reply(status=401)
        )

    weather.service.on("GET", "/renews").reply(answer)
    assert session_.request("GET", f"{url}/renews", authenticated=True).json() == {"sky": "clear"}
    assert len(provider.forms) == 1
    with pytest.raises(ServiceRefusedError):
        session_.request("GET", f"{url}/today", authenticated=True)
    assert len(weather.service.asked("GET", "/today")) == 2  # with the one we have, and with one more


def test_who_is_refused_does_not_become_somebody_else(need, weather, monkeypatch, plugin):
    """A login that lies there too must not be sent in place of the identity that was chosen."""
    url = weather.service.url
    entries.keep(url, "default", entries.Entry("the-login-of-a-person"))
    given = {"token": "of-the-vault"}
    plugin(
        "acme",
        entry_points={
            "hca.credentials": {"vault": lambda need: None if need.rejected else Credential(**given, source="v")}
        },
    )
    bearer = Bearer(replace(need, url=url))
    weather.good = "the-login-of-a-person"
    with pytest.raises(ServiceRefusedError):
        session(bearer, url).request("GET", f"{url}/today", authenticated=True)
    assert [request.headers["Authorization"] for request in weather.service.requests] == ["Bearer of-the-vault"]


@pytest.mark.parametrize("wrong", [{"token": None}, {"token": b"x"}, {"token": "t", "expires_at": float("inf")}])
def test_what_is_no_credential_is_told(need, plugin, wrong):
    plugin("acme", entry_points={"hca.credentials": {"vault": lambda need: Credential(source="v", **wrong)}})
    with pytest.raises(PluginError, match="'vault' answers with Credential, not a Credential of texts"):
        Bearer(need)()


def test_many_threads_that_are_refused_renew_once(provider, need, weather):
    url = weather.service.url
    entry = provider.entry(expires_at=time.time() + 3000)
    entries.keep(url, "default", entry)
    together = threading.Barrier(8)

    def answer(request):
        if request.headers["Authorization"] == f"Bearer {entry.access_token}":
            together.wait(60)
            return reply(status=401)
        return {}

    weather.service.on("GET", "/all").reply(answer)
    session_ = session(Bearer(replace(need, url=url)), url)
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(session_.request("GET", f"{url}/all", authenticated=True)))
        for _ in range(8)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(results) == 8
    assert len(provider.forms) == 1


def test_a_refused_token_without_another_says_what_to_do(need, weather, monkeypatch, jwt):
    monkeypatch.setenv("HCA_TOKEN", jwt(exp=time.time() - 60 * 60 * 3))
    bearer = Bearer(replace(need, url=weather.service.url))
    with pytest.raises(ServiceRefusedError) as told:
        session(bearer, weather.service.url).request("GET", f"{weather.service.url}/today", authenticated=True)
    comes = "the token comes from HCA_TOKEN, and ended 3 hours ago"
    assert told.value.hint == f"{comes}; put another one there, or take it away"  # a login would come behind it
    assert len(weather.service.requests) == 1


def test_a_wrong_clock_is_told(need, weather, monkeypatch):
    from email.utils import formatdate

    monkeypatch.setenv("HCA_TOKEN", "opaque")
    weather.service.on("GET", "/early").reply(status=401, headers={"Date": formatdate(time.time() + 7200, usegmt=True)})
    bearer = Bearer(replace(need, url=weather.service.url))
    with pytest.raises(ServiceRefusedError) as told:
        session(bearer, weather.service.url).request("GET", f"{weather.service.url}/early", authenticated=True)
    assert told.value.hint.startswith("set the clock of this machine: it is 1 hour 59 minutes") or told.value.hint == (
        "set the clock of this machine: it is 2 hours behind the service's"
    )


def test_the_token_of_one_host_never_goes_to_another(need, weather, monkeypatch):
    monkeypatch.setenv("HCA_TOKEN", "the-token-of-weather")
    with LoopbackService(host="localhost") as other:
        other.on("*", "*").reply(status=401)
        weather.service.on("GET", "/away").redirect(f"{other.url}/x")
        bearer = Bearer(replace(need, url=weather.service.url))
        for url in (f"{weather.service.url}/away", f"{other.url}/direct"):
            with pytest.raises(ServiceRefusedError):
                session(bearer, weather.service.url).request("GET", url, authenticated=True)
        assert [request.headers["Authorization"] for request in other.requests] == [None, None]


def test_what_is_kept_in_the_file_is_nowhere_else(provider, need, isolated_home):
    entries.keep(URL, "default", provider.entry())
    token = Bearer(need)()
    holders = [str(path) for path in Path(isolated_home).rglob("*") if path.is_file() and token in path.read_text()]
    assert holders == [entries.path()]
    assert os.stat(entries.path()).st_mode & 0o777 == 0o600


def test_a_login_that_does_not_say_when_it_ends_is_sent_as_it_is(provider, need):
    entry = provider.entry(access_token="opaque-token", expires_at=0.0)
    entries.keep(URL, "default", entry)
    assert Bearer(need)() == "opaque-token"
    assert provider.forms == []


def test_a_provider_is_asked_once_for_threads_that_were_refused_at_once(need, plugin):
    asked = []

    def vault(need):
        asked.append(need.rejected)
        return Credential(f"token-{len(asked)}", "the vault")

    plugin("acme", entry_points={"hca.credentials": {"vault": vault}})
    bearer = Bearer(need)
    first = bearer()
    assert [bearer.renewed(first), bearer.renewed(first)] == [True, True]
    assert asked == ["", "token-1"]
    assert bearer() == "token-2"
