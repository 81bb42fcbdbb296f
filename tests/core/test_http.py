"""The HTTP session against real services: waiting, repeating, redirects, and where a token may go."""

from __future__ import annotations

import contextlib
import itertools
import logging
import re
import shutil
import subprocess
import threading
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from hca_core import answers, http, urls
from hca_core.errors import HCAError, NetworkError, ServiceError, ServiceNotFoundError, ServiceRefusedError, UsageError
from hca_core.http import Policy, Session
from hca_core.testing import LoopbackService, reply

QUICK = Policy(first_wait=0.01, most_wait=0.02, connect_timeout=60, read_timeout=60)
SHORT = 0.15  # seconds that a test's Retry-After asks for


@pytest.fixture
def session():
    made = Session(QUICK)
    yield made
    made.close()


@pytest.fixture
def other():
    """A second service under another name, and so of another origin."""
    with LoopbackService(host="localhost") as running:
        yield running


class Clock:
    """A clock that goes on only when somebody waits by it, whatever this machine does meanwhile."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.waits.append(seconds)


@pytest.fixture
def clock(monkeypatch):
    """The clock that sessions look at and wait by."""
    made = Clock()
    monkeypatch.setattr(http, "time", made)
    monkeypatch.setattr(Session, "wait", lambda self, seconds: made.wait(seconds))
    return made


def gaps(service: LoopbackService) -> list[float]:
    times = [request.time for request in service.requests]
    return [later - earlier for earlier, later in itertools.pairwise(times)]


def refused_port() -> str:
    """Return where nothing listens, and nothing will: the port of a service that has ended may be another's soon."""
    return "http://127.0.0.1:1"


def test_the_same_trouble_of_many_threads_is_told_once(caplog, monkeypatch):
    monkeypatch.setattr(http, "_SAME_TROUBLE_SECONDS", 600.0)  # one of the threads may come late
    url, policy = refused_port(), QUICK._replace(first_wait=0.2, most_wait=0.3)
    session = Session(policy)
    together = threading.Barrier(8)

    def ask():
        together.wait()
        with contextlib.suppress(NetworkError):
            session.request("GET", url)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    with caplog.at_level(logging.INFO, logger="hca"):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    told = [record.getMessage()[-8:] for record in caplog.records if "trying again" in record.getMessage()]
    assert sorted(told) == ["(1 of 2)", "(2 of 2)"]


# Retry-After


@pytest.mark.parametrize("status", [429, 503, 500, 502, 504])
def test_retry_after_seconds_are_never_shortened(service, session, status):
    service.on("GET", "/x").fail(status, times=2, retry_after=SHORT).reply(json={})
    assert session.request("GET", service.url + "/x").status_code == 200
    assert len(service.requests) == 3
    assert min(gaps(service)) >= SHORT


@pytest.mark.parametrize("status", [301, 302])
def test_a_redirect_is_followed_after_the_wait_it_asks_for(service, session, status):
    service.on("GET", "/x").redirect("/x?token=1", status, retry_after=SHORT, times=2).reply(json={})
    session.request("GET", service.url + "/x", params={"replica": "aws"})
    assert len(service.requests) == 3
    assert min(gaps(service)) >= SHORT


def test_whole_seconds(service, session):
    service.on("GET", "/x").fail(503, retry_after=1).reply(json={})
    session.request("GET", service.url + "/x")
    assert gaps(service)[0] >= 1


@pytest.mark.parametrize("status", [429, 503, 301, 302])
def test_retry_after_dates_are_waited_for(service, session, status, monkeypatch):
    came, waits, wait = [], [], Session.wait
    monkeypatch.setattr(Session, "wait", lambda self, seconds: waits.append(seconds) or wait(self, seconds))

    def answer(request):
        came.append(time.time())
        if len(came) > 1:
            return {}
        dates.append(int(time.time() + 0.3) + 1)
        return reply(status=status, headers={"Location": "/x", "Retry-After": formatdate(dates[0], usegmt=True)})

    dates: list[int] = []
    service.on("GET", "/x").reply(answer)
    session.request("GET", service.url + "/x")
    assert came[1] >= dates[0]
    assert sum(waits) <= 2.3  # 1.3 s are the most until then


