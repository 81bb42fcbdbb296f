"""The keys of the configuration that the core reads, and which of them somebody who typed another one meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_core.config import HCAConfig

# The fields of hca_core.http.Policy, which is not imported here because it brings `requests`; a test compares them.
PATIENCE = ("tries", "first_wait", "most_wait", "patience", "connect_timeout", "read_timeout")
CORE = ("log_level", "profile", "keyring", *(f"http.{name}" for name in PATIENCE))
OF_SERVICES = ("allow_http", *PATIENCE)  # in the section of any service
_ALIKE = 0.75


def leaves(config: HCAConfig | dict[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the path to each setting and its value; a part of a path, such as a URL, may have dots in it."""
    from hca_core.config import plain

    def walk(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
        if isinstance(value, dict) and value:
            for key in sorted(value):
                yield from walk((*path, key), value[key])
        elif path:
            yield path, value

    yield from walk((), plain(config))


def known(config: HCAConfig) -> list[str]:
    """Return all keys, dotted, that are set or that the core reads; asks every plugin for its own."""
    config.include_plugins()
    found = dict.fromkeys(CORE)
    for path, _ in leaves(config):
        found[".".join(path)] = None
        if path[0].endswith("Client"):
            found.update((f"{path[0]}.{name}", None) for name in OF_SERVICES)
    return sorted(found)


def is_known(config: HCAConfig, key: str) -> bool:
    """Tell whether `key` is set or one that the core reads."""
    section, _, name = key.partition(".")
    of_a_service = section.endswith("Client") and name in OF_SERVICES
    return key in CORE or of_a_service or config.lookup(key) is not None


def near(config: HCAConfig, key: str) -> str | None:
    """Return the known key that somebody who typed `key` probably meant, None if none is near.

    Keys of another depth are none: `http.tries` is not meant by who writes `http.hosts.tries`.
    """
    import difflib

    depth = key.count(".")
    spelled = {one.lower(): one for one in known(config) if one.count(".") == depth and one != key}
    found = difflib.get_close_matches(key.lower(), spelled, n=1, cutoff=_ALIKE)
    return spelled[found[0]] if found else None
