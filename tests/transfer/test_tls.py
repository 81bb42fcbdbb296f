"""Fetching over TLS: who can't be trusted gets no second chance, and a connection that breaks is no end of a file."""

from __future__ import annotations

import time

import pytest
import transfer_faults as faults
import transfer_tools as tools
from transfer_server import Server

from hca_core.errors import NetworkError

SMALL = tools.noise(90_000, "small")
LARGE = tools.noise(1_500_000, "large")
CONTENTS = {"/small": SMALL, "/large": LARGE}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A certificate for 127.0.0.1 and its key."""
    return tools.certificate(tmp_path_factory.mktemp("certificate"))


def refused(tmp_path, monkeypatch, own, trusted, record, fault):
    """Fetch from a server with a certificate that is not to be trusted: it fails at once, and nothing was asked."""
    if trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", trusted)
    with Server(own) as server, tools.Remote(server.url, tmp_path / "got") as remote:
        for path, data in CONTENTS.items():
            server.put(path, data)
        begun = time.monotonic()
        for path, data in CONTENTS.items():
            error = remote.fails(remote.file(path, data), NetworkError, retries=10, min_delay=20)
            assert error.exit_status == 5
            assert "certificate" in str(error)
        assert time.monotonic() - begun < 15  # no wait, so no second try
        assert server.requests == []
    assert tools.left_over(tmp_path) == []
    record(fault, 2, "exit 5 at once")


def test_a_certificate_that_nobody_trusts(tmp_path, monkeypatch, pair, record):
    refused(tmp_path, monkeypatch, pair, "", record, "TLS: an unknown certificate")


def test_a_certificate_of_another_host(tmp_path, monkeypatch, record):
    other = tools.certificate(tmp_path / "other", name="127.0.0.2")
    refused(tmp_path, monkeypatch, other, other[0], record, "TLS: a certificate of another host")


def test_a_certificate_that_has_expired(tmp_path, monkeypatch, record):
    old = tools.certificate(tmp_path / "old", days=-1)
    refused(tmp_path, monkeypatch, old, old[0], record, "TLS: an expired certificate")


def test_a_server_that_speaks_no_tls(server, tmp_path, record):
    with tools.Remote(server.url.replace("http:", "https:"), tmp_path / "got") as remote:
        begun = time.monotonic()
        for path, data in CONTENTS.items():
            error = remote.fails(remote.file(path, data), NetworkError, retries=10, min_delay=20)
            assert error.exit_status == 5
        assert time.monotonic() - begun < 15
    record("TLS: a server that speaks none", 2, "exit 5 at once")


@pytest.fixture
def trusted(pair, monkeypatch, tmp_path):
    """A server with a certificate that is trusted, and files from it."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", pair[0])
    with Server(pair) as server, tools.Remote(server.url, tmp_path / "got") as remote:
        yield server, remote


@pytest.mark.parametrize(
    "fault",
    [faults.whole, faults.drop, faults.half, faults.reset(40_000), faults.unmeasured(40_000)],
    ids=["whole", "dropped", "half", "reset", "cut without a length"],
)
def test_what_breaks_over_tls_arrives(trusted, record, fault):
    server, remote = trusted
    for path, data in CONTENTS.items():
        server.put(path, data, fault)
    remote.arrive(CONTENTS)
    record("TLS: connections that break", 2, "arrives")


def test_a_redirect_from_tls_to_none_is_not_followed(trusted, server, record):
    secure, remote = trusted
    for path, data in CONTENTS.items():
        secure.put(path, data, always=faults.redirect(server.url + path))
        server.put(path, data)
        (result,) = remote.fetch(remote.file(path, data), retries=1)
        assert result.status == "failed"
        assert "https" in str(result.error)
    assert server.requests == []
    record("TLS: a redirect to plain http", 2, "one sentence")
