"""Environment variables that let `hca`, boto3 and aws-cli use a deployment, and lines for a POSIX shell to set them."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from hca_local import data_directory, settings
from hca_local.sources import REGION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hca_local.data_directory import DataDirectory
    from hca_local.state import State

_SAVED = "HCA_LOCAL_SAVED_"
# Which variables were set, because others of the same names may be the user's own.
_SET = "HCA_LOCAL_SET"


def variables(directory: DataDirectory, state: State) -> dict[str, str | None]:
    """Return the variables for the deployment that serves `directory`; None is for one that must not be set.

    Raises HCAError, OSError.
    """
    found: dict[str, str | None] = {
        "HCA_CONFIG_FILE": str(directory.config),
        "HCA_CREDENTIALS_FILE": str(directory.credentials),
        "HCA_DSS_URL": None,
        "AWS_ENDPOINT_URL_S3": state.s3_url,
    }
    if settings.load(directory.settings).s3_endpoint:
        return found  # somebody else's server: the user's own keys open it
    key = data_directory.access_key(directory)
    return found | {
        "AWS_ACCESS_KEY_ID": key.key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        # aws-cli 2 would send a checksum that the server does not know, unasked.
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_SESSION_TOKEN": None,
        "AWS_PROFILE": None,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": None,
    }


def use(wanted: Mapping[str, str | None], environment: Mapping[str, str]) -> list[str]:
    """Return the lines that set the `wanted` variables; what `environment` has in their place is saved."""
    ours = environment.get(_SET, "").split()
    lines = []
    for name, value in wanted.items():
        before = environment.get(name)
        if before not in (None, value) and name not in ours:
            lines.append(_export(_SAVED + name, str(before)))
        if value is not None:
            lines.append(_export(name, value))
        elif before is not None:
            lines.append(f"unset {name}")
    names = [name for name, value in wanted.items() if value is not None]
    return [*lines, _export(_SET, " ".join(names))]


def undo(environment: Mapping[str, str]) -> list[str]:
    """Return the lines that take back what those of `use` have done; none if they have not been run."""
    saved = {name.removeprefix(_SAVED): value for name, value in environment.items() if name.startswith(_SAVED)}
    lines = [f"unset {name}" for name in environment.get(_SET, "").split() if name not in saved]
    lines += [_export(name, value) for name, value in saved.items()]
    return [*lines, *(f"unset {name}" for name in environment if name == _SET or name.startswith(_SAVED))]


def _export(name: str, value: str) -> str:
    return f"export {name}={shlex.quote(value)}"
