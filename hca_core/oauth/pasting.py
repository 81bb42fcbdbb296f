"""The answer of a login that a person carries over by hand: an address, what a page shows, or a code alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, unquote_plus

from hca_core.errors import LoginError
from hca_core.oauth import callback

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_LINES = 60  # that are read in search of a code
# `code: x`, `"code": "x"`, `'code': ['x']`, `code=x`: how pages that show a request print one field of it.
_SHOWN_FIELD = re.compile(
    r"""(?<![\w.-])['"]?(code|state|iss|error|error_description)['"]?\s*([:=])\s*\[?"""
    r"""(?:"([^"\n]*)"|'([^'\n]*)'|([^\s'",&}\]]+))"""
)
# A word of a language, such as a heading of a page, is no code.
_BARE_CODE = re.compile(r"(?![A-Z]?[a-z]+$)[\w.~+/%=-]{8,}", re.ASCII)


def asked(say: Callable[[str], None], ask: Callable[[str], str]) -> dict[str, str]:
    """Return the fields of the answer that the person gives, who may paste a page of many lines. Raises LoginError."""
    given = ""
    for number in range(_MOST_LINES):
        if number == 1:
            say("there is no code in that yet; paste the code, or the address of the page that shows it")
        try:
            given += ask("code or address: ") + "\n"
        except EOFError as error:
            why = "there is no code in what was given" if given.strip() else "nobody is here who could give the code"
            raise LoginError(why, hint="log in where somebody can answer, or with --access-token TOKEN") from error
        if answer := answer_in(given):
            return answer
    raise LoginError("there is no code in what was given", hint="start the login again")


def answer_in(given: str) -> dict[str, str]:
    """Return the fields of the answer in what a person pasted; nothing while neither a code nor an error is there."""
    lines = [line.strip() for line in given.strip().splitlines()]
    for line in lines:
        query = line.partition("?")[2].partition("#")[0] or line
        found = callback.fields(query) if "=" in query and " " not in line else None
        if found and _is_answer(found):
            return found
    shown: dict[str, str] = {}
    for name, sign, *values in _SHOWN_FIELD.findall(given):
        value = "".join(values)
        shown.setdefault(name, unquote_plus(value) if sign == "=" else value)
    if _is_answer(shown):
        return shown
    return {"code": unquote(lines[-1])} if lines and _BARE_CODE.fullmatch(lines[-1]) else {}


def _is_answer(found: dict[str, str]) -> bool:
    return bool(found.get("code") or found.get("error"))
