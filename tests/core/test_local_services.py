"""Services of plugins as the core finds and makes them."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from hca_core import local_services
from hca_core.errors import PluginError, UsageError
from hca_core.local_services import LocalService

pytest_plugins = ["hca_core.testing"]


@pytest.fixture
def weather(tmp_path):
    return LocalService("weather", "http://127.0.0.1:1", tmp_path, True, lambda authorization: None, print)


def test_names_come_from_metadata(plugin, monkeypatch):
    plugin("one", entry_points={"hca.local": {"weather": "nowhere:service", "news": "nowhere:service"}})
    assert local_services.names() == ["news", "weather"]
    monkeypatch.setenv("HCA_PLUGINS_DISABLED", "news")
    assert local_services.names() == ["weather"]


def test_a_plugin_makes_an_application_for_a_service(plugin, weather):
    def made(service):
        return lambda environ, start_response: [service.url.encode()]

    plugin("one", entry_points={"hca.local": {"weather": made}})
    assert local_services.application(weather)({}, None) == [b"http://127.0.0.1:1"]


def test_what_can_not_be_used(plugin, weather):
    def picky(service):
        raise UsageError("no thermometer")

    targets = {"weather": "nowhere:service", "text": lambda service: "text", "own": picky, "value": "os:sep"}
    plugin("one", entry_points={"hca.local": targets})
    for name, sentence in (
        ("weather", "No module named 'nowhere'"),
        ("text", "it returned str, not an application"),
        ("value", "os:sep is not a function"),
    ):
        with pytest.raises(PluginError, match=sentence) as caught:
            local_services.application(replace(weather, name=name))
        assert f"plugin {name!r} (hca-plugin-one 1.0) can't be used" in caught.value.message
        assert caught.value.hint == "pip install -U hca-plugin-one, or pip uninstall hca-plugin-one"
    with pytest.raises(UsageError, match="no thermometer"):
        local_services.application(replace(weather, name="own"))


def test_what_a_service_gets_is_not_changed(weather):
    with pytest.raises(FrozenInstanceError):
        weather.name = "other"
