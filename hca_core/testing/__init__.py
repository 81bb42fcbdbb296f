"""Tools for tests of `hca` and its plugins: a scripted loopback service, an isolated home, `hca` in process, plugins.

Needs pytest. In a plugin's own `conftest.py`:

    pytest_plugins = ["hca_core.testing"]

and its tests have the fixtures `isolated_home`, `service`, `hca` and `plugin`:

    def test_today(service, hca):
        service.on("GET", "/today").reply(json={"sky": "clear"})
        outcome = hca("weather", "today", env={"HCA_WEATHER_URL": service.url})
        assert outcome.json() == {"sky": "clear"}

What every plugin should do is tested by a class that inherits `PluginConformance`.
"""

from hca_core.testing.certificates import certificate
from hca_core.testing.conformance import PluginConformance
from hca_core.testing.fixtures import hca, isolated_home, plugin, pytest_configure, service
from hca_core.testing.isolation import fresh, isolated
from hca_core.testing.loopback import LoopbackService
from hca_core.testing.network import NetworkRefusedError
from hca_core.testing.plugins import Plugins, handed
from hca_core.testing.replies import Reply, Request, Route, reply
from hca_core.testing.running import Outcome, run_hca

__all__ = [
    "LoopbackService",
    "NetworkRefusedError",
    "Outcome",
    "PluginConformance",
    "Plugins",
    "Reply",
    "Request",
    "Route",
    "certificate",
    "fresh",
    "handed",
    "hca",
    "isolated",
    "isolated_home",
    "plugin",
    "pytest_configure",
    "reply",
    "run_hca",
    "service",
]
