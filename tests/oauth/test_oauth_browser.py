"""The login in the browser of this machine: a real listener, a real provider, and who else may turn up there."""

from __future__ import annotations

import logging
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

import ports
import pytest
import requests  # noqa: TID253
from waiting import until

from hca_core import log
from hca_core.errors import ExitStatus, LoginError, NetworkError, UsageError
from hca_core.oauth import attempts, callback, flows
from hca_core.oauth.grants import GrantRefusedError


@pytest.fixture
def login(found, session, visit, spoken):
    """A function that logs in through the browser `visit`; what was said is in `login.spoken`."""

    def run(**more):
        return flows.browser(found, session, run.spoken.talk, **{"timeout": 60.0, "open_browser": visit, **more})

    run.spoken = spoken()
    return run


def redirect_uri(url):
    """Return where the address of a login sends the browser in the end."""
    return parse_qs(urlsplit(url).query)["redirect_uri"][0]


def test_a_login_gives_tokens_and_tells_the_address_too(op, login, visit):
    tokens = login()
    assert tokens.access_token.startswith("access-")
    assert tokens.refresh_token in op.refresh_tokens
    assert op.grants[0]["redirect_uri"].startswith("http://127.0.0.1:")
    assert login.spoken.address == visit.addresses[0]
    assert op.asked[0]["scope"] == "openid email offline_access"
    assert "audience" not in op.asked[0]
    page = visit.page()
    assert page.status_code == 200
    assert "go on in the terminal" in page.text


def test_the_page_is_private_and_runs_nothing(login, visit):
    login()
    headers = visit.page().headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"  # its address has the code
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "Python" not in headers["Server"]
    assert "<script" not in visit.page().text
    style = re.search(r"<style>(.*)</style>", visit.page().text)[1]
    assert style == callback._STYLE


def test_no_two_logins_ask_for_the_same(op, login):
    login()
    login()
    for name in ("state", "nonce", "code_challenge"):
        assert op.asked[0][name] != op.asked[1][name]
    assert op.grants[0]["code_verifier"] != op.grants[1]["code_verifier"]


def test_an_audience_and_a_query_of_the_endpoint_are_passed_on(op, session, visit, spoken, found):
    import dataclasses

    endpoint = found.authorization_endpoint + "?tenant=a"
    asked = dataclasses.replace(found, audience="https://hca/", authorization_endpoint=endpoint)
    flows.browser(asked, session, spoken().talk, timeout=60, open_browser=visit)
    assert (op.asked[0]["audience"], op.asked[0]["tenant"]) == ("https://hca/", "a")


@pytest.mark.parametrize("fault", ["wrong state", "no state"])
def test_the_answer_of_another_login_is_not_taken(op, login, visit, fault):
    op.faults.add(fault)
    with pytest.raises(LoginError, match="belongs to another login") as caught:
        login()
    assert caught.value.exit_status == ExitStatus.LOGIN
    assert op.grants == []
    page = visit.page()
    assert page.status_code == 400
    assert "belongs to another login" in page.text


def test_a_refusal_is_told_here_and_there(op, login, visit):
    op.faults.add("refused")
    with pytest.raises(LoginError, match="was refused in the browser") as caught:
        login()
    assert caught.value.message.isprintable()  # the provider's words have an escape sequence
    assert "not" in caught.value.message
    assert "was refused" in visit.page().text


def test_another_error_of_the_provider_is_told_with_its_words(op, login):
    op.faults.add("server_error")
    with pytest.raises(GrantRefusedError, match="server_error: out of order"):
        login()


def test_the_answer_of_another_provider_is_not_taken(op, login):
    op.faults.add("other issuer")
    with pytest.raises(LoginError, match="another login service"):
        login()
    assert op.grants == []
    op.faults = {"own issuer"}
    assert login().access_token


