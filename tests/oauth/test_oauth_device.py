"""The login on another device (RFC 8628): what is shown, how often is asked, and how it ends."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from hca_core.errors import ExitStatus, LoginError, NetworkError
from hca_core.http import Policy, Session
from hca_core.oauth import flows
from hca_core.oauth.grants import GrantRefusedError


class Hurried(Session):
    """A session that takes its waits short, and remembers how long they were to be."""

    def __init__(self):
        super().__init__(Policy(connect_timeout=60, read_timeout=60))
        self.waits = []

    def wait(self, seconds):
        self.waits.append(seconds)
        super().wait(min(seconds, 0.01))


@pytest.fixture
def hurried():
    made = Hurried()
    yield made
    made.close()


def test_the_person_is_shown_where_to_go_and_what_to_enter(op, found, hurried, spoken):
    op.device = ["authorization_pending"] * 2
    person = spoken()
    tokens = flows.device(found, hurried, person.talk)
    assert tokens.access_token.startswith("access-")
    assert f"{op.url}/device" in person.said[0]
    assert "WDJB-MJHT" in person.said[0]
    assert len(person.said) == 1
    assert op.asked == [{"client_id": "hca-of-tests", "scope": "openid email offline_access"}]
    assert op.grants[0]["device_code"] == "device-secret-1"
    assert "device-secret-1" not in "".join(person.said)
    assert hurried.waits == [1.0] * 3  # before the first question too: nobody is that quick


def test_the_address_with_the_code_in_it_is_shown_too(op, found, hurried, spoken):
    op.device_document = {"verification_uri_complete": f"{op.url}/device?user_code=WDJB-MJHT"}
    person = spoken()
    flows.device(dataclasses.replace(found, audience="https://hca/"), hurried, person.talk)
    assert f"{op.url}/device?user_code=WDJB-MJHT" in person.said[1]
    assert op.asked[0]["audience"] == "https://hca/"


def test_the_pace_is_the_one_that_the_provider_asks_for(op, found, hurried, spoken):
    op.device_document = {"interval": 3}
    op.device = ["authorization_pending", "slow_down", "authorization_pending", "slow_down"]
    flows.device(found, hurried, spoken().talk)
    assert hurried.waits == pytest.approx([3, 3, 8, 8, 13])


@pytest.mark.parametrize(("told", "pace"), [(None, 5), (0, 5), (-1, 5), ("x", 5), (0.001, 1), (10**9, 60), ("2", 2)])
def test_a_pace_that_makes_no_sense_is_not_followed(op, found, hurried, spoken, told, pace):
    op.device_document = {"interval": told, "expires_in": 600}
    flows.device(found, hurried, spoken().talk)
    assert hurried.waits == [pace]


def test_a_network_that_breaks_is_tolerated_and_spared(op, found, hurried, spoken):
    op.faults.add("token 500")
    pending = iter(range(2))

    def wait(seconds, wait=hurried.wait):
        if seconds > 1 and next(pending, None) is None:
            op.faults.clear()
        wait(seconds)

    hurried.wait = wait
    assert flows.device(found, hurried, spoken().talk).access_token
    assert hurried.waits == [1, 2, 4, 8]


def test_a_connection_that_breaks_is_tolerated(op, found, hurried, spoken):
    op.service.on("POST", "/oauth/token")._answers.clear()
    op.service.on("POST", "/oauth/token").drop(times=2).fail(503, retry_after=1).reply(op.token)
    assert flows.device(found, hurried, spoken().talk).access_token
    assert hurried.waits == [1, 2, 4, 8]  # one question a wait


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        ("access_denied", LoginError, "was refused in the browser"),
        ("expired_token", LoginError, "nobody finished the login in the time"),
        ("invalid_client", GrantRefusedError, "invalid_client"),
    ],
)
def test_an_end_without_tokens_is_told(op, found, hurried, spoken, answer, error, says):
    op.device = ["authorization_pending", answer, "authorization_pending"]
    with pytest.raises(error, match=says) as caught:
        flows.device(found, hurried, spoken().talk)
    assert caught.value.exit_status == ExitStatus.LOGIN
    assert op.device == ["authorization_pending"]


def test_it_ends_when_the_code_does(op, found, hurried, spoken, monkeypatch):
    """By a clock that goes on only when somebody waits."""
    monkeypatch.setattr(flows, "time", SimpleNamespace(monotonic=lambda: sum(hurried.waits)))
    op.device_document = {"expires_in": 12, "interval": 5}
    op.device = ["authorization_pending"] * 10_000
    with pytest.raises(LoginError, match="nobody finished the login"):
        flows.device(found, hurried, spoken().talk)
    assert hurried.waits == [5, 5, 2]  # no longer than there is time


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"device_code": None}, "without a device_code"),
        ({"user_code": None}, "without a user_code"),
        ({"verification_uri": None}, "without a verification_uri"),
        ({"verification_uri": 5}, "verification_uri that is no text"),
        ({"verification_uri": "http://id.example/"}, "is not https"),
        ({"verification_uri": "http://127.0.0.1/\x1b[2J"}, "no plain URL"),
        ({"verification_uri_complete": "http://id.example/"}, "is not https"),
        ({"expires_in": None}, "how long its code is good for"),
        ({"expires_in": "soon"}, "how long its code is good for"),
    ],
)
def test_an_answer_without_sense_is_a_login_error(op, found, hurried, spoken, document, says):
    op.device_document = document
    with pytest.raises(LoginError, match=says):
        flows.device(found, hurried, spoken().talk)
    assert op.grants == []


def test_a_user_code_moves_no_terminal(op, found, hurried, spoken):
    op.device_document = {"user_code": "AB\x1b[2JCD\nEF" + "x" * 1000}
    person = spoken()
    flows.device(found, hurried, person.talk)
    assert person.said[0].isprintable()
    assert len(person.said[0]) < 400


def test_an_id_token_is_looked_at_but_has_no_nonce_to_show(op, found, hurried, spoken):
    for nonce in (None, "of the provider"):
        op.claims = {"nonce": nonce}
        assert flows.device(found, hurried, spoken().talk).id_token
    op.claims = {"aud": "another"}
    with pytest.raises(LoginError, match="another program"):
        flows.device(found, hurried, spoken().talk)


def test_a_provider_without_it_says_what_else_there_is(found, hurried, spoken):
    with pytest.raises(LoginError, match="does not know logins by another device") as caught:
        flows.device(dataclasses.replace(found, device_authorization_endpoint=""), hurried, spoken().talk)
    assert "--remote" in caught.value.hint


def test_a_start_that_fails_is_told(op, found, session, spoken):
    op.service.on("POST", "/oauth/device/code")._answers.clear()
    op.service.on("POST", "/oauth/device/code").fail(500, times=9)
    with pytest.raises(NetworkError, match="HTTP 500"):
        flows.device(found, session, spoken().talk)


def test_a_session_that_is_stopped_ends_the_waiting(op, found, session, spoken):
    op.device = ["authorization_pending"] * 1000
    op.device_document = {"interval": 50}
    timer = threading.Timer(0.1, session.stopped.set)
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        flows.device(found, session, spoken().talk)
    assert time.monotonic() - started < 40
    timer.join()


WAITING = """
import sys
from hca_core import http
from hca_core.oauth import flows, provider

session = http.Session()
try:
    talk = flows.Talk(lambda text: print(text, flush=True), input)
    flows.device(provider.of_service(sys.argv[1], {}, session), session, talk)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_ends_the_waiting_at_once(op):
    op.device_document = {"interval": 50}
    command = [sys.executable, "-c", WAITING, op.url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert "WDJB-MJHT" in process.stdout.readline()
        process.send_signal(2)
        out, err = process.communicate(timeout=40)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out, err) == (130, "", "")
