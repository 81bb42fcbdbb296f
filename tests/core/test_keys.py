"""Keys that were typed wrongly: what was meant."""

from __future__ import annotations

import pytest

from hca_core import http, keys
from hca_core.config import HCAConfig


def test_these_are_the_fields_of_the_policy():
    """The one that reads them can't be imported by who lists keys."""
    assert http.Policy._fields == keys.PATIENCE


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("http.trys", "http.tries"),
        ("htp.tries", "http.tries"),
        ("HTTP.Tries", "http.tries"),
        ("http.read_timout", "http.read_timeout"),
        ("loglevel", "log_level"),
        ("key_ring", "keyring"),
        ("DSSClient.swagger_uri", "DSSClient.swagger_url"),
        ("dssclient.swagger_url", "DSSClient.swagger_url"),
        ("DSSClient.allow-http", "DSSClient.allow_http"),
        ("upload.bucket_name_templat", "upload.bucket_name_template"),
        ("weather.city", None),
        ("shock.server", None),
        ("upload.areas.dev", None),
        ("http.tries.x", None),
        ("x", None),
    ],
)
def test_the_near_key_is_told(hca, typed, meant):
    outcome = hca("config", "get", typed)
    assert (outcome.exit_status, outcome.stdout) == (4, "")
    told = f"; did you mean {meant}?" if meant else ""
    assert outcome.stderr == f"hca: there is no setting {typed!r}{told}\nnext: hca config list\n"
    kept = hca("config", "set", typed, "5")
    assert kept.exit_status == 0  # unknown keys are legal
    warning = f"hca: {typed} is set, but hca knows no such key; did you mean {meant}?\n" if meant else ""
    assert kept.stderr == warning
    assert hca("config", "get", typed).stdout == "5\n"
    assert hca("config", "set", typed, "6").stderr == ""  # it is known by now


@pytest.mark.parametrize("key", ["http.tries", "profile", "keyring", "DSSClient.allow_http", "DSSClient.tries"])
def test_a_key_that_hca_reads_is_known_and_may_not_be_set(hca, key):
    outcome = hca("config", "get", key)
    assert outcome.exit_status == 4
    assert outcome.stderr == f"hca: {key} is not set; the default of hca counts\nnext: hca config set {key} VALUE\n"
    assert hca("config", "set", key, "lab" if key == "profile" else "1").stderr == ""


def test_known_keys_are_those_of_the_core_and_of_plugins():
    found = keys.known(HCAConfig())
    assert {*keys.CORE, "DSSClient.swagger_url", "DSSClient.allow_http", "upload.production_api_url"} <= set(found)
    assert len(found) == len(set(found))