def test_what_a_provider_says_is_text_in_the_page(session, spoken, visit, found, service):
    def authorize(request):
        from hca_core.testing import reply

        query = dict(request.query)
        where = f"{query['redirect_uri']}?state={query['state']}&error=%3Cscript%3E&error_description=%3Cb%3E"
        return reply(status=302, headers={"Location": where})

    service.on("GET", "/oauth/authorize")._answers.clear()
    service.on("GET", "/oauth/authorize").reply(authorize)
    with pytest.raises(LoginError, match="<script>"):
        flows.browser(found, session, spoken().talk, timeout=60, open_browser=visit)
    assert "<script>" not in visit.page().text
    assert "&lt;script&gt;" in visit.page().text


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ("replayed", GrantRefusedError, "invalid_grant"),
        ("token 500", NetworkError, "HTTP 500"),
        ("token junk", LoginError, "not JSON"),
    ],
)
def test_a_code_that_gives_no_tokens_is_a_failure(op, login, fault, error, says):
    op.faults.add(fault)
    with pytest.raises(error, match=says):
        login()


def test_a_login_without_a_refresh_token_or_id_token_is_one(op, login):
    op.tokens = {"refresh_token": None, "id_token": None}
    tokens = login()
    assert (tokens.refresh_token, tokens.id_token) == ("", "")


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"nonce": "another"}, "another login"),
        ({"nonce": None}, "another login"),
        ({"aud": "another"}, "another program"),
        ({"iss": "https://elsewhere.example"}, "another issuer"),
        ({"exp": 1}, "has expired"),
    ],
)
def test_an_id_token_that_is_not_of_this_login_ends_it(op, login, claims, says):
    op.claims = claims
    with pytest.raises(LoginError, match=says):
        login()


# Who else turns up at the listener.


def raw(url, data):
    """Send bytes to the host of `url` and return all that comes back."""
    received = b""
    # Who answers before all was sent may reset the connection behind the answer.
    with socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=60) as connection:
        with suppress(ConnectionError):
            connection.sendall(data)
        with suppress(ConnectionError):
            while block := connection.recv(65536):
                received += block
    return received.decode()


def test_only_the_answer_is_taken_for_it(login, visit):
    """A favicon, a prefetch, a preflight, an empty visit, junk: all are answered, none of them ends the login."""
    seen = {}

    def rummage(url):
        place = redirect_uri(url)
        state = parse_qs(urlsplit(url).query)["state"][0]
        seen["favicon"] = requests.get(place.replace("/callback", "/favicon.ico"), timeout=60)
        seen["deeper"] = requests.get(f"{place}/x?code=c&state={state}", timeout=60)
        for method in ("HEAD", "POST", "OPTIONS", "BREW"):
            seen[method] = requests.request(method, f"{place}?code=c&state={state}", timeout=60)
        seen["head"] = raw(place, b"HEAD /callback HTTP/1.1\r\n\r\n")
        seen["empty"] = requests.get(place, timeout=60)
        seen["only state"] = requests.get(f"{place}?state={state}", timeout=60)
        seen["twice"] = requests.get(f"{place}?code=a&code=b&state={state}", timeout=60)
        seen["many"] = requests.get(f"{place}?code=a&state={state}" + "&x=1" * 100, timeout=60)
        seen["junk"] = raw(place, b"\x16\x03\x01\x00 junk\r\n\r\n")
        seen["long"] = raw(place, b"GET /callback?" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n")
        seen["headers"] = raw(place, b"GET /callback HTTP/1.1\r\n" + b"X-A: b\r\n" * 200 + b"\r\n")
        return visit(url)

    assert login(open_browser=rummage).access_token
    codes = {name: answer.status_code for name, answer in seen.items() if isinstance(answer, requests.Response)}
    nowhere = dict.fromkeys(["favicon", "deeper"], 404)
    wrong_method = dict.fromkeys(["HEAD", "POST", "OPTIONS", "BREW"], 405)
    assert codes == nowhere | wrong_method | dict.fromkeys(["empty", "only state", "twice", "many"], 400)
    assert seen["HEAD"].headers["Allow"] == "GET"
    assert "<html" not in seen["head"]
    assert " 400 " in seen["junk"].splitlines()[0] or "<!DOCTYPE" in seen["junk"]
    assert " 414 " in seen["long"].splitlines()[0]
    assert " 431 " in seen["headers"].splitlines()[0]


def test_the_first_answer_counts():
    attempt = attempts.Attempt()
    from hca_core.oauth.provider import Provider

    provider = Provider(issuer="", authorization_endpoint="", token_endpoint="", client_id="")
    with callback.listening(0, lambda answer: attempt.code(provider, answer)) as listener:
        for code in ("first", "second"):
            requests.get(listener.redirect_uri, params={"code": code, "state": attempt.state}, timeout=60)
        assert listener.code() == "first"


def test_an_answer_counts_though_nobody_stays_to_read_the_page(op, login):
    """The connection is reset as soon as the answer is sent; that is nobody's error."""

    def leave(url):
        asked = requests.get(url, timeout=60, allow_redirects=False).headers["Location"]
        parts = urlsplit(asked)
        with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return True

    assert [login(open_browser=leave).access_token[:7] for _ in range(5)] == ["access-"] * 5


def test_a_silent_connection_keeps_nobody_waiting(login, visit, monkeypatch):
    monkeypatch.setattr(callback._Handler, "timeout", 600)
    held = []

    def hold(url):
        address = ("127.0.0.1", urlsplit(redirect_uri(url)).port)
        held.extend(socket.create_connection(address, timeout=60) for _ in range(20))
        held[0].sendall(b"GET /callb")
        return visit(url)

    started = time.monotonic()
    assert login(open_browser=hold).access_token
    assert time.monotonic() - started < 60
    for connection in held:
        connection.close()


def test_a_silent_connection_is_closed_in_the_end(monkeypatch):
    assert callback._Handler.timeout <= 10
    monkeypatch.setattr(callback._Handler, "timeout", 0.1)
    with (
        callback.listening(0, lambda answer: "") as listener,
        socket.create_connection(listener.server_address, timeout=60) as connection,
    ):
        assert connection.recv(1) == b""


def test_the_listener_is_on_this_machine_only_and_gone_afterwards(login, visit):
    bound = []
    original = callback.Listener.server_activate

    def activate(listener):
        bound.append(listener.socket.getsockname())
        original(listener)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(callback.Listener, "server_activate", activate)
        login(port=ports.lasting())  # another program could have a port that the system gives out
    assert bound[0][0] == "127.0.0.1"
    visit.page()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(bound[0], timeout=60)
    # It is told that it has ended a moment before it has.
    until(lambda: [thread for thread in threading.enumerate() if thread.name == "login"] == [])


def test_a_port_can_be_chosen_and_used_again(login, op):
    port = ports.lasting()
    for _ in range(2):
        login(port=port)
    assert [one["redirect_uri"] for one in op.asked] == [f"http://127.0.0.1:{port}/callback"] * 2


def test_a_port_that_is_taken_is_named(login, op):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} .*another program") as caught:
            login(port=port)
    assert "another port" in caught.value.hint
    assert caught.value.exit_status == ExitStatus.USAGE
    assert op.asked == []


