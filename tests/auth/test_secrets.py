"""What lets its owner in is sent where it belongs, and told nowhere else."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

SECRET = "s3cr3t-V4lue"  # no shape that a filter could know
CALLS = [
    (["post-oauth-revoke", "--client-id", "c", "--token", SECRET], "/oauth/revoke"),  # AC-020, 021
    (["post-oauth-token", "--grant-type", "refresh_token", "--refresh-token", SECRET], "/oauth/token"),
    (["post-oauth-token", "--client-id", "c", "--client-secret", SECRET], "/oauth/token"),
    (["post-oauth-token", "--grant-type", "authorization_code", "--code", SECRET], "/oauth/token"),
    (["post-oauth-token", "--code-verifier", SECRET, "--device-code", SECRET], "/oauth/token"),
]
every = pytest.mark.parametrize(("words", "path"), CALLS, ids=lambda one: one[-2] if isinstance(one, list) else "")


def files_with(secret):
    """Return the files of the test's home and directory that hold `secret`."""
    places = [Path(os.environ["HOME"]), Path.cwd()]
    return [file for place in places for file in place.rglob("*") if file.is_file() and secret in file.read_text()]


@every
def test_secrets_are_sent_and_not_told(hca, anything, words, path):
    outcome = hca("--debug", "auth", *words)
    assert outcome.exit_status == 0
    (request,) = anything()
    assert (request.path, request.query) == (path, [])
    assert SECRET in request.body.decode()
    assert f"POST http://{request.headers['Host']}{path} -> 200" in outcome.stderr  # it was traced
    assert SECRET not in outcome.stderr
    assert SECRET not in outcome.stdout
    assert files_with(SECRET) == []


@every
@pytest.mark.parametrize("status", [400, 401, 500])
def test_secrets_are_not_told_when_they_are_refused(hca, auth, words, path, status):
    auth.on("POST", path).fail(status, json={"error": "invalid_grant", "error_description": "it is old"}, times=20)
    outcome = hca("--debug", "auth", *words)
    assert outcome.exit_status not in (0, 2)
    assert "it is old" in outcome.stderr
    assert SECRET not in outcome.stderr + outcome.stdout


@every
def test_secrets_are_not_told_when_nobody_listens(hca, auth, words, path):
    auth.on("POST", path).drop(times=20)
    outcome = hca("--debug", "auth", *words)
    assert outcome.exit_status == 5
    assert SECRET not in outcome.stderr + outcome.stdout


def test_secrets_are_not_sent_twice(hca, auth, asked):
    """A code is good for one use; who sends it again after an error may end the session."""
    auth.on("POST", "/oauth/token").fail(500).reply(json={})
    assert hca("auth", "post-oauth-token", "--grant-type", "authorization_code", "--code", SECRET).exit_status == 5
    assert len(asked()) == 1


def test_a_form_is_a_form(hca, anything):
    """RFC 6749 §4.1.3; what was not given is not sent."""
    hca(
        "auth", "post-oauth-token", "--grant-type", "authorization_code", "--code", "a+b&c=ü", "--scope", "openid email"
    )
    (request,) = anything()
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qsl(request.body.decode(), strict_parsing=True) == [
        ("grant_type", "authorization_code"),
        ("code", "a+b&c=ü"),
        ("scope", "openid email"),
    ]


def test_a_revocation_says_whose_token(hca, anything):
    hca("auth", "post-oauth-revoke", "--client-id", "c", "--token", SECRET)
    (request,) = anything()
    assert request.json() == {"client_id": "c", "token": SECRET}
    assert request.headers["Authorization"] is None


def test_a_code_on_the_way_back_is_not_told(hca, auth):
    """AC-012: the trace shows where redirects lead."""
    auth.on("GET", "/oauth/authorize").redirect(f"/back?code={SECRET}&state=x")
    auth.on("GET", "/back").reply(body=b"done", headers={"Content-Type": "text/plain"})
    outcome = hca("--debug", "auth", "get-oauth-authorize", "--client-id", "c", "--redirect-uri", auth.url + "/back")
    assert (outcome.exit_status, outcome.stdout) == (0, "done")
    assert "/back?code=***" in outcome.stderr
    assert SECRET not in outcome.stderr


def test_the_bearer_token_is_not_told(hca, auth):
    auth.on("GET", "/v1/users").reply(json={"users": []})
    outcome = hca("--debug", "auth", "get-v1-users", env={"HCA_TOKEN": SECRET})
    assert auth.asked("GET", "/v1/users")[0].headers["Authorization"] == f"Bearer {SECRET}"
    assert SECRET not in outcome.stderr + outcome.stdout
    assert files_with(SECRET) == []
