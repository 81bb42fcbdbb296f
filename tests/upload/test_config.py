"""Addresses of areas, and the areas that the configuration keeps: who is selected, which alias means whom."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from hca.upload import UploadAreaURI, UploadConfig, UploadException
from hca_core import paths
from hca_core.config import HCAConfig
from hca_core.errors import ConfigError, NotFoundError, UsageError

AREA = "aaaaaaaa-1111-2222-3333-444444444444"
OTHER = "aaaabbbb-1111-2222-3333-444444444444"
URI = f"s3://org-humancellatlas-upload-local/{AREA}/"
DEV = f"s3://org-humancellatlas-upload-dev/{OTHER}/"


def file() -> dict[str, object]:
    """Return what the user's own configuration file holds."""
    return json.loads(Path(paths.config_file()).read_text())


def fresh() -> UploadConfig:
    """Return the configuration as another process reads it."""
    return UploadConfig(HCAConfig())


def known(*uris: str) -> UploadConfig:
    config = fresh()
    for uri in uris:
        config.add_area(UploadAreaURI(uri))
    return config


@pytest.mark.parametrize("text", [URI, URI.rstrip("/")])
def test_an_address_has_bucket_stage_and_uuid(text):
    uri = UploadAreaURI(text)
    assert (uri.bucket_name, uri.deployment_stage, uri.area_uuid) == (URI.split("/")[2], "local", AREA)
    assert str(uri) == uri.uri == URI
    assert uri == UploadAreaURI(URI)
    assert uri != UploadAreaURI(DEV)
    assert len({uri, UploadAreaURI(URI)}) == 1


def test_the_stage_is_what_follows_the_last_hyphen():
    assert UploadAreaURI(f"s3://a-b.c-staging2/{AREA}/").deployment_stage == "staging2"


@pytest.mark.parametrize(
    "text",
    [
        *("", "s3://bad", "s3://", AREA, f"s3://bucket/{AREA}/", f"http://a-dev/{AREA}/", f"s3://a-dev/{AREA}/x"),
        *(f"s3://a-dev/{AREA}//", f"s3://a-dev/{AREA[:-1]}/", f"s3://a-dev/{AREA}\n", f"s3://a-dev/{AREA}/\n"),
        *(
            f"s3://x-evil.org/{AREA}/",
            f"s3://x-a@b/{AREA}/",
            f"s3://x-DEV/{AREA}/",
            f"s3://a-dev/../{AREA}/",
            "s3://a-b/..//",
        ),
        f"s3://x-dev?/{AREA}/",
    ],
)
def test_anything_else_is_one_clear_mistake(text):
    with pytest.raises(UsageError, match="is not the address of an upload area") as caught:
        UploadAreaURI(text)
    assert isinstance(caught.value, UploadException)
    assert caught.value.exit_status == 2


def test_to_look_writes_nothing():
    config = fresh()
    assert (config.areas, config.current_area) == ({}, None)
    with pytest.raises(UsageError, match="no upload area is selected"):
        config.area_uri()
    assert not os.path.exists(paths.config_file())


def test_added_selected_and_forgotten_areas_are_kept_at_once():
    config = known(URI, DEV)
    config.select_area(AREA)
    assert fresh().areas == config.areas == {AREA: {"uri": URI}, OTHER: {"uri": DEV}}
    assert fresh().current_area == config.current_area == AREA
    assert fresh().area_uri() == UploadAreaURI(URI)
    assert stat.S_IMODE(os.stat(paths.config_file()).st_mode) == 0o600
    config.forget_area(OTHER)
    assert fresh().areas == config.areas == {AREA: {"uri": URI}}
    assert fresh().current_area == AREA
    config.forget_area(AREA)
    assert (fresh().areas, fresh().current_area, config.current_area) == ({}, None, None)


def test_a_known_area_in_another_bucket_gets_the_new_address():
    moved = URI.replace("local", "dev")
    assert known(URI, moved).areas == fresh().areas == {AREA: {"uri": moved}}


def test_what_else_is_in_the_file_stays_and_what_was_assigned_is_not_written():
    os.makedirs(paths.config_dir())
    Path(paths.config_file()).write_text(
        '{"DSSClient": {"x": 1}, "upload": {"bucket_name_template": "b-{deployment_stage}"}}'
    )
    settings = HCAConfig()
    settings.assign("profile", "ann")
    UploadConfig(settings).add_area(UploadAreaURI(URI))
    assert file() == {
        "DSSClient": {"x": 1},
        "upload": {"bucket_name_template": "b-{deployment_stage}", "areas": {AREA: {"uri": URI}}},
    }


def test_save_writes_what_was_assigned():
    settings = HCAConfig()
    settings.assign("upload.api_keys.dev", "K")
    UploadConfig(settings).save()
    assert file() == {"upload": {"api_keys": {"dev": "K"}}}