@pytest.mark.parametrize("port", [70_000, -1])
def test_a_port_that_can_be_none_is_told(login, port):
    with pytest.raises(UsageError, match=f"port {port} "):
        login(port=port)


def test_two_logins_at_once_do_not_meet(op, found, session, visit, spoken):
    """Each has a port and a state of its own; both browsers come back only when both listen."""
    both = threading.Barrier(2)
    given = []

    def together(url):
        both.wait(60)
        return visit(url)

    def log_in():
        given.append(flows.browser(found, session, spoken().talk, timeout=60, open_browser=together))

    threads = [threading.Thread(target=log_in) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len({tokens.access_token for tokens in given}) == 2
    assert len({one["redirect_uri"] for one in op.asked}) == 2


# When nothing comes.


def test_a_browser_that_never_answers_is_waited_for_so_long(login):
    started = time.monotonic()
    with pytest.raises(LoginError, match=r"within 0\.3 s") as caught:
        login(timeout=0.3, open_browser=lambda url: True)
    assert 0.3 <= time.monotonic() - started < 60
    assert "--remote" in caught.value.hint
    assert not any("could be opened" in one for one in login.spoken.said)


@pytest.mark.parametrize("failure", [lambda url: False, lambda url: 1 / 0])
def test_a_browser_that_cant_be_opened_leaves_the_address(login, visit, failure):
    """The person opens the told address by hand."""
    say = login.spoken.said.append

    def said(text):
        say(text)
        if "could be opened" in text:
            visit(login.spoken.address)

    login.spoken.talk = flows.Talk(said, login.spoken.ask)
    assert login(open_browser=failure).access_token
    assert sum("no browser could be opened" in one for one in login.spoken.said) == 1


def test_a_session_that_is_stopped_ends_the_waiting(login, session):
    def stop(url):
        session.stopped.set()
        return True

    with pytest.raises(KeyboardInterrupt):
        login(open_browser=stop, timeout=30)
    session.stopped.clear()


# Secrets.


def test_neither_log_nor_terminal_has_a_secret(op, login, caplog, capfd):
    with caplog.at_level(logging.DEBUG):
        tokens = login()
    form = op.grants[0]
    for secret in (tokens.access_token, tokens.refresh_token, tokens.id_token, form["code"], form["code_verifier"]):
        # urllib3 is not ours; what it logs has no query of ours in it but the one of the test's own browser.
        shown = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("hca"))
        assert secret not in shown + "".join(login.spoken.said)
        assert log.redact(secret) == "***"
    assert capfd.readouterr() == ("", "")


