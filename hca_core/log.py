"""What `hca` says on stderr while it works: one line a message, secrets taken out."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    import logging

LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")

# Values that let their reader in: bearer tokens, signatures of presigned URLs, passwords in URLs. Strings, which `re`
# compiles and keeps when they are first needed: most runs have nothing to redact.
_SECRETS = (
    (r"(?i)\b(bearer|oauth|basic)\s+[^\s,;'\"]+", r"\1 ***"),
    (
        r"(?i)([?&;](?:access_token|id_token|refresh_token|token|code|code_verifier|device_code|signature|x-amz-signature|"
        r"x-amz-security-token|x-amz-credential|x-goog-signature|awsaccesskeyid|api[-_]?key|sig)=)[^&#\s'\"]+",
        r"\1***",
    ),
    (
        r"(?i)(\b(?:access_token|id_token|refresh_token|client_secret|hmac_secret_key|private_key|password)"
        r"['\"]?\s*[:=]\s*['\"]?)[^\s'\",&}]+",
        r"\1***",
    ),
    (r"(://)[^/?#\s'\"]+@", r"\1***@"),  # of any scheme; up to the last @: a password may have one, too
    (r"\beyJ[\w-]+\.[\w-]+\.[\w-]+", "***"),
)


# What was read or received as a secret in this process: it may look like anything.
_hidden: set[str] = set()
_SHORTEST = 8  # a shorter one is in many a word


def hide(*secrets: str) -> None:
    """Let `redact` take these out too, wherever they turn up; empty ones count for nothing."""
    _hidden.update(secret for secret in secrets if isinstance(secret, str) and len(secret) >= _SHORTEST)


def redact(text: str) -> str:
    """Return `text` without the secrets that URLs, headers and tokens carry, and without those that were hidden."""
    for secret in sorted(_hidden, key=len, reverse=True):  # one may be a part of another
        text = text.replace(secret, "***")
    for pattern, replacement in _SECRETS:
        text = re.sub(pattern, replacement, text)
    return text


class Redacted:
    """A text of a log record, whose secrets are taken out when somebody reads it; programs have logs of their own."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return redact(self._text)


def logger(name: str = "hca") -> logging.Logger:
    """Return the logger `name`; the command line shows what goes to `hca` and below."""
    import logging

    return logging.getLogger(name)


def is_quiet() -> bool:
    """Tell whether the level in force leaves out what is told at INFO: then no bar is drawn and nothing is told."""
    if "logging" not in sys.modules:
        return False
    import logging

    return logging.getLogger("hca").level > logging.INFO


def set_up(level: str) -> None:
    """Show messages of `level` (one of LEVELS) and above on stderr, secrets taken out; once per process."""
    import logging

    from hca_core import progress

    root = logging.getLogger("hca")
    root.setLevel(level)
    if root.handlers:
        return

    class Formatter(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            prefix = "hca: " if record.levelno >= logging.INFO else "hca: debug: "
            return prefix + redact(super().format(record))

    class Handler(logging.StreamHandler[TextIO]):
        def emit(self, record: logging.LogRecord) -> None:
            with progress.aside():
                super().emit(record)

    handler = Handler(sys.stderr)
    handler.setFormatter(Formatter("%(message)s"))
    root.addHandler(handler)
    root.propagate = False