def test_many_at_once_lose_nothing():
    """UploadConfig of many processes: here threads with configurations of their own, all read before any is written."""
    uris = [f"s3://a-dev/{number:08}-1111-2222-3333-444444444444/" for number in range(12)]
    configs = [fresh() for _ in uris]
    threads = [
        threading.Thread(target=c.add_area, args=(UploadAreaURI(u),)) for c, u in zip(configs, uris, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(area["uri"] for area in fresh().areas.values()) == uris


def test_unknown_areas_can_be_neither_selected_nor_forgotten():
    config = known(URI)
    for refused in (config.select_area, config.forget_area, config.area_uri):
        with pytest.raises(NotFoundError, match="is not one of yours"):
            refused(OTHER)
    assert file() == {"upload": {"areas": {AREA: {"uri": URI}}}}


def test_an_alias_is_a_literal_beginning():
    config = known(URI, DEV)
    assert config.find("aaaaa") == config.find(AREA) == AREA
    assert config.find("aaaab") == OTHER
    assert (config.alias(AREA), config.alias(OTHER)) == ("aaaaa", "aaaab")
    assert known(f"s3://a-dev/b{AREA[1:]}/").alias(f"b{AREA[1:]}") == "b"
    for alias in ("a(", ".", "a.*", "1111", "", "AAAAA", f"{AREA}/"):
        with pytest.raises(NotFoundError):
            config.find(alias)
    for alias in ("a", "aaaa"):
        with pytest.raises(UsageError, match="beginning of 2 of your upload areas"):
            config.find(alias)


def test_the_only_area_has_an_alias_of_one_character():
    assert known(URI).alias(AREA) == "a"


@pytest.mark.parametrize(
    ("name", "stage", "expected"),
    [
        (None, None, URI),
        (None, "dev", URI.replace("local", "dev")),
        ("aaaab", None, DEV),
        ("aaaab", "prod", DEV.replace("dev", "prod")),
        (OTHER, None, DEV),
        (OTHER, "dev", DEV),
        (OTHER, "local", DEV.replace("dev", "local")),
        ("c" + AREA[1:], None, URI.replace("/a", "/c")),
        ("c" + AREA[1:], "dev", URI.replace("/a", "/c").replace("local", "dev")),
        (f"s3://mine-dev/{AREA}", None, f"s3://mine-dev/{AREA}/"),
        (f"s3://mine-dev/{AREA}", "dev", f"s3://mine-dev/{AREA}/"),
    ],
)
def test_which_area_is_meant(name, stage, expected):
    config = known(URI, DEV)
    config.select_area(AREA)
    assert config.resolve(name, stage).uri == expected


@pytest.mark.parametrize(
    ("name", "stage"), [(None, None), (None, "dev"), (AREA, None), (AREA, "x/y"), (URI, "dev"), ("s3:x", None)]
)
def test_without_a_selection_it_must_be_told(name, stage):
    with pytest.raises(UsageError):
        fresh().resolve(name, stage)
    assert fresh().resolve(AREA, "dev").uri == URI.replace("local", "dev")


def test_where_the_service_is(monkeypatch):
    config = fresh()
    assert config.api_url("prod") == "https://upload.data.humancellatlas.org/v1"
    assert config.api_url("dev") == "https://upload.dev.data.humancellatlas.org/v1"
    with pytest.raises(UsageError):
        config.api_url("dev.evil.org/")
    monkeypatch.setenv("HCA_UPLOAD_URL", "http://127.0.0.1:1/v1/")
    assert fresh().api_url("prod") == fresh().api_url("dev") == "http://127.0.0.1:1/v1"


def test_a_key_is_that_of_its_stage():
    settings = HCAConfig()
    settings.assign("upload.api_keys.dev", "K")
    assert UploadConfig(settings).api_key("dev") == "K"
    assert UploadConfig(settings).api_key("prod") is None


@pytest.mark.parametrize(
    ("section", "ask"),
    [
        ({"areas": ["x"]}, lambda config: config.areas),
        ({"areas": {AREA: "x"}}, lambda config: config.areas),
        ({"areas": {AREA: {}}}, lambda config: config.area_uri(AREA)),
        ({"areas": {AREA: {"uri": "s3://bad"}}}, lambda config: config.area_uri(AREA)),
        ({"current_area": 7}, lambda config: config.current_area),
        ({"s3_endpoint_url": {"a": 1}}, lambda config: config.s3_endpoint_url),
        ({"preprod_api_url_template": ""}, lambda config: config.api_url("dev")),
        ({"api_keys": {"dev": 123456}}, lambda config: config.api_key("dev")),
    ],
)
def test_a_configuration_that_makes_no_sense_is_told(section, ask):
    os.makedirs(paths.config_dir())
    Path(paths.config_file()).write_text(json.dumps({"upload": section}))
    with pytest.raises(ConfigError, match=r"upload\."):
        ask(fresh())


def test_an_area_with_a_bad_address_can_be_forgotten():
    """The old client kept `select s3://bad` as the area "" (legacy notes §6)."""
    os.makedirs(paths.config_dir())
    Path(paths.config_file()).write_text(
        json.dumps({"upload": {"areas": {"": {"uri": "s3://bad/"}}, "current_area": ""}})
    )
    config = fresh()
    config.forget_area(config.find(""))
    assert file()["upload"].get("areas", {}) == {}


def test_what_another_file_says_is_not_changed_behind_its_back(monkeypatch, tmp_path):
    overlay = tmp_path / "overlay.json"
    overlay.write_text(json.dumps({"upload": {"areas": {OTHER: {"uri": DEV}}, "current_area": OTHER}}))
    monkeypatch.setenv("HCA_CONFIG_FILE", str(overlay))
    config = known(URI)
    assert config.current_area == OTHER
    for refused in (lambda: config.select_area(AREA), lambda: config.forget_area(OTHER)):
        with pytest.raises(ConfigError, match=f"set in {overlay}"):
            refused()
    config.forget_area(AREA)
    assert fresh().areas == {OTHER: {"uri": DEV}}


def test_the_users_own_file_named_as_an_overlay_is_still_the_users_own(monkeypatch):
    known(URI).select_area(AREA)
    monkeypatch.setenv("HCA_CONFIG_FILE", paths.config_file())
    fresh().forget_area(AREA)
    assert fresh().areas == {}