@pytest.mark.parametrize("value", ["", "soon", "-5", "1e9", "²", "inf", "Fri, 99 Nov 2026 99:00:00 GMT"])
def test_a_retry_after_that_says_nothing_is_no_retry_after(service, session, clock, value):
    service.on("GET", "/x").fail(503, headers={"Retry-After": value.encode().decode("latin-1")}).reply(json={})
    session.request("GET", service.url + "/x")
    assert len(clock.waits) == 1
    assert clock.waits[0] <= 1.1 * QUICK.first_wait


def test_a_date_in_the_past_asks_for_no_wait(service, session, clock):
    service.on("GET", "/x").fail(503, retry_after="Sun, 06 Nov 1994 08:49:37 GMT").reply(json={})
    session.request("GET", service.url + "/x")
    assert sum(clock.waits) == 0


def test_many_clients_do_not_come_back_in_the_same_instant(service, session, clock):
    service.on("GET", "/x").fail(503, times=5, retry_after=0.02).reply(json={})
    session.request("GET", service.url + "/x")
    assert len(set(clock.waits)) > 1
    assert min(clock.waits) >= 0.02


# Back-off


def test_waits_grow_with_jitter_and_have_an_end(service, clock):
    session = Session(Policy(tries=5, first_wait=0.04, most_wait=0.1))
    service.on("GET", "/x").fail(503, times=9)
    with pytest.raises(ServiceError):
        session.request("GET", service.url + "/x")
    assert len(service.requests) == 5
    for wait, least in zip(clock.waits, (0.02, 0.04, 0.05, 0.05), strict=True):
        assert least <= wait <= 1.1 * 2 * least
    session.close()


def test_every_wait_lies_between_half_and_the_full_step():
    policy = Policy(first_wait=1, most_wait=16)
    for failures, step in ((1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (9, 16)):
        waits = {policy.wait(failures) for _ in range(50)}
        assert len(waits) > 1
        assert min(waits) >= step / 2
        assert max(waits) <= step


def test_the_default_policy_is_the_published_one():
    assert (Policy().tries, Policy().first_wait, Policy().most_wait) == (6, 1.0, 16.0)


def test_transient_answers_are_repeated_until_one_is_good(service, session):
    service.on("GET", "/x").fail(500).fail(502).fail(503).fail(504).fail(429).reply(json={"ok": 1})
    assert session.request("GET", service.url + "/x").json() == {"ok": 1}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 422, 501])
def test_other_errors_are_told_at_once(service, session, status):
    service.on("GET", "/x").fail(status, times=9, retry_after=5)
    with pytest.raises(ServiceError) as told:
        session.request("GET", service.url + "/x")
    assert told.value.code == status
    assert len(service.requests) == 1


def test_an_endless_503_ends_with_the_service_s_own_words(service, session):
    service.on("GET", "/x").fail(503, json={"code": "read_only", "title": "The DSS is currently read-only"})
    with pytest.raises(ServiceError, match="read_only: The DSS is currently read-only"):
        session.request("GET", service.url + "/x")
    assert len(service.requests) == QUICK.tries


def test_the_number_of_tries_can_be_given(service, session):
    service.on("GET", "/x").fail(503, times=9)
    with pytest.raises(ServiceError):
        session.request("GET", service.url + "/x", tries=1)
    assert len(service.requests) == 1


# What may be repeated


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_a_change_is_repeated_only_if_the_service_asks(service, session, method, status):
    service.on(method, "/x").fail(status).fail(status, retry_after=0).reply(json={})
    with pytest.raises(ServiceError):
        session.request(method, service.url + "/x", json={"a": 1})
    assert len(service.requests) == 1
    session.request(method, service.url + "/x", json={"a": 1})
    assert len(service.requests) == 3
    assert [request.json() for request in service.requests] == [{"a": 1}] * 3


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_what_is_idempotent_is_repeated(service, session, method):
    service.on(method, "/x").fail(500).drop().reply(status=204)
    session.request(method, service.url + "/x")
    assert len(service.requests) == 3


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_change_that_may_have_arrived_is_not_repeated(service, session, method):
    service.on(method, "/x").drop(times=9)
    with pytest.raises(NetworkError):
        session.request(method, service.url + "/x", json={})
    assert len(service.requests) == 1


