"""Environment variables that let `hca`, boto3 and aws-cli use a deployment, and lines for a POSIX shell to set them."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from hca_local import data_directory, settings
from hca_local.azul.storage import hosts
from hca_local.staging.values import REGION

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from hca_local.data_directory import DataDirectory
    from hca_local.state import State

_SAVED = "HCA_LOCAL_SAVED_"
# Which variables were set, because others of the same names may be the user's own.
_SET = "HCA_LOCAL_SET"
_SERVICE_URL = re.compile(r"HCA_.*_URL")


def variables(directory: DataDirectory, state: State) -> dict[str, str | None]:
    """Return the variables for the deployment that serves `directory`; None is for one that must not be set.

    Raises HCAError, OSError.
    """
    found: dict[str, str | None] = {
        "HCA_CONFIG_FILE": str(directory.config),
        "HCA_CREDENTIALS_FILE": str(directory.credentials),
        "HCA_AUTH_URL": None,
        "HCA_PROFILE": None,
        "HCA_DSS_URL": None,
        "HCA_UPLOAD_URL": None,
        "HCA_SHOCK_URL": state.shock_url or None,
        "HCA_AZUL_TOKEN": None,
        "HCA_AZUL_URL": state.azul_url or None,
        "HCA_AZUL_MIRROR_URL": f"{hosts.beside(state.azul_url)}/mirror" if state.azul_url else None,
        data_directory.VARIABLE: str(directory.root),
        **{f"HCA_{name.upper()}_URL": one.url for name, one in state.services.items() if one.url},
        "AWS_ENDPOINT_URL_S3": state.s3_url,
    }
    if settings.load(directory.settings).s3_endpoint:
        return found  # somebody else's server: the user's own keys open it
    key = data_directory.access_key(directory)
    return found | {
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        # aws-cli 2 would send a checksum that the server does not know, unasked.
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_SESSION_TOKEN": None,
        "AWS_PROFILE": None,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": None,
    }


def private(directory: DataDirectory, state: State, environment: Mapping[str, str]) -> dict[str, str]:
    """Return `environment`, changed so that `hca` knows the deployment that serves `directory` and no other service.

    Raises HCAError, OSError.
    """
    wanted = variables(directory, state)
    kept = {
        name: value
        for name, value in environment.items()
        if not _SERVICE_URL.fullmatch(name) and name != "HCA_TOKEN" and name not in wanted
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    return kept | given | {"HCA_CACHE_DIR": str(directory.cache)}


def use(wanted: Mapping[str, str | None], environment: Mapping[str, str]) -> list[str]:
    """Return the lines that set the `wanted` variables; what `environment` has in their place is saved.

    What an earlier use of another deployment has set is taken back.
    """
    before = _before(environment)
    given = {name: value for name, value in wanted.items() if value is not None}
    replaced = [name for name, value in wanted.items() if before.get(name, value) != value]
    saved = {_SAVED + name: before[name] for name in replaced}
    kept = {name: value for name, value in before.items() if name not in wanted}
    after = {**kept, **saved, **given, _SET: " ".join(given)}
    return _changes(environment, after, always=given)


def undo(environment: Mapping[str, str]) -> list[str]:
    """Return the lines that take back what those of `use` have done; none if they have not been run."""
    return _changes(environment, _before(environment))


def _before(environment: Mapping[str, str]) -> dict[str, str]:
    """Return `environment` as it was before the lines of `use`."""
    ours = environment.get(_SET, "").split()
    found = {
        name: value
        for name, value in environment.items()
        if name not in ours and name != _SET and not name.startswith(_SAVED)
    }
    saved = {name.removeprefix(_SAVED): value for name, value in environment.items() if name.startswith(_SAVED)}
    return found | saved


def _changes(now: Mapping[str, str], then: Mapping[str, str], always: Collection[str] = ()) -> list[str]:
    """Return the lines that make the environment `then` out of `now`; those for `always` are there in any case."""
    lines = [_export(name, value) for name, value in then.items() if name in always or now.get(name) != value]
    return [*lines, *(f"unset {name}" for name in now if name not in then)]


def _export(name: str, value: str) -> str:
    return f"export {name}={shlex.quote(value)}"
