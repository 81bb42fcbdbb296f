"""Which process serves a data directory, and where: what `up`, `down`, `status` and `env` ask for."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from hca_core import versions
from hca_core.files import write_atomic
from hca_local import data_directory, locking
from hca_local.upload.buckets import values as upload

if TYPE_CHECKING:
    from hca_local.data_directory import DataDirectory


@dataclass(frozen=True)
class State:
    """A serving process: the URL of its services, empty while it starts, and those of its S3 and Shock servers.

    Processes of former releases write no `shock_url`; one that still runs has no such server.
    """

    pid: int
    started: str
    url: str = ""
    s3_url: str = ""
    shock_url: str = ""


def begin(directory: DataDirectory) -> State:
    """Write and return the state of this process, which is about to serve. Raises OSError."""
    state = State(os.getpid(), versions.now())
    _write(directory, state)
    return state


def ready(directory: DataDirectory, state: State) -> None:
    """Note that the process of `state` answers at its URLs, also in the configuration for clients. Raises OSError.

    That tells clients the secret of the upload service too, and is for its owner's eyes only. The Shock server is not
    in it: HCA_SHOCK_URL is the one place that names that.
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
        return State(**json.loads(directory.state.read_bytes()))
    except (OSError, ValueError, TypeError):
        return State(0, "")  # it has the lock and writes its state next


def _write(directory: DataDirectory, state: State) -> None:
    write_atomic(directory.state, json.dumps(asdict(state)).encode() + b"\n")
