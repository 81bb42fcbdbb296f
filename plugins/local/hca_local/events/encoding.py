"""How event documents, and what is made of them, become bytes."""

from __future__ import annotations

import json
from typing import Any


def encoded(document: Any) -> bytes:
    """Return `document` as JSON in UTF-8; always the same bytes for the same document.

    Raises TypeError, RecursionError for what JSON can't hold.
    """
    try:
        return json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # metadata can have half a surrogate pair, which only an escape can tell
        return json.dumps(document).encode()
