"""Layered configuration: packaged < site < user < files of HCA_CONFIG_FILE < profile < HCA_<NAME>_URL < assigned.

Reading and assigning never write a file; `HCAConfig.save()` writes what was assigned, to the user's own layer only.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import cache
from typing import Any

from hca_core import files, locking, log, paths, profiles
from hca_core.errors import ConfigError, HCAError
from hca_core.merge import KeyPath, Merger

CORE_DEFAULTS: dict[str, Any] = {"log_level": "INFO"}
ASSIGNED = "assigned in this process"
SECRETS = ("token", "secret", "password", "api_key", "private_key")  # parts of the names of keys
_PATIENCE_SECONDS = 20.0  # for others who write the file; each takes milliseconds
_DELETED = object()


class Section(MutableMapping[str, Any]):
    """A view of one dictionary of the configuration; keys are items and attributes alike."""

    def __init__(self, root: HCAConfig, path: KeyPath) -> None:
        object.__setattr__(self, "_root", root)
        object.__setattr__(self, "_path", path)

    _root: HCAConfig
    _path: KeyPath

    def _node(self) -> dict[str, Any]:
        node: Any = self._root._merged()
        for key in self._path:
            node = node.get(key) if isinstance(node, dict) else None
        return node if isinstance(node, dict) else {}

    def __getitem__(self, key: str) -> Any:
        value = self._node()[key]
        return Section(self._root, (*self._path, key)) if isinstance(value, dict) else value

    def __setitem__(self, key: str, value: Any) -> None:
        self._root._assign((*self._path, key), plain(value))

    def __delitem__(self, key: str) -> None:
        if key not in self._node():
            raise KeyError(key)
        self._root._assign((*self._path, key), _DELETED)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._node()))

    def __len__(self) -> int:
        return len(self._node())

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no setting {'.'.join((*self._path, name))!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({redacted(self._node(), '.'.join(self._path))!r})"


class HCAConfig(Section):
    """The whole configuration, read from all its layers when made.

        config = HCAConfig()
        config["WeatherClient"].swagger_url = "https://weather.example.org/v1/swagger.json"

    `name` stands for compatibility with the published signature, `files` (as `read_files` returns them) in place of
    those in force; `profile` beats HCA_PROFILE. Raises ConfigError if a file can't be used.
    """

    def __init__(
        self, name: str = "hca", *, files: list[tuple[str, dict[str, Any]]] | None = None, profile: str | None = None
    ) -> None:
        super().__init__(self, ())
        object.__setattr__(self, "_files", read_files() if files is None else files)
        object.__setattr__(self, "_sections", {})
        object.__setattr__(self, "_changes", {})
        object.__setattr__(self, "_merger", None)
        object.__setattr__(self, "_profile", profile)

    _files: list[tuple[str, dict[str, Any]]]
    _sections: dict[str, tuple[dict[str, Any], dict[str, Any]]]  # section -> packaged defaults, environment
    _changes: dict[KeyPath, Any]
    _merger: Merger | None
    _profile: str | None

    @property
    def profile_said(self) -> Any:
        """The profile in force, as it was said: assigned, else `HCA_PROFILE`, else `profile` in the files."""
        if self._profile_assigned is not None:
            return self._profile_assigned
        in_files = [data["profile"] for _, data in self._files if data.get("profile")]
        return os.environ.get(profiles.VARIABLE) or (in_files or [profiles.DEFAULT])[-1]

    @property
    def is_profile_of_this_run(self) -> bool:
        """Whether the profile was said for this run, and not in a file."""
        return self._profile_assigned is not None or bool(os.environ.get(profiles.VARIABLE))

    @property
    def _profile_assigned(self) -> Any:
        assigned = self._changes.get(("profile",), self._profile)
        return None if assigned is _DELETED else assigned

    def __getitem__(self, key: str) -> Any:
        self._ensure(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        if isinstance(key, str):
            self._ensure(key)
        return super().__contains__(key)

    def lookup(self, dotted: str, default: Any = None) -> Any:
        """Return the value at a `dotted` key such as "WeatherClient.swagger_url", or `default` if there is none."""
        node: Any = self
        for key in dotted.split("."):
            if not isinstance(node, Section) or key not in node:
                return default
            node = node[key]
        return plain(node)

    def packaged_default(self, section: str, key: str) -> Any:
        """Return what the plugin of a service section ships for `key`, whatever other layers say; None if nothing."""
        self._ensure(section)
        defaults, _ = self._sections.get(section, ({}, {}))
        return defaults.get(key)

    def assign(self, dotted: str, value: Any) -> None:
        """Set the value at a `dotted` key in this object; nothing is written."""
        self._assign(tuple(dotted.split(".")), plain(value))

    def remove(self, dotted: str) -> None:
        """Take the value at a `dotted` key out of this object; nothing is written."""
        self._assign(tuple(dotted.split(".")), _DELETED)

    def origin(self, key: str | KeyPath) -> str | None:
        """Return which layer a value comes from: a file, a variable, "packaged defaults", or None if it is not set.

        Parameters: `key` is dotted, or a tuple where there are dots in its parts.
        """
        path = tuple(key.split(".")) if isinstance(key, str) else key
        self._ensure(path[0])
        if any(path[: length + 1] in self._changes for length in range(len(path))):
            return ASSIGNED
        return self._layers().origins.get(path)

    def include_plugins(self) -> None:
        """Take in the packaged defaults of every installed plugin, as `hca config list` shows them."""
        from hca_core import discover

        for service in discover.installed(discover.PLUGINS):
            for section in _defaults(service):
                self._ensure(section)

    @property
    def notes(self) -> list[str]:
        """What a reader should know about the layers: operators that met no list, and the like."""
        return self._layers().notes

    def save(self) -> None:
        """Write what was assigned to the user's own file, atomically, mode 0600; other layers stay as they are.

        Where a profile is in force it is written for that one only.
        Raises ConfigError if that file is not JSON (it is then left alone) or can't be written.
        """
        profile = profiles.name_of(self)

        def change(data: dict[str, Any]) -> None:
            for path, value in self._changes.items():
                _put(data, profiles.place(path, profile), value)

        change_user_file(change)
        object.__setattr__(self, "_files", read_files())
        object.__setattr__(self, "_changes", {})
        object.__setattr__(self, "_merger", None)

    def _ensure(self, section: str) -> None:
        """Bring in a service section's packaged defaults and environment when it is first asked for.

        The section of service "weather" is "WeatherClient", or "weather" where it was published as that, so only that
        plugin is loaded, not every installed one.
        """
        if section in self._sections or not _is_of_a_service(section):
            return
        service = section.removesuffix("Client")
        self._sections[section] = {}, {}  # marked first: a plugin that reads the configuration must not come back here
        defaults = dict(_defaults(service.lower()).get(section, {}))
        self._sections[section] = defaults, _environment(service, defaults)
        object.__setattr__(self, "_merger", None)

    def _layers(self) -> Merger:
        merger = self._merger
        if merger is None:
            merger = Merger()
            merger.add("packaged defaults", copy.deepcopy(CORE_DEFAULTS))
            for section, (defaults, _) in self._sections.items():
                merger.add("packaged defaults", {section: copy.deepcopy(defaults)} if defaults else {})
            for name, data in self._files:
                merger.add(name, copy.deepcopy({key: value for key, value in data.items() if key != "profiles"}))
            self._add_profiles(merger)
            for section, (_, environment) in self._sections.items():
                for key, value in environment.items():
                    merger.add(f"HCA_{section.removesuffix('Client').upper()}_URL", {section: {key: value}})
            for path, value in self._changes.items():
                _put(merger.data, path, value)
            object.__setattr__(self, "_merger", merger)
        return merger

    def _add_profiles(self, merger: Merger) -> None:
        """Lay the settings of the profile in force over the files, and show those of all profiles."""
        said = self.profile_said
        apart = Merger()  # an operator in a profile edits a list outside of it: without that one it is no mistake
        for name, data in self._files:
            merger.add(f"profile {said} ({name})", copy.deepcopy(profiles.settings_in(data, said)))
            apart.add(name, copy.deepcopy({key: value for key, value in data.items() if key == "profiles"}))
        merger.data.update(apart.data)
        merger.origins.update(apart.origins)
        if self.is_profile_of_this_run:
            merger.add(ASSIGNED if self._profile_assigned is not None else profiles.VARIABLE, {"profile": said})

    def _merged(self) -> dict[str, Any]:
        return self._layers().data

    def _assign(self, path: KeyPath, value: Any) -> None:
        self._ensure(path[0])
        node: Any = self._merged()
        for length, key in enumerate(path[:-1], 1):
            node = node.get(key, {})
            if not isinstance(node, dict):
                raise ConfigError(f"{'.'.join(path[:length])} is a value, not a section; nothing can lie below it")
        _put(self._merged(), path, value)
        self._changes.pop(path, None)
        self._changes[path] = value
        if path[0] in profiles.KEYS:
            object.__setattr__(self, "_merger", None)  # another profile may be in force now


@cache
def get_config() -> HCAConfig:
    """Return the configuration that this process shares."""
    return HCAConfig()


def read_files() -> list[tuple[str, dict[str, Any]]]:
    """Return name and content of every configuration file in force, lowest priority first. Raises ConfigError."""
    found = []
    for path in (paths.site_config_file(), paths.config_file()):
        data = read_file(path)
        if data is not None:
            found.append((path, data))
    for path in filter(None, os.environ.get("HCA_CONFIG_FILE", "").split(os.pathsep)):
        data = read_file(os.path.expanduser(path))
        if data is None:
            raise ConfigError(
                f"{path}: no such file, but HCA_CONFIG_FILE names it", hint="make it, or unset HCA_CONFIG_FILE"
            )
        found.append((path, data))
    return found


def read_file(path: str) -> dict[str, Any] | None:
    """Return the content of one configuration file, None if there is none. Raises ConfigError with line and column."""
    try:
        with open(path, encoding="utf-8") as stream:
            data = json.load(stream)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    except json.JSONDecodeError as error:
        where = f"{path}, line {error.lineno}, column {error.colno}"
        raise ConfigError(f"{where}: not JSON ({error.msg})", hint="mend the file; hca leaves it as it is") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: nested too deeply") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start})") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}, line 1, column 1: must hold a JSON object, not {type(data).__name__}")
    return data


def change_user_file(change: Callable[[dict[str, Any]], object]) -> None:
    """Let `change` work on the user's own configuration while nobody else does, and write it: atomically, mode 0600.

    Raises ConfigError if the file is not JSON (it is then left alone) or can't be written.
    """
    path = paths.config_file()
    try:
        paths.make_private_dir(os.path.dirname(path))
        with locking.held(os.path.join(paths.config_dir(), "config.lock"), _PATIENCE_SECONDS):
            data = read_file(path) or {}
            change(data)
            # A link (dotfiles kept elsewhere) stays one: what it points to is replaced.
            text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
            files.write_atomic(os.path.realpath(path), text.encode(), mode=0o600)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}; nothing was changed") from error
    except UnicodeEncodeError as error:  # JSON, and a terminal of another encoding, can name half a character
        half = error.object[error.start : error.end]
        raise ConfigError(f"{path}: {half!r} can't be written as UTF-8 text; nothing was changed") from error


def plain(value: Any) -> Any:
    """Return `value` with sections as dictionaries, all the way down."""
    if isinstance(value, (Section, dict)):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def redacted(value: Any, key: str = "") -> Any:
    """Return `value`, which lies at the dotted `key`, without secrets.

    Everything at and below a secret-looking key (token, secret, password, key) is "***", addresses apart; passwords
    and signatures in addresses are too.
    """
    if isinstance(value, dict):
        return {inner: redacted(content, f"{key}.{inner}") for inner, content in value.items()}
    if isinstance(value, list):
        return [redacted(content, key) for content in value]
    words = key.lower()
    if value and any(word in words for word in SECRETS) and not words.endswith(("_uri", "_url")):
        return "***"
    return log.redact(value) if isinstance(value, str) else value


def _is_of_a_service(section: str) -> bool:
    if section.endswith("Client"):
        return True
    from hca_core import discover

    return section in discover.installed(discover.PLUGINS)


def _defaults(service: str) -> Mapping[str, Mapping[str, object]]:
    """Return what the plugin of `service` gives; a plugin that can't be used gives nothing, and a warning."""
    from hca_core import plugins

    try:
        return plugins.config_defaults(service)
    except HCAError as error:
        log.logger().warning("%s; its defaults are left out", error.message)
        return {}


def _environment(service: str, defaults: dict[str, Any]) -> dict[str, Any]:
    """Return what HCA_<NAME>_URL sets: the description of a described service, else the base URL."""
    url = os.environ.get(f"HCA_{service.upper()}_URL")
    if not url:
        return {}
    if "swagger_url" not in defaults:
        return {"url": url}
    return {"swagger_url": url if url.endswith(".json") else f"{url.rstrip('/')}/swagger.json"}


def _put(data: dict[str, Any], path: KeyPath, value: Any) -> None:
    if value is _DELETED:
        _drop(data, path)
        return
    for key in path[:-1]:
        if not isinstance(data.get(key), dict):
            data[key] = {}
        data = data[key]
    data[path[-1]] = copy.deepcopy(value)


def _drop(data: dict[str, Any], path: KeyPath) -> None:
    """Take out what lies at `path`, and the sections that are empty then."""
    key, rest = path[0], path[1:]
    inner = data.get(key)
    if rest and isinstance(inner, dict):
        _drop(inner, rest)
        if not inner:
            del data[key]
    elif not rest:
        data.pop(key, None)