def test_an_answer_that_breaks_off_is_asked_for_again(service, session):
    service.on("GET", "/x").truncate(5, json={"a": "long enough"}).reply(json={"a": "long enough"})
    assert session.request("GET", service.url + "/x").json() == {"a": "long enough"}
    assert len(service.requests) == 2


def test_an_answer_that_always_breaks_off_is_a_network_error(service, session):
    service.on("GET", "/x").truncate(5, times=9, json={"a": "long enough"})
    with pytest.raises(NetworkError):
        session.request("GET", service.url + "/x")
    assert len(service.requests) == QUICK.tries


@pytest.mark.parametrize(("method", "tries"), [("GET", 2), ("POST", 1)])
def test_a_service_that_says_nothing(service, method, tries):
    session = Session(Policy(tries=2, first_wait=0.01, read_timeout=0.05))
    silent = threading.Event()
    service.on(method, "/x").reply(lambda request: silent.wait(60))
    with pytest.raises(NetworkError, match="sent nothing for"):
        session.request(method, service.url + "/x")
    service.wait_for(tries)  # its threads may be slower than we give up
    silent.set()
    assert len(service.requests) == tries
    session.close()


# Hosts that can't be reached


def test_a_refused_connection_is_told_after_three_tries(caplog):
    url = refused_port()
    session = Session(Policy(first_wait=0.01, most_wait=0.02))
    with (
        caplog.at_level(logging.INFO, "hca"),
        pytest.raises(NetworkError, match=re.escape(f"nothing listens at {url}")) as told,
    ):
        session.request("GET", url + "/x")
    assert len(caplog.messages) == 2
    assert told.value.hint
    session.close()


def test_a_refused_connection_is_told_soon_by_default(clock):
    with pytest.raises(NetworkError):
        Session().request("GET", refused_port() + "/x")
    assert 1 < sum(clock.waits) < 5  # all six tries would take at least 15 s


def test_even_a_change_is_sent_again_where_no_connection_was_made(caplog):
    with caplog.at_level(logging.INFO, "hca"), pytest.raises(NetworkError):
        Session(QUICK).request("POST", refused_port() + "/x", json={})
    assert len(caplog.messages) == 2


def test_an_unknown_host_is_told_in_one_sentence():
    with pytest.raises(NetworkError, match=r"the host of https://no-such-host\.invalid is not known"):
        Session(QUICK).request("GET", "https://no-such-host.invalid/x")


def test_the_message_names_the_host_that_failed_not_the_one_that_redirected(service, session):
    gone = refused_port()
    service.on("GET", "/x").redirect(gone + "/x")
    with pytest.raises(NetworkError, match=gone):
        session.request("GET", service.url + "/x")


@pytest.mark.parametrize("url", ["http://[::1", "nonsense", "https://", "ftp://host/x", "", "http://a b/"])
def test_what_is_no_url_is_wrong_usage(session, url):
    with pytest.raises(UsageError):
        session.request("GET", url)


# Patience


def test_patience_bounds_the_waiting_that_a_service_asks_for(service, clock):
    session = Session(Policy(patience=30))
    service.on("GET", "/x").redirect("/x", 301, retry_after=10, times=99)
    with pytest.raises(NetworkError, match=r"more waiting than 30 s"):
        session.request("GET", service.url + "/x")
    assert 20 <= clock.now - 1000 <= 30
    assert len(service.requests) == 3
    session.close()


def test_a_wait_beyond_patience_is_refused_without_waiting(service, session):
    service.on("GET", "/x").fail(503, retry_after=4000)
    started = time.monotonic()
    with pytest.raises(NetworkError):
        session.request("GET", service.url + "/x")
    assert time.monotonic() - started < 60


def test_patience_is_wall_clock_time(service, clock):
    """Answers that take long count as well as the waits between them."""
    session = Session(Policy(patience=30))

    def slowly(request):
        clock.wait(10)
        return reply(status=301, headers={"Location": "/x", "Retry-After": "0.1"})

    service.on("GET", "/x").reply(slowly)
    with pytest.raises(NetworkError):
        session.request("GET", service.url + "/x")
    assert len(service.requests) == 3
    session.close()


