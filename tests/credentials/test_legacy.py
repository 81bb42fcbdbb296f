"""The login of older clients, which lies in the configuration."""

from __future__ import annotations

import json
import os
import stat
import time

import pytest

from hca_core import paths
from hca_core.credentials import entries
from hca_core.credentials.bearer import Bearer
from hca_core.credentials.values import Need
from hca_core.errors import ConfigError

DSS, AUTH = "https://dss.example.org/v1/swagger.json", "https://auth.example.org/swagger.json"


@pytest.fixture
def old(isolated_home, provider, jwt):
    """Write the configuration as an older client left it; return a function that does it with changes."""

    def write(path=None, **changes):
        token = {
            "access_token": jwt(email="ann@example.org", exp=time.time() + 3600),
            "refresh_token": provider.good,
            "id_token": "identity-token",
            "expires_at": "-1",
            "token_type": "Bearer",
        }
        document = {
            "log_level": "INFO",
            "DSSClient": {"swagger_url": DSS},
            "AuthClient": {"swagger_url": AUTH},
            "oauth2_token": token,
            "application_secrets": {
                "installed": {"client_id": "hca", "client_secret": "s3", "token_uri": provider.url}
            },
            **changes,
        }
        path = path or paths.config_file()
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as stream:
            json.dump({name: value for name, value in document.items() if value is not None}, stream)
        return token["access_token"]

    return write


def test_it_is_moved_to_a_file_of_its_own(old):
    token = old()
    assert Bearer(Need("dss", DSS))() == token
    with open(paths.config_file()) as stream:
        rest = json.load(stream)
    assert rest == {"log_level": "INFO", "DSSClient": {"swagger_url": DSS}, "AuthClient": {"swagger_url": AUTH}}
    assert stat.S_IMODE(os.stat(paths.config_file()).st_mode) == 0o600
    assert set(entries.read(entries.path(), "default")) == {"https://dss.example.org", "https://auth.example.org"}
    assert Bearer(Need("auth", AUTH))() == token


def test_it_goes_to_the_hosts_it_was_for_only(old):
    old()
    assert Bearer(Need("dss", "https://evil.example.org/v1/swagger.json")).credential() is None


def test_it_is_renewed_with_what_the_older_client_knew(old, jwt, provider):
    old(oauth2_token={"access_token": jwt(exp=time.time() - 5), "refresh_token": provider.good, "expires_at": "-1"})
    assert Bearer(Need("dss", DSS))()
    assert [(form["client_id"], form["client_secret"]) for form in provider.forms] == [("hca", "s3")]


def test_without_a_url_it_is_for_the_packaged_places(old):
    token = old(DSSClient=None, AuthClient=None)
    assert Bearer(Need("dss", DSS)).credential() is None
    assert Bearer(Need("dss", "https://dss.data.humancellatlas.org/v1/swagger.json"))() == token


def test_what_is_kept_already_stays(old):
    entries.keep(DSS, "default", entries.Entry("newer"))
    old()
    assert Bearer(Need("dss", DSS))() == "newer"


def test_an_overlay_is_read_and_never_changed(old, tmp_path, monkeypatch):
    overlay = tmp_path / "overlay.json"
    token = old(str(overlay))
    before = overlay.read_bytes()
    monkeypatch.setenv("HCA_CONFIG_FILE", str(overlay))
    assert Bearer(Need("dss", DSS))() == token
    assert overlay.read_bytes() == before
    assert not os.path.exists(entries.path())


def test_it_is_for_the_default_profile_only(old, tmp_path, monkeypatch):
    monkeypatch.setenv("HCA_CONFIG_FILE", str(tmp_path / "overlay.json"))
    old(str(tmp_path / "overlay.json"))
    assert Bearer(Need("dss", DSS, profile="lab")).credential() is None


def test_one_of_an_overlay_is_kept_here_once_it_was_renewed(old, tmp_path, monkeypatch, jwt, provider):
    """Its refresh token may be good for one renewal only."""
    overlay = tmp_path / "overlay.json"
    token = {"access_token": jwt(exp=time.time() - 5), "refresh_token": provider.good, "expires_at": "-1"}
    old(str(overlay), oauth2_token=token)
    before = overlay.read_bytes()
    monkeypatch.setenv("HCA_CONFIG_FILE", str(overlay))
    first = Bearer(Need("dss", DSS))()
    assert Bearer(Need("dss", DSS))() == first
    assert (len(provider.forms), overlay.read_bytes()) == (1, before)


def test_one_that_cannot_be_moved_is_used_where_it_is(old, monkeypatch, caplog):
    token = old()

    def refused(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(entries.files, "write_atomic", refused)
    assert Bearer(Need("dss", DSS))() == token
    assert "can't be moved" in caplog.text


@pytest.mark.parametrize("token", ["text", {}, {"access_token": 1}, {"access_token": None}, []])
def test_what_is_no_login_is_none(old, token):
    old(oauth2_token=token)
    assert Bearer(Need("dss", DSS)).credential() is None


def test_a_broken_configuration_is_told_and_stays(old):
    old()
    with open(paths.config_file(), "w") as stream:
        stream.write("{")
    with pytest.raises(ConfigError, match="not JSON"):
        Bearer(Need("dss", DSS))()
    with open(paths.config_file()) as stream:
        assert stream.read() == "{"
