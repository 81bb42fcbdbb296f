"""What a new plugin may have beside its command and its client: each part adds files, and an entry point."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, NamedTuple

from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable


class Part(NamedTuple):
    """One part: the entry point it needs, what its module is, the extra of hca-core that it needs."""

    group: str
    target: str
    about: str
    extra: str = ""


# By the word behind --with. `$name` and the like are filled in as in the template.
PARTS = {
    "subcommand": Part("hca.commands.$subcommand", "subcommand:command", "a verb inside `hca $subcommand`"),
    "hooks": Part("hca.hooks", "hooks", "observes requests"),
    "format": Part("hca.formats", "formats:write", "`--output $name`, for every command of hca"),
    "credentials": Part("hca.credentials", "credentials:token", "gives tokens"),
    "local": Part("hca.local", "local:application", "the service on your own machine, in `hca local up`"),
    "filesystem": Part("fsspec.specs", "filesystem:${Class}FileSystem", "`$name://` for pandas and dask", "fsspec"),
}
_GROUP = re.compile(r"[a-z][a-z0-9-]{0,40}(\.[a-z][a-z0-9-]{0,40})*")


def chosen(words: Iterable[str]) -> dict[str, str]:
    """Return the parts that `words` name, each with its value: `["hooks,subcommand=shop"]`. Raises UsageError."""
    found: dict[str, str] = {}
    for word in (one.strip() for text in words for one in text.split(",")):
        name, equals, value = word.partition("=")
        if name not in PARTS:
            near = difflib.get_close_matches(name, PARTS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(PARTS)}"
            raise UsageError(f"--with names no part of a plugin: {word!r:.60}", hint=hint)
        if name == "subcommand" and not _GROUP.fullmatch(value):
            raise UsageError("--with subcommand needs the group that the verb joins", hint="--with subcommand=GROUP")
        if name != "subcommand" and equals:
            raise UsageError(f"--with {name} takes no value: {word!r:.60}")
        found[name] = value
    return found