def test_stopping_ends_a_wait(service, session):
    service.on("GET", "/x").fail(503, times=9, retry_after=60)
    raised: list[BaseException] = []

    def ask():
        try:
            session.request("GET", service.url + "/x")
        except KeyboardInterrupt as error:
            raised.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    service.wait_for(1)
    session.stopped.set()
    thread.join(30)
    assert len(raised) == 1
    assert len(service.requests) == 1


# Redirects


def test_a_redirect_to_itself_that_asks_to_wait_is_followed_many_times(service, session, monkeypatch):
    monkeypatch.setattr(http, "LEAST_WAIT", 0.001)
    service.on("GET", "/x").redirect("/x", 301, retry_after=0.001, times=40).reply(json={"ready": True})
    assert session.request("GET", service.url + "/x").json() == {"ready": True}
    assert len(service.requests) == 41


@pytest.mark.parametrize("retry_after", [None, 0])
def test_a_circle_of_redirects_ends(service, session, retry_after):
    service.on("GET", "/a").redirect("/b", retry_after=retry_after, times=99)
    service.on("GET", "/b").redirect("/a", retry_after=retry_after, times=99)
    with pytest.raises(NetworkError, match="circle"):
        session.request("GET", service.url + "/a")
    assert len(service.requests) == http.MOST_HOPS + 1


def test_a_redirect_to_a_bucket_is_returned_as_it_is(service, session):
    service.on("GET", "/x").redirect("s3://bucket/key")
    answer = session.request("GET", service.url + "/x", stream=True)
    assert (answer.status_code, answer.headers["Location"]) == (302, "s3://bucket/key")


def test_a_redirect_without_a_location_is_an_answer(service, session):
    service.on("GET", "/x").reply(status=302)
    assert session.request("GET", service.url + "/x").status_code == 302


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_method_and_headers_survive_redirects(service, session, status):
    service.on("GET", "/a").redirect("b?x=1", status)
    service.on("GET", "/b").reply(json={})
    answer = session.request("GET", service.url + "/a", params={"p": 1}, headers={"Range": "bytes=5-"})
    first, second = service.requests
    assert (first.headers["Range"], second.headers["Range"]) == ("bytes=5-", "bytes=5-")
    assert second.query == [("x", "1")]
    assert [one.status_code for one in answer.history] == [status]


def test_a_head_stays_a_head(service, session):
    service.on("HEAD", "/a").redirect("/b", 303)
    service.on("HEAD", "/b").reply(headers={"X-A": "1"})
    assert session.request("HEAD", service.url + "/a").headers["X-A"] == "1"


@pytest.mark.parametrize(("status", "followed"), [(301, False), (302, False), (303, False), (307, True), (308, True)])
def test_a_change_follows_only_redirects_that_keep_it(service, session, status, followed):
    service.on("PUT", "/a").redirect("/b", status)
    service.on("PUT", "/b").reply(json={})
    if followed:
        session.request("PUT", service.url + "/a", json={"a": 1})
        assert service.requests[1].json() == {"a": 1}
    else:
        with pytest.raises(HCAError, match="not followed"):
            session.request("PUT", service.url + "/a", json={"a": 1})
        assert len(service.requests) == 1


def test_a_change_is_not_carried_to_another_host(service, session, other):
    service.on("POST", "/a").redirect(other.url + "/b", 307)
    with pytest.raises(HCAError, match="not followed"):
        session.request("POST", service.url + "/a", json={"secret": 1})
    assert other.requests == []


