"""The command lines that come with a manifest, for two shells."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from hca_local.azul.manifests.formats import CURL

if TYPE_CHECKING:
    from hca_local.azul.manifests.jobs import Job


def lines(job: Job, url: str, *, is_known: bool) -> dict[str, str]:
    """Return the command lines by shell. Parameters: `is_known` if the caller has a login, which curl needs, too."""
    if job.format == CURL:
        header = ' --header "Authorization: Bearer <token>"' if is_known else ""
        tail = f"--retry 15 --retry-delay 10{header} --config -"
        return {
            "cmd.exe": f'curl.exe --location --fail "{url}" | curl.exe {tail}',
            "bash": f"curl --location --fail {shlex.quote(url)} | curl {tail}",
        }
    return {
        "cmd.exe": f'curl.exe --location --fail --output "{job.name}" "{url}"',
        "bash": f"curl --location --fail --output {shlex.quote(job.name)} {shlex.quote(url)}",
    }
