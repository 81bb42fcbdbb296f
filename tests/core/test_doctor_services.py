"""`hca doctor` on services: certificates, clocks, proxies, names, and answers that are not what they should be."""

from __future__ import annotations

import json
import socket
from email.utils import formatdate
from pathlib import Path
from time import time

import pytest
from neighbours import load

from hca_core.testing import LoopbackService, run_hca

tools = load(Path(__file__).parents[1] / "transfer" / "tools.py", "transfer_tools")

AT = "/v1/swagger.json"


def looked_at(**env):
    """Return the rows of the service dss by what they are of, after "dss "."""
    outcome = run_hca("doctor", "--service", "dss", "--timeout", "20", "--output", "json", env=env)
    rows = {row["name"].removeprefix("dss "): row for row in outcome.json() if row["area"] == "services"}
    has_problem = any(row["state"] == "problem" for row in outcome.json())
    assert outcome.exit_status == (1 if has_problem else 0), outcome.stderr
    return rows


@pytest.fixture
def tls(tmp_path, dss_description):
    """A function that starts a described service behind TLS; returns its URL and its certificate."""
    running = []

    def start(days=400, name="127.0.0.1"):
        pair = tools.certificate(tmp_path, days=days, name=name)
        running.append(LoopbackService(tls=pair))
        running[-1].describe(dss_description)
        return running[-1].url, pair[0]

    yield start
    for service in running:
        service.close()


def test_a_certificate_that_is_trusted(tls):
    url, bundle = tls()
    rows = looked_at(HCA_DSS_URL=url + AT, REQUESTS_CA_BUNDLE=bundle)
    assert rows["answer"]["state"] == "ok"
    assert rows["certificate"]["state"] == "ok"
    assert "ends in 399 days" in rows["certificate"]["text"] or "ends in 400 days" in rows["certificate"]["text"]


def test_a_certificate_that_ends_soon(tls):
    url, bundle = tls(days=3)
    rows = looked_at(HCA_DSS_URL=url + AT, REQUESTS_CA_BUNDLE=bundle)
    assert (rows["answer"]["state"], rows["certificate"]["state"]) == ("ok", "warning")


def test_a_certificate_that_nobody_has_signed(tls):
    url, _ = tls()
    rows = looked_at(HCA_DSS_URL=url + AT)
    assert rows["answer"]["state"] == "problem"
    assert "certificate" in rows["answer"]["text"]
    assert "REQUESTS_CA_BUNDLE" in rows["answer"]["hint"]


def test_a_certificate_that_has_expired(tls):
    url, bundle = tls(days=-2)
    rows = looked_at(HCA_DSS_URL=url + AT, REQUESTS_CA_BUNDLE=bundle)
    assert "expired" in rows["answer"]["text"]
    assert "operators" in rows["answer"]["hint"]


def test_a_certificate_of_another_host(tls):
    url, bundle = tls(name="127.0.0.2")
    rows = looked_at(HCA_DSS_URL=url + AT, REQUESTS_CA_BUNDLE=bundle)
    assert rows["answer"]["hint"] == "check the URL: the certificate is that of another host"


@pytest.mark.parametrize(("seconds", "told"), [(-7200, "ahead of the service's"), (7200, "behind the service's")])
def test_clocks_that_differ(service, dss_description, seconds, told):
    url = service.describe(dss_description, at="/d.json")
    document = json.dumps(dss_description).encode()
    service.on("GET", AT).reply(body=document, headers={"Date": formatdate(time() + seconds, usegmt=True)})
    rows = looked_at(HCA_DSS_URL=url.replace("/d.json", AT))
    assert rows["answer"]["state"] == "ok"
    assert rows["clock"]["state"] == "warning"
    assert told in rows["clock"]["text"]
    assert rows["clock"]["hint"] == "set the clock of this machine"


def test_a_port_where_nothing_listens():
    rows = looked_at(HCA_DSS_URL="http://127.0.0.1:1")
    assert "connection refused" in rows["answer"]["text"]
    assert "start the service" in rows["answer"]["hint"]


def test_a_host_that_nobody_knows():
    rows = looked_at(HCA_DSS_URL="https://nowhere.invalid")
    assert "name resolution failed" in rows["answer"]["text"]