def test_the_address_survives_the_log(login):
    """Who shows it through the logger still shows one that works."""
    login()
    assert log.redact(login.spoken.address) == login.spoken.address


# The browser of the machine.


def browser_of(folder, name, text):
    program = folder / name
    program.write_text(f"#!{sys.executable}\n{text}")
    program.chmod(0o755)
    return program


def test_the_browser_that_the_environment_names_is_used_and_not_heard(login, tmp_path, monkeypatch, capfd):
    program = browser_of(
        tmp_path,
        "own-browser",
        "import sys, urllib.request\n"
        "print('noise'); print('noise', file=sys.stderr); urllib.request.urlopen(sys.argv[1]).read()\n",
    )
    (tmp_path / "webbrowser.py").write_text("raise SystemExit('a file of the directory was run')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BROWSER", f"{program} %s")
    assert login(open_browser=None).access_token
    assert capfd.readouterr() == ("", "")


def test_a_browser_that_fails_is_noticed(login, session, tmp_path, monkeypatch):
    monkeypatch.setenv("BROWSER", f"{browser_of(tmp_path, 'broken-browser', 'raise SystemExit(3)')} %s")
    monkeypatch.setenv("PATH", str(tmp_path))  # no other one is found
    monkeypatch.delenv("DISPLAY", raising=False)

    def said(text):
        if "no browser could be opened" in text:
            session.stopped.set()  # what we waited for

    login.spoken.talk = flows.Talk(said, login.spoken.ask)
    with pytest.raises(KeyboardInterrupt):
        login(open_browser=None, timeout=30)


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"BROWSER": "w3m"}, "linux", True),
        ({"DISPLAY": ""}, "linux", False),
        ({"SSH_CONNECTION": "1"}, "linux", False),
        ({"SSH_CONNECTION": "1", "DISPLAY": "localhost:10"}, "linux", True),
        ({"SSH_TTY": "/dev/pts/1"}, "darwin", False),
        ({}, "darwin", True),
        ({}, "win32", True),
    ],
)
def test_has_display(monkeypatch, environment, platform, expected):
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(flows.sys, "platform", platform)
    assert flows.has_display() is expected


# Processes.

WAITING = """
import sys
from hca_core import http
from hca_core.oauth import flows
from hca_core.oauth.provider import Provider

provider = Provider("", "https://id.example/a", "https://id.example/t", "c")
try:
    talk = flows.Talk(lambda text: print(text, flush=True), input)
    flows.browser(provider, http.Session(), talk, port=int(sys.argv[1]), open_browser=lambda url: True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(130)
"""


def test_ctrl_c_ends_the_waiting_at_once_and_frees_the_port():
    port = ports.lasting()
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING, str(port)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        while not (line := process.stdout.readline()).startswith("https://"):
            assert line, process.stderr.read()
        connection = socket.create_connection(("127.0.0.1", port), timeout=60)  # and one that hangs
        process.send_signal(2)
        out, err = process.communicate(timeout=40)
        connection.close()
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out, err) == (130, "interrupted\n", "")
    with callback.listening(port, lambda answer: "") as listener:
        assert listener.server_address[1] == port


def test_loading_the_login_loads_nothing_heavy():
    program = "import sys, hca_core.oauth.flows; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "hca_core.oauth.callback" in loaded
    assert {"requests", "webbrowser", "jwt", "cryptography", "keyring", "google"} & set(loaded) == set()