# Tokens


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_change_that_may_be_repeated_is_sent_again_where_it_was_sent(service, session, status):
    service.on("PUT", "/x").redirect("/x", status, retry_after=0.2)
    service.on("PUT", "/x").reply(json={"done": True})
    assert session.request("PUT", f"{service.url}/x", json={"a": 1}).json() == {"done": True}
    assert [one.json() for one in service.asked("PUT", "/x")] == [{"a": 1}] * 2
    service.on("POST", "/x").redirect("/x", status)
    with pytest.raises(HCAError, match="redirects a POST"):
        session.request("POST", f"{service.url}/x", json={"a": 1})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_token_does_not_follow_a_redirect_to_another_host(service, other, status):
    session = Session(QUICK, token=lambda: "T", token_origin=service.url)
    service.on("GET", "/x").redirect(other.url + "/y", status, retry_after=0)
    other.on("GET", "/y").reply(json={})
    session.request("GET", service.url + "/x", authenticated=True)
    assert service.requests[0].headers["Authorization"] == "Bearer T"
    assert other.requests[0].headers["Authorization"] is None
    session.close()


def test_a_token_does_not_go_to_another_port(service):
    with LoopbackService() as neighbour:
        session = Session(QUICK, token=lambda: "T", token_origin=service.url)
        service.on("GET", "/x").redirect(neighbour.url + "/y")
        neighbour.on("GET", "/y").reply(json={})
        session.request("GET", service.url + "/x", authenticated=True)
        session.request("GET", neighbour.url + "/y", authenticated=True)
        assert [one.headers["Authorization"] for one in neighbour.requests] == [None, None]
        session.close()


def test_a_token_goes_only_where_a_login_is_needed(service):
    session = Session(QUICK, token=lambda: "T", token_origin=service.url)
    service.on("GET", "/x").reply(json={})
    session.request("GET", service.url + "/x")
    session.request("GET", service.url + "/x", authenticated=True)
    assert [one.headers["Authorization"] for one in service.requests] == [None, "Bearer T"]
    session.close()


def test_a_token_is_asked_for_at_every_try(service):
    tokens = iter("abc")
    session = Session(QUICK, token=lambda: next(tokens), token_origin=service.url)
    service.on("GET", "/x").fail(503, times=2).reply(json={})
    session.request("GET", service.url + "/x", authenticated=True)
    assert [one.headers["Authorization"] for one in service.requests] == ["Bearer a", "Bearer b", "Bearer c"]
    session.close()


def test_a_service_may_want_its_tokens_in_another_form(service):
    service.on("GET", "/").reply()
    Session(QUICK, token=lambda: "abc", token_origin=service.url, authorization="OAuth {}".format).request(
        "GET", f"{service.url}/", authenticated=True
    )
    assert service.requests[0].headers["Authorization"] == "OAuth abc"


class Counted:
    """A body that is made while it is sent, and knows how often that was."""

    def __init__(self, *blocks: bytes):
        self.blocks = blocks
        self.begun = 0

    def __len__(self):
        return sum(map(len, self.blocks))

    def __iter__(self):
        self.begun += 1
        return iter(self.blocks)


def test_a_body_that_is_streamed_has_a_length_and_begins_anew_at_each_try(service, session):
    service.on("PUT", "/").reply(status=503).reply()
    body = Counted(b"first ", b"second")
    session.request("PUT", f"{service.url}/", data=body)
    assert [(one.body, one.headers["Content-Length"]) for one in service.requests] == [(b"first second", "12")] * 2
    assert body.begun == 2
    assert all("Transfer-Encoding" not in one.headers for one in service.requests)


def test_which_statuses_are_transient_can_be_said(service):
    service.on("GET", "/").reply(status=500).reply()
    with pytest.raises(ServiceError):
        Session(QUICK, transient=frozenset({503})).request("GET", f"{service.url}/")
    assert len(service.requests) == 1


def test_netrc_is_not_used(service, session, isolated_home, monkeypatch):
    netrc = isolated_home / ".netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    service.on("GET", "/x").reply(json={})
    session.request("GET", service.url + "/x")
    assert service.requests[0].headers["Authorization"] is None


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("https://a.org/x", "https://A.org:443/y", True),
        ("http://a.org", "http://a.org:80", True),
        ("https://a.org", "http://a.org", False),
        ("https://a.org", "https://a.org:444", False),
        ("https://a.org", "https://a.org.evil.org", False),
        ("https://a.org", "https://a.org@evil.org", False),
        ("https://a.org", "https://a.org?@evil.org", True),
        ("https://a.org", "https://a.org#@evil.org", True),
        ("https://a.org", "https://a.org\\@evil.org", False),
        ("https://a.org", "https://a\n.org/x", True),  # as urllib reads it; sent is the spelled-out one only
        ("https://a.org", "https://\ta.org.evil.org", False),
        ("https://[::1]", "https://[::1]:443/x", True),
    ],
)
def test_origins(one, two, same):
    assert (urls.origin(one) == urls.origin(two)) is same


