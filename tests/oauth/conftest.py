"""A small, strict OpenID provider on a real loopback server, faults included, and a browser that follows it."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import requests  # noqa: TID253

from hca_core.http import Policy, Session
from hca_core.oauth import provider
from hca_core.oauth.flows import Talk
from hca_core.testing import LoopbackService, reply

CLIENT = "hca-of-tests"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class Op:
    """The provider: `faults` are words that make it misbehave, `claims` go over those of its id_tokens.

    `codes` holds what every code that is still good was given for; `grants` the forms that were granted; `device`
    the errors that polls of the device flow get before the tokens.
    """

    def __init__(self, service):
        self.service, self.url = service, service.url
        self.faults, self.claims, self.tokens = set(), {}, {}
        self.codes, self.grants, self.asked, self.device, self.revocations = {}, [], [], [], []
        self.refresh_tokens = set()
        self.device_document = {}
        for method, path, function in (
            ("GET", "/internal/application_secrets", self.application_secrets),
            ("GET", "/.well-known/openid-configuration", self.discovery),
            ("GET", "/oauth/authorize", self.authorize),
            ("POST", "/oauth/token", self.token),
            ("POST", "/oauth/revoke", self.revoke),
            ("GET", "/oauth/userinfo", self.userinfo),
            ("POST", "/oauth/device/code", self.device_code),
            ("GET", "/echo", self.echo),
        ):
            service.on(method, path).reply(function)

    def application_secrets(self, request):
        uris = {"auth_uri": f"{self.url}/oauth/authorize", "token_uri": f"{self.url}/oauth/token"}
        return {"installed": {"client_id": CLIENT, "client_secret": "", **uris}}

    def discovery(self, request):
        names = ("authorize", "token", "revoke", "userinfo")
        keys = ("authorization", "token", "revocation", "userinfo")
        found = {f"{key}_endpoint": f"{self.url}/oauth/{name}" for key, name in zip(keys, names, strict=True)}
        return {"issuer": self.url, "device_authorization_endpoint": f"{self.url}/oauth/device/code", **found}

    def authorize(self, request):
        query = dict(request.query)
        self.asked.append(query)
        assert len(query) == len(request.query), "a parameter came twice"
        back = urlsplit(query["redirect_uri"])
        loopback = back.scheme == "http" and back.hostname == "127.0.0.1" and back.path == "/callback"
        assert loopback or query["redirect_uri"] == f"{self.url}/echo"
        assert query["client_id"] == CLIENT
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert len(query["code_challenge"]) == 43
        assert min(len(query["state"]), len(query["nonce"])) * 6 >= 128
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        answer = {"code": code, "state": query["state"]}
        if "wrong state" in self.faults:
            answer["state"] = "x" + query["state"]
        if "no state" in self.faults:
            del answer["state"]
        if "refused" in self.faults:
            answer = {"error": "access_denied", "error_description": "not \x1b[31mtoday", "state": query["state"]}
        if "server_error" in self.faults:
            answer = {"error": "server_error", "error_description": "out of order", "state": query["state"]}
        if "other issuer" in self.faults:
            answer["iss"] = "https://elsewhere.example"
        if "own issuer" in self.faults:
            answer["iss"] = self.url
        return reply(status=302, headers={"Location": f"{query['redirect_uri']}?{urlencode(answer)}"})

    def token(self, request):
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert request.headers.get("Authorization") is None
        form = dict(parse_qsl(request.body.decode(), strict_parsing=True))
        for fault, answer in {
            "token 500": reply(status=500, json={"error": "server_error", "title": json.dumps(form)}),
            "token html": reply(body=b"<html>", headers={"Content-Type": "text/html"}),
            "token junk": reply(body=b'{"access_token": ', headers={"Content-Type": "application/json"}),
            "token list": reply(json=[1]),
            "token 403 html": reply(status=403, body=b"<html>no"),
            "echoing": reply(status=400, json={"error": "invalid_grant", "error_description": f"bad {form.values()}"}),
            "unreadable error": reply(status=400, json={"error": ["x\x1b"], "error_description": {"a": 1}}),
            "refused with 200": reply(json={"error": "invalid_grant", "error_description": "sorry"}),
        }.items():
            if fault in self.faults:
                return answer
        problem = self._refusal(form)
        if problem:
            return reply(status=400, json={"error": problem, "error_description": f"that is {problem}"})
        self.grants.append(form)
        return reply(json=self.granted(form), headers={"Cache-Control": "no-store"})

    def _refusal(self, form):
        if form.get("client_id") != CLIENT:
            return "invalid_client"
        if form["grant_type"] == "authorization_code":
            asked = self.codes.pop(form["code"], None)
            if "replayed" in self.faults or asked is None:
                return "invalid_grant"
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            fits = challenge == asked["code_challenge"] and form["redirect_uri"] == asked["redirect_uri"]
            form["nonce"] = asked["nonce"]
            return "" if fits and 43 <= len(form["code_verifier"]) <= 128 else "invalid_grant"
        if form["grant_type"] == "refresh_token":
            return "" if form["refresh_token"] in self.refresh_tokens else "invalid_grant"
        if form["grant_type"] == DEVICE_GRANT:
            return self.device.pop(0) if self.device else ""
        return "unsupported_grant_type"

    def granted(self, form):
        refresh_token = secrets.token_urlsafe(16)
        self.refresh_tokens.add(refresh_token)
        given = {"access_token": "access-" + secrets.token_urlsafe(8), "token_type": "Bearer", "expires_in": 600}
        given |= {"refresh_token": refresh_token, "scope": "openid email", "id_token": self.id_token(form.get("nonce"))}
        given |= self.tokens
        return {name: value for name, value in given.items() if value is not None}

    def id_token(self, nonce):
        claims = {"iss": self.url, "aud": CLIENT, "exp": time.time() + 60, "sub": "me", "nonce": nonce, **self.claims}
        claims = {name: value for name, value in claims.items() if value is not None}
        parts = [{"alg": "RS256"}, claims]
        return ".".join(
            [base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts] + ["s"]
        )

    def revoke(self, request):
        kind = request.headers["Content-Type"]
        self.revocations.append((kind, request.body.decode()))
        if "form only" in self.faults and kind == "application/json":
            return reply(status=415, json={"error": "invalid_request"})
        if "no revocation" in self.faults:
            return reply(status=403, json={"error": "invalid_client"})
        return reply(body=b"")

    def userinfo(self, request):
        assert request.headers["Authorization"].startswith("Bearer access-")
        return {"email": "ada@example.org"}

    def device_code(self, request):
        form = {name: values[0] for name, values in parse_qs(request.body.decode(), strict_parsing=True).items()}
        self.asked.append(form)
        document = {
            "device_code": "device-secret-1",
            "user_code": "WDJB-MJHT",
            "verification_uri": f"{self.url}/device",
        }
        document |= {"expires_in": 60, "interval": 1} | self.device_document
        return {name: value for name, value in document.items() if value is not None}

    def echo(self, request):
        return {"method": "GET", "query_params": dict(request.query)}


class Browser:
    """What a browser does with an address, in a thread: follow it to its end. `pages` are the answers at the ends."""

    def __init__(self):
        self.addresses, self.pages, self.threads = [], [], []

    def __call__(self, url):
        self.addresses.append(url)
        thread = threading.Thread(target=lambda: self.pages.append(requests.get(url, timeout=60)))
        thread.start()
        self.threads.append(thread)
        return True

    def page(self):
        """Return the page that the last visit ended on."""
        self.threads[-1].join(60)
        return self.pages[-1]


class Spoken:
    """What was said, and the lines that are answered; EOFError when they are used up."""

    def __init__(self, *lines):
        self.said, self.lines = [], list(lines)
        self.talk = Talk(self.said.append, self.ask)

    def ask(self, question):
        self.said.append(question)
        if not self.lines:
            raise EOFError
        line = self.lines.pop(0)
        return line(self) if callable(line) else line

    @property
    def address(self):
        """The address that was told."""
        return next(one for one in self.said if one.startswith("http"))


@pytest.fixture
def session():
    made = Session(Policy(tries=2, first_wait=0.01, most_wait=0.02, connect_timeout=60, read_timeout=60))
    yield made
    made.close()


@pytest.fixture
def op(service):
    return Op(service)


@pytest.fixture
def other():
    """A second service, of another origin."""
    with LoopbackService(host="localhost") as running:
        yield running


@pytest.fixture
def found(op, session):
    """The provider as a client of the service sees it."""
    return provider.of_service(f"{op.url}/v1/swagger.json", {}, session)


@pytest.fixture
def visit():
    browser = Browser()
    yield browser
    for thread in browser.threads:
        thread.join(60)


@pytest.fixture
def spoken():
    return Spoken
