"""Which process serves a data directory, and where: what `up`, `down`, `status` and `env` ask for."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from hca_core import versions
from hca_core.files import write_atomic
from hca_local import data_directory, locking
from hca_local.upload.buckets import values as upload

if TYPE_CHECKING:
    from hca_local.data_directory import DataDirectory


@dataclass(frozen=True)
class ServiceState:
    """A service of a plugin: its `url` if it runs, or the `problem` that it has, a sentence."""

    url: str = ""
    problem: str = ""


@dataclass(frozen=True)
class State:
    """A serving process: the URL of its services, empty while it starts, and those of its S3, Shock and Azul servers.

    `services` are those of plugins, by name. Processes of former releases write no `shock_url` or `azul_url`; one that
    still runs has no such server.
    """

    pid: int
    started: str
    url: str = ""
    s3_url: str = ""
    shock_url: str = ""
    azul_url: str = ""
    services: dict[str, ServiceState] = field(default_factory=dict)

    @property
    def others(self) -> list[str]:
        """The URLs besides `url` where tokens of the deployment are good."""
        return [one for one in (self.azul_url, *(service.url for service in self.services.values())) if one]


def begin(directory: DataDirectory) -> State:
    """Write and return the state of this process, which is about to serve. Raises OSError."""
    state = State(os.getpid(), versions.now())
    _write(directory, state)
    return state


def tell_clients(directory: DataDirectory, state: State) -> None:
    """Write the configuration for clients of the process of `state`. Raises OSError.

    It holds the secret of the upload service too, and is for its owner's eyes only. The Shock and Azul servers and the
    services of plugins are not in it: HCA_SHOCK_URL and its like are the one place that names those.
    """
    config = {
        "AuthClient": {"swagger_url": f"{state.url}/swagger.json"},
        "DSSClient": {"swagger_url": f"{state.url}/v1/swagger.json"},
        "upload": {
            "preprod_api_url_template": f"{state.url}/v1",
            "s3_endpoint_url": state.s3_url,
            "api_keys": {upload.STAGE: data_directory.api_key(directory)},
        },
    }
    write_atomic(directory.config, json.dumps(config, indent=2).encode() + b"\n")


def ready(directory: DataDirectory, state: State) -> None:
    """Note that the process of `state` answers at its URLs. Raises OSError."""
    _write(directory, state)


def clear(directory: DataDirectory) -> None:
    """Remove the state: nobody serves any more. Raises OSError."""
    directory.state.unlink(missing_ok=True)


def current(directory: DataDirectory) -> State | None:
    """Return the state of the process that serves `directory` now, None if there is none.

    The lock decides, not the file: it may be there after a kill, and its process number may be somebody else's.
    """
    if not locking.is_held(directory.lock):
        return None
    try:
        document = json.loads(directory.state.read_bytes())
        services = {name: ServiceState(**one) for name, one in document.pop("services", {}).items()}
        return State(**document, services=services)
    except (OSError, ValueError, TypeError, AttributeError):
        return State(0, "")  # it has the lock and writes its state next


def _write(directory: DataDirectory, state: State) -> None:
    write_atomic(directory.state, json.dumps(asdict(state)).encode() + b"\n")
