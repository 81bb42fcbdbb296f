"""Which formats of manifests a service makes: that it tells itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_core.errors import UsageError, one_line

if TYPE_CHECKING:
    from hca_azul.service import AzulService

COMPACT, CURL = "compact", "curl"
# What is made of most catalogs (contract §7), for a service that does not tell.
KNOWN = (COMPACT, CURL, "terra.pfb", "verbatim.jsonl", "verbatim.pfb", "terra.bdbag")
_ENDINGS = {COMPACT: "tsv", CURL: "curlrc", "verbatim.jsonl": "jsonl", "terra.bdbag": "zip"}


def check(service: AzulService, name: str) -> None:
    """Raise UsageError if the service makes no manifests in the format `name`; compact ones make all of them."""
    if name == COMPACT:
        return
    offered = of(service)
    if name not in offered:
        raise UsageError(
            f"the service makes no manifests in the format {one_line(name)!r}", hint=f"it makes {', '.join(offered)}"
        )


def ending(name: str) -> str:
    """Return how names of files in the format `name` end (contract §7)."""
    return _ENDINGS.get(name, "avro" if name.endswith(".pfb") else name)


def of(service: AzulService) -> tuple[str, ...]:
    """Return the formats that the service tells, KNOWN if it tells none. Raises HCAError if it can't be asked."""
    document = service.openapi
    try:
        parameters = document["paths"]["/manifest/files"]["put"]["parameters"]
        (told,) = (one["schema"]["enum"] for one in parameters if one["name"] == "format")
    except (KeyError, TypeError, ValueError):
        return KNOWN
    return tuple(one for one in told if isinstance(one, str)) if isinstance(told, list) and told else KNOWN