# http and https


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x",
        "http://198.51.100.1/x",
        "http://127.0.0.1.example.org/x",
        "http://localhost.example.org/x",
        "http://127.0.0.1@example.org/x",
        "http://example.org\\@127.0.0.1/x",
        "HTTP://example.org/x",
    ],
)
def test_http_to_a_foreign_host_is_refused(session, url):
    with pytest.raises(UsageError, match="not https") as told:
        session.request("GET", url)
    assert told.value.exit_status == 2
    assert "allow_http" in str(told.value.hint)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://127.8.9.1", "http://[::1]:1", "http://localhost", "http://dss.localhost:8"]
)
def test_http_to_this_machine_is_fine(url):
    assert urls.is_loopback(url)


def test_a_redirect_to_http_on_a_foreign_host_is_refused(service, session):
    service.on("GET", "/x").redirect("http://example.org/y")
    with pytest.raises(UsageError, match="not https"):
        session.request("GET", service.url + "/x")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if not shutil.which("openssl"):
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    made = str(folder / "cert.pem"), str(folder / "key.pem")
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-out", made[0], "-keyout", made[1]]
    subprocess.run([*words.split(), *names], check=True, capture_output=True)
    return made


def test_a_redirect_from_https_to_http_is_refused(service, certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate[0])
    session = Session(QUICK)
    with LoopbackService(tls=certificate) as secure:
        secure.on("GET", "/x").redirect(service.url + "/y")
        with pytest.raises(HCAError, match="from https to http"):
            session.request("GET", secure.url + "/x")
    assert service.requests == []
    session.close()


def test_the_environment_s_certificates_are_honoured(certificate, monkeypatch):
    with LoopbackService(tls=certificate) as secure:
        secure.on("GET", "/x").reply(json={})
        session = Session(QUICK)
        with pytest.raises(NetworkError, match="no certificate that can be trusted") as caught:
            session.request("GET", secure.url + "/x")
        assert "REQUESTS_CA_BUNDLE" in caught.value.hint
        assert secure.requests == []
        session.close()
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate[0])
        session = Session(QUICK)
        assert session.request("GET", secure.url + "/x").status_code == 200
        session.close()


# Proxies


def test_the_environment_s_proxy_is_honoured(service, monkeypatch):
    monkeypatch.setenv("http_proxy", service.url)
    session = Session(QUICK, allow_http=True)
    service.on("GET", "http://data.example.org/x").reply(json={"by": "proxy"})
    assert session.request("GET", "http://data.example.org/x").json() == {"by": "proxy"}
    session.close()


def test_no_proxy_is_honoured(service, monkeypatch):
    monkeypatch.setenv("http_proxy", refused_port())
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    session = Session(QUICK)
    service.on("GET", "/x").reply(json={})
    assert session.request("GET", service.url + "/x").status_code == 200
    session.close()


def test_a_proxy_that_is_not_there(monkeypatch):
    monkeypatch.setenv("https_proxy", refused_port())
    with pytest.raises(NetworkError, match=r"the proxy on the way to https://data\.example\.org") as caught:
        Session(QUICK).request("GET", "https://data.example.org/x")
    assert "HTTPS_PROXY" in caught.value.hint


# The request itself


def test_parameters_and_headers(service, session):
    service.on("GET", "/x").reply(json={})
    session.request("GET", service.url + "/x?a=1", params={"yes": True, "no": False, "none": None, "n": 5, "t": "ä &="})
    (seen,) = service.requests
    assert seen.query == [("a", "1"), ("yes", "true"), ("no", "false"), ("n", "5"), ("t", "ä &=")]
    assert seen.headers["User-Agent"].startswith("hca/")
    assert seen.headers["Content-Type"] is None


