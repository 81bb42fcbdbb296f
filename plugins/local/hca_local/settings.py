"""How a deployment behaves: settings that are kept in its data directory."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING

from hca_core.errors import HCAError
from hca_core.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """The settings of one deployment.

    `first_get_redirects` is how many 301 answers come before the first download of a blob (or of a bundle's URLs),
    `retry_after` the seconds that these tell the client to wait, `url_lifetime` the seconds that a signed URL is
    good for, `port` the port of the last start.
    """

    first_get_redirects: int = 1
    retry_after: int = 0
    url_lifetime: int = 3600
    port: int = 0


def load(path: Path) -> Settings:
    """Return the settings in the file `path`, the defaults where it is missing. Raises HCAError if it is damaged."""
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:
        raise HCAError(f"The settings in {path} can't be read: {error}.", hint="correct or delete the file") from error
    if not isinstance(document, dict):
        raise HCAError(f"The settings in {path} are not a JSON object.", hint="correct or delete the file")
    values = {field.name: document[field.name] for field in fields(Settings) if field.name in document}
    wrong = [name for name, value in values.items() if type(value) is not int or value < 0]
    if wrong:
        raise HCAError(f"The setting {wrong[0]!r} in {path} is not a whole number.", hint="correct or delete the file")
    return Settings(**values)


def save(path: Path, settings: Settings) -> None:
    """Write `settings` to the file `path`. Raises OSError."""
    write_atomic(path, json.dumps(asdict(settings), indent=2).encode() + b"\n")


def changed(settings: Settings, given: Mapping[str, int | None]) -> Settings:
    """Return `settings` with those of the `given` values that are not None."""
    return replace(settings, **{name: value for name, value in given.items() if value is not None})
