"""Which modules of the core plugins may use: the one list, which the documentation repeats and tests compare with."""

from __future__ import annotations

# Below `hca_core`. A package stands for its modules too, unless some of them are listed here.
MODULES = frozenset(
    {
        "answers",
        "checksums",
        "commands",
        "config",
        "content",
        "context",
        "credentials",
        "doctor",
        "durations",
        "errors",
        "files",
        "filesystem",
        "folders",
        "generate",
        "http",
        "journals",
        "lazy",
        "local_services",
        "locking",
        "log",
        "names",
        "output",
        "paging",
        "paths",
        "progress",
        "s3",
        "service",
        "terminal",
        "testing",
        "transfer",
        "transfer.failures",
        "transfer.filestore",
        "transfer.findings",
        "transfer.links",
        "transfer.outputs",
        "transfer.report",
        "transfer.run",
        "transfer.seal",
        "transfer.shards",
        "transfer.spread",
        "urls",
        "verbs.transfer",
        "versions",
        "workers",
    }
)


def is_public(module: str) -> bool:
    """Tell whether plugins may import from `module`, a full name such as `hca_core.errors`."""
    name = module.removeprefix("hca_core").removeprefix(".")
    if not name or name in MODULES:
        return True
    package = name.partition(".")[0]
    return package in MODULES and not any(one.startswith(f"{package}.") for one in MODULES)
