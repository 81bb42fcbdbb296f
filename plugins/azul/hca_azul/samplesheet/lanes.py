"""Lanes that names do not tell: from a manifest of the format verbatim.jsonl, which has the whole metadata."""

from __future__ import annotations

import json

from hca_core.errors import UsageError, os_error_text


def index_of(path: str) -> dict[str, int]:
    """Return the lanes of files by the ids of their metadata entities. Raises UsageError for what can't be read."""
    found: dict[str, int] = {}
    try:
        with open(path, encoding="utf-8") as stream:
            for line in stream:
                value = json.loads(line).get("value") or {}
                lane, provenance = value.get("lane_index"), value.get("provenance") or {}
                if isinstance(lane, int) and provenance.get("document_id"):
                    found[str(provenance["document_id"])] = lane
    except OSError as error:
        raise UsageError(f"{path} can't be read: {os_error_text(error)}") from error
    except (ValueError, AttributeError, RecursionError) as error:
        raise UsageError(f"{path} is no manifest of the format verbatim.jsonl") from error
    return found