def test_a_url_that_is_given_is_asked_as_it_is(service, session):
    """Links and presigned URLs are signed, so nothing in them may change."""
    signed = "/x?X-Amz-Signature=a%2Fb%3D&list=a%20b&plus=a+b&empty="
    targets = []
    service.on("GET", "/x").reply(lambda request: targets.append(request.query) or {})
    session.request("GET", service.url + signed)
    pairs = [("X-Amz-Signature", "a/b="), ("list", "a b"), ("plus", "a b"), ("empty", "")]
    assert targets == [pairs]


def test_connections_are_used_again(service, session):
    service.on("GET", "/x").fail(503).redirect("/y")
    service.on("GET", "/y").reply(json={})
    before = set(threading.enumerate())
    for _ in range(5):
        session.request("GET", service.url + "/y")
    session.request("GET", service.url + "/x")
    assert len(set(threading.enumerate()) - before) == 1  # the service has a thread a connection


def test_several_threads_share_a_session(service, session):
    service.on("GET", "/x").fail(503, times=3, retry_after=0).reply(json={})
    threads = [threading.Thread(target=session.request, args=("GET", service.url + "/x")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(service.requests) == 8 + 3


def test_requests_are_told_at_debug_level(service, session, caplog):
    service.on("GET", "/x").reply(json={})
    with caplog.at_level(logging.DEBUG, "hca"):
        session.request("GET", service.url + "/x")
    assert any(message.startswith(f"GET {service.url}/x -> 200") for message in caplog.messages)


# Answers


def test_errors_have_their_classes(service, session):
    service.on("GET", "/401").fail(401)
    service.on("GET", "/404").fail(404)
    with pytest.raises(ServiceRefusedError):
        session.request("GET", service.url + "/401")
    with pytest.raises(ServiceNotFoundError):
        session.request("GET", service.url + "/404", stream=True)


def test_a_huge_error_page_is_not_read_whole(service, session):
    service.on("GET", "/x").reply(status=404, body=b"<p>" * 10_000_000, headers={"Content-Type": "text/html"})
    with pytest.raises(ServiceError) as told:
        session.request("GET", service.url + "/x", stream=True)
    assert len(str(told.value)) < 500
    assert len(told.value.response.content) <= 65536


def test_an_answer_that_is_not_json_is_told(service, session):
    service.on("GET", "/x").reply(body=b"<html>", headers={"Content-Type": "text/html"})
    answer = session.request("GET", service.url + "/x")
    with pytest.raises(HCAError, match="text/html that is not JSON"):
        answers.decode_json(answer)


def test_a_stream_is_not_read(service, session):
    service.on("GET", "/x").reply(body=b"x" * 1000)
    answer = session.request("GET", service.url + "/x", stream=True)
    assert not answer._content_consumed
    assert answer.raw.read(10) == b"x" * 10
    answer.close()


def test_this_module_is_the_only_one_that_makes_sessions():
    core = Path(http.__file__).parent
    users = [path.name for path in core.glob("*.py") if "requests.Session(" in path.read_text()]
    assert users == ["http.py"]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("trick", ["{evil}\\@{ours}/y", "{evil}\\\\@{ours}/y", "{evil}#@{ours}/y", "{evil}?@{ours}/y"])
def test_a_redirect_cannot_pretend_to_lead_to_the_token_s_host(service, other, scheme, trick):
    """Two readers of one URL may see two hosts in it: what is checked must be what is connected to."""
    session = Session(QUICK, token=lambda: "T", token_origin=service.url)
    evil, ours = (one.url.partition("//")[2] for one in (other, service))
    service.on("GET", "/x").redirect(f"{scheme}://" + trick.format(evil=evil, ours=ours))
    other.on("GET", "/*").reply(json={})
    with contextlib.suppress(HCAError):
        session.request("GET", service.url + "/x", authenticated=True)
    assert all(one.headers["Authorization"] is None for one in other.requests)
    session.close()


def test_a_redirect_cannot_pretend_to_lead_to_this_machine(service, session):
    service.on("GET", "/x").redirect("http://no-such-host.invalid\\@127.0.0.1/y")
    with pytest.raises(UsageError, match="not https"):
        session.request("GET", service.url + "/x")


@pytest.mark.parametrize("path", ["/there", "/th\N{LATIN SMALL LETTER E WITH ACUTE}re"])
def test_what_a_caller_sends_as_authorization_stays_with_its_host(session, service, other, path):
    """Also where the address is spelled out anew, because two readers may read it differently."""
    other.on("GET", "/th*").reply(json={})
    service.on("GET", "/here").reply(status=302, headers={"Location": (other.url + path).encode().decode("latin-1")})
    session.request("GET", f"{service.url}/here", headers={"Authorization": "Bearer of-the-caller"})
    assert service.requests[0].headers["Authorization"] == "Bearer of-the-caller"
    assert [request.headers["Authorization"] for request in other.requests] == [None]


def test_no_proxy_stands_between_this_machine_and_itself(service, monkeypatch):
    """It would read the token, which goes over plain http here."""
    with LoopbackService(host="localhost") as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        service.on("GET", "/x").reply(json={})
        Session(QUICK).request("GET", f"{service.url}/x")
        assert proxy.requests == []


@pytest.mark.parametrize("host", ["..", "a..b", "a" * 64 + ".org"])
def test_a_host_that_can_be_none_is_told(session, service, host):
    service.on("GET", "/x").redirect(f"https://{host}/x")
    with pytest.raises(NetworkError, match="is no address that a service can have"):
        session.request("GET", f"{service.url}/x")
    assert len(service.requests) == 1


@pytest.mark.parametrize("target", ["http://127.0.0.1:99999/", "http://[::1/", "http://127.0.0.1:abc/"])
def test_a_redirect_to_what_is_no_url_is_told(session, service, target):
    service.on("GET", "/x").redirect(target)
    with pytest.raises(HCAError, match="which is no URL"):
        session.request("GET", f"{service.url}/x")


def test_what_programs_log_has_no_secrets(session, service, caplog):
    """A program has handlers of its own; only the command line's take secrets out."""
    service.on("GET", "/x").reply(json={})
    with caplog.at_level(logging.DEBUG, "hca.http"):
        session.request("GET", f"{service.url}/x?access_token=SECRETTOK12345&X-Amz-Signature=SECRETSIG")
    assert "GET" in caplog.text
    assert "SECRET" not in caplog.text


@pytest.mark.parametrize(
    "data", [None, b"", b"bytes", Counted(b"streamed", b" body")], ids=["none", "empty", "bytes", "streamed"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    ("path", "short"),
    [
        ("/", True),
        ("/node/x-1?download_raw&seek=1&a=b%3Bc", True),
        ("/a%2Fb/c~d?%C3%A4=%25", True),
        ("/v1/search?q=(a),b;c='d'&e=1+2", True),
        ("/a//b.c", True),
        ("/a/../b", False),
        ("/a/.", False),
        ("/%7Ec", False),
        ("/%41", False),
        ("/%3b", False),
        ("/%zz", False),
        ("/a b", False),
        ("", False),
    ],
)
def test_the_short_way_to_a_request_leads_to_the_same(session, monkeypatch, method, path, short, data):
    url, body = f"https://weather.example.org:8443{path}", http.Body(data=data)
    assert bool(http._SPELLED_OUT.fullmatch(url)) is short
    ours = session.prepare(method, url, None, body, {"X-One": "1"})
    monkeypatch.setattr(http, "_SPELLED_OUT", re.compile("(?!)"))
    theirs = session.prepare(method, url, None, body, {"X-One": "1"})
    assert (ours.method, ours.url, dict(ours.headers)) == (theirs.method, theirs.url, dict(theirs.headers))
    assert ours.body == theirs.body or (not ours.body and not theirs.body)


@pytest.mark.parametrize("headers", [{"X-One": "1\r\nX-Evil: 2"}, {"X-One\n": "1"}, {"X-One": " 1"}])
def test_headers_that_would_be_others_are_refused_on_the_short_way_too(service, session, headers):
    with pytest.raises(UsageError):
        session.request("GET", f"{service.url}/", headers=headers)
    assert service.requests == []
