"""Which Azul is meant, where its mirror is, and how often it is asked."""

from __future__ import annotations

import json

import pytest

from hca_azul import config
from hca_core.config import HCAConfig
from hca_core.errors import ConfigError, UsageError


@pytest.fixture
def place(isolated_home):
    """A function that returns the place that a configuration file with these settings tells."""

    def made(url=None, **settings):
        folder = isolated_home / ".config" / "hca"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps({"azul": settings}))
        return config.place(HCAConfig(), url)

    return made


def test_the_defaults_are_those_of_the_human_cell_atlas(place):
    found = place()
    assert found.url == "https://service.azul.data.humancellatlas.org"
    assert found.bucket_url("humancellatlas") == "https://humancellatlas.s3.amazonaws.com"
    assert found.requests_per_minute == 150


def test_a_service_on_this_machine_is_not_paced(place, monkeypatch):
    monkeypatch.setenv("HCA_AZUL_URL", "http://127.0.0.1:8080/")
    monkeypatch.setenv("HCA_AZUL_MIRROR_URL", "http://127.0.0.1:8080/mirror/")
    found = place()
    assert (found.url, found.requests_per_minute) == ("http://127.0.0.1:8080", 0)
    assert found.bucket_url("b") == "http://127.0.0.1:8080/mirror/b"


def test_a_bucket_may_stand_anywhere_in_the_url_of_a_mirror(place):
    assert place(mirror_url="https://{bucket}.example.org/x").bucket_url("b") == "https://b.example.org/x"


@pytest.mark.parametrize(
    "url", ["service", "ftp://x", "https://", "https://x?y", "https://x#y", "http://x:0", "https://["]
)
def test_what_is_no_url(place, url):
    with pytest.raises(UsageError, match="URL"):
        place(url)


def test_a_password_in_the_url_is_refused_and_not_repeated(place):
    with pytest.raises(UsageError) as caught:
        place("https://me:secret@example.org")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [("requests_per_minute", "many"), ("requests_per_minute", -1), ("mirror_url", 5), ("mirror_bucket", "")],
)
def test_settings_that_can_not_be(place, key, value):
    with pytest.raises(ConfigError, match=key):
        place(**{key: value})