def test_the_default_that_is_retired_is_not_asked_and_no_problem():
    """Else a fresh install would have problems. That nothing is asked is what the guard of the network tells."""
    rows = looked_at()
    assert rows["address"]["state"] == "skipped"
    assert rows["address"]["text"].endswith("(from packaged defaults) is retired; no other is chosen")
    assert "hca local up" in rows["address"]["hint"]
    assert "answer" not in rows


def test_a_proxy_that_leads_nowhere():
    rows = looked_at(HCA_DSS_URL="https://dss.example.org", HTTPS_PROXY="http://me:word@127.0.0.1:1")
    assert rows["proxy"]["text"] == "requests go through http://***@127.0.0.1:1 (HTTPS_PROXY)"
    assert "proxy" in rows["answer"]["text"]
    assert rows["answer"]["hint"] == "check HTTPS_PROXY, or put the host of the service into NO_PROXY"


def test_a_proxy_without_a_scheme():
    rows = looked_at(HCA_DSS_URL="https://dss.example.org", HTTPS_PROXY="me:s3cret@127.0.0.1:1")
    assert rows["proxy"]["text"] == "requests go through ***@127.0.0.1:1 (HTTPS_PROXY)"
    assert "s3cret" not in str(rows)


def test_a_proxy_that_is_not_asked(dss):
    rows = looked_at(HTTP_PROXY="http://127.0.0.1:1")
    assert "proxy" not in rows
    assert rows["answer"]["state"] == "ok"


def test_a_proxy_that_is_none():
    rows = looked_at(HCA_DSS_URL="https://dss.example.org", HTTPS_PROXY="nonsense://")
    assert rows["proxy"]["text"].endswith("(HTTPS_PROXY)")
    assert rows["answer"]["state"] == "problem"


def test_an_address_that_is_none():
    rows = looked_at(HCA_DSS_URL="https://[::bad")
    assert rows["address"]["state"] == "problem"
    assert "(from HCA_DSS_URL) is no URL" in rows["address"]["text"]
    assert set(rows) == {"address"}


def test_http_to_another_machine_is_not_asked():
    rows = looked_at(HCA_DSS_URL="http://dss.example.org")
    assert rows["address"]["text"].startswith("http://dss.example.org/swagger.json")
    assert "is not https" in rows["dss"]["text"]
    assert "answer" not in rows


@pytest.mark.parametrize("status", [503, 500, 404, 403])
def test_an_error_is_told_and_nothing_is_tried_again(service, status):
    service.on("GET", AT).fail(status, times=9, retry_after=1)
    rows = looked_at(HCA_DSS_URL=service.url + AT)
    assert rows["answer"]["state"] == "problem"
    assert f"HTTP {status}" in rows["answer"]["text"]
    assert ("try again later" in rows["answer"]["hint"]) is (status >= 500)
    assert rows["clock"]["state"] == "ok"
    assert len(service.requests) == 1


@pytest.mark.parametrize("body", [b"<html>Log in to the network</html>", b"[1]", b"", b'{"swagger": '])
def test_something_else_than_a_description(service, body):
    service.on("GET", AT).reply(body=body, headers={"Content-Type": "text/html"})
    rows = looked_at(HCA_DSS_URL=service.url + AT)
    assert rows["answer"]["state"] == "problem"
    assert "answers with text/html" in rows["answer"]["text"]


def test_an_answer_that_breaks_off(service):
    service.on("GET", AT).truncate(5, json={"swagger": "2.0"})
    assert looked_at(HCA_DSS_URL=service.url + AT)["answer"]["state"] == "problem"


def test_who_says_nothing_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        outcome = run_hca(
            *("doctor", "--service", "dss", "--timeout", "0.2", "--query", "[?name=='dss answer']"),
            env={"HCA_DSS_URL": url},
        )
    assert outcome.exit_status == 1
    assert [row["state"] for row in outcome.json()] == ["problem"]


def test_who_sends_a_little_now_and_then_is_given_up(service):
    service.on("GET", AT).slow(600, body=b"{" + b" " * 1000 + b"}")
    words = ("doctor", "--service", "dss", "--timeout", "0.2", "--query", "[?area=='services'].[name, state]")
    outcome = run_hca(*words, env={"HCA_DSS_URL": service.url + AT})
    assert outcome.exit_status == 1
    assert "problem" in {state for _, state in outcome.json()}


def test_how_old_the_kept_description_is(dss):
    assert "description" not in looked_at()
    assert run_hca("dss", "refresh-swagger").exit_status == 0
    assert looked_at()["description"]["text"].endswith(" ago")
