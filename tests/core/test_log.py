"""What is said on stderr: the right levels, and no secret in any of it."""

from __future__ import annotations

import logging

import pytest

from hca_core import log

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl-_"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abc.def", "abc.def"),
        ("authorization: bearer abc.def", "abc.def"),
        ("{'Authorization': 'Bearer abc.def'}", "abc.def"),
        ("Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("GET https://h/x?token=s3cret&replica=aws", "s3cret"),
        ("GET https://h/x?replica=aws&access_token=s3cret", "s3cret"),
        ("https://h/cb?code=s3cret&state=1", "s3cret"),
        ("https://b.s3.amazonaws.com/k?X-Amz-Signature=s3cret&x=1", "s3cret"),
        ("https://b.s3.amazonaws.com/k?x-amz-security-token=s3cret", "s3cret"),
        ("https://b.s3.amazonaws.com/k?X-Amz-Credential=AKIA%2F1&x=1", "AKIA"),
        ("https://storage.googleapis.com/k?X-Goog-Signature=s3cret", "s3cret"),
        ("https://storage.googleapis.com/k?GoogleAccessId=a&Signature=s3cret&Expires=1", "s3cret"),
        ("https://me:s3cret@h/x", "s3cret"),
        ("socks5h://me:s3cret@h:1080", "s3cret"),
        ("https://me:p@s3cret@h/x", "s3cret"),
        (f"token {JWT} refused", "c2lnbmF0dXJl"),
        (f'{{"id_token": "{JWT}"}}', "eyJzdWIiOiIxIn0"),
        ('{"access_token": "s3cret", "expires_in": 5}', "s3cret"),
        ('{"refresh_token":"s3cret"}', "s3cret"),
        ("hmac_secret_key='s3cret'", "s3cret"),
    ],
)
def test_secrets_are_taken_out(text, secret):
    shown = log.redact(text)
    assert secret not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "text",
    [
        "GET https://h/v1/bundles/all?replica=aws&per_page=5 -> 200 in 5 ms",
        "https://h/x?search_after=a%2Fb&prefix=ab",
        "bearer",
        "this needs a login at https://dss.example.org",
        "https://h/a@b",
        "Option --access-token needs a value, but the next word is --remote.",
        "the access_token of this is not known",
        "",
    ],
)
def test_the_rest_is_left_as_it_is(text):
    assert log.redact(text) == text


def test_the_other_parts_of_a_url_stay():
    url = "https://h/x?replica=aws&token=s3cret&start_at=5"
    assert log.redact(url) == "https://h/x?replica=aws&token=***&start_at=5"


def test_messages_have_a_prefix_and_no_secrets(capsys):
    log.set_up("DEBUG")
    log.set_up("DEBUG")  # twice is once
    log.logger().warning("token %s", JWT)
    log.logger("hca.http").debug("GET %s", "https://h/x?token=s3cret")
    try:
        raise ValueError("Bearer s3cret")
    except ValueError:
        log.logger().exception("failed")
    text = capsys.readouterr().err
    assert text.splitlines()[:2] == ["hca: token ***", "hca: debug: GET https://h/x?token=***"]
    assert text.count("hca: token") == 1
    assert "s3cret" not in text


@pytest.mark.parametrize(("level", "shown"), [("DEBUG", 5), ("INFO", 4), ("WARNING", 3), ("ERROR", 2), ("CRITICAL", 1)])
def test_levels(capsys, level, shown):
    log.set_up(level)
    for number in (10, 20, 30, 40, 50):
        log.logger().log(number, "x")
    assert len(capsys.readouterr().err.splitlines()) == shown


def test_other_loggers_are_left_alone(capsys):
    log.set_up("DEBUG")
    logging.getLogger("urllib3").warning("not ours")
    root = logging.getLogger()
    assert not any(handler in root.handlers for handler in logging.getLogger("hca").handlers)


def test_levels_on_the_command_line(hca, dss):
    """CORE-009, 010, 016."""
    dss.on("GET", "/v1/bundles/all").reply(json={"bundles": []}, headers={"X-OpenAPI-Paginated-Content-Key": "bundles"})
    words = ("dss", "get-bundles-all", "--replica", "aws")
    quiet = hca(*words)
    loud = hca("--log-level", "DEBUG", *words)
    assert quiet.stdout == loud.stdout
    assert quiet.stderr == ""
    assert "hca: debug: GET" in loud.stderr
    with open("debug.json", "w") as stream:
        stream.write('{"log_level": "DEBUG"}')
    assert "hca: debug: GET" in hca(*words, env={"HCA_CONFIG_FILE": "debug.json"}).stderr
    assert hca("--log-level", "ERROR", *words, env={"HCA_CONFIG_FILE": "debug.json"}).stderr == ""
    wrong = hca("--log-level", "LOUD", *words)
    assert wrong.exit_status == 2
    assert all(level in wrong.stderr for level in log.LEVELS)


def test_no_secret_on_the_command_line_s_stderr(hca, dss, monkeypatch):
    monkeypatch.setenv("HCA_TOKEN", "s3cret")
    dss.on("GET", "/v1/collections").fail(403, json={"code": "no", "title": "Bearer s3cret is not valid"})
    dss.on("GET", "/v1/files/x").redirect("/blob?X-Amz-Signature=s3cret")
    dss.on("GET", "/blob").fail(404, json={"title": "no /blob?X-Amz-Signature=s3cret"})
    for words in (("get-collections",), ("get-file", "--uuid", "x", "--replica", "aws", "--token", "s3cret")):
        for options in ((), ("--log-level", "DEBUG")):
            outcome = hca(*options, "dss", *words)
            assert outcome.exit_status in (3, 4)
            assert "s3cret" not in outcome.stderr


def test_no_secret_in_a_traceback(hca, dss, monkeypatch):
    monkeypatch.setenv("HCA_TOKEN", "s3cret")
    dss.on("GET", "/v1/collections").fail(403, json={"code": "no", "title": "Bearer s3cret is not valid"})
    outcome = hca("--debug", "dss", "get-collections")
    assert "Traceback" in outcome.stderr
    assert "s3cret" not in outcome.stderr
