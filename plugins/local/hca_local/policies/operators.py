"""The operators of conditions: how each reads the values of a policy and compares them with those of a request."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from operator import eq, ge, gt, le, lt
from typing import TYPE_CHECKING, Any

from hca_local.policies import wildcards
from hca_local.policies.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hca_local.policies.wildcards import Pattern, Template

_NUMBER = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,3})?", re.ASCII)
_SECONDS = re.compile(r"-?\d{1,12}(\.\d{1,9})?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BOOLEANS = {"true": True, "false": False}
# arn:partition:service:region:account:resource
_ARN_PARTS = 6
_ARN_TOKEN = re.compile(r"\$\{[^}]*\}|:|[^:$]+|\$")


@dataclass(frozen=True)
class Operator:
    """How one operator works.

    `read` makes the value to compare with out of what stands in the policy, and raises PolicyError if it can't be one;
    `filled` puts values of the request in place of its variables, None if one has none; `matches` compares it with a
    text of the request; `negated` tells that the opposite is wanted; `templates` lists what may have variables.
    """

    read: Callable[[str], Any]
    matches: Callable[[Any, str], bool]
    negated: bool = False
    filled: Callable[[Any, Mapping[str, str]], Any] = lambda value, _: value
    templates: Callable[[Any], tuple[Template, ...]] = lambda _: ()

    def opposite(self) -> Operator:
        """Return the operator that holds where this one doesn't."""
        return Operator(self.read, self.matches, not self.negated, self.filled, self.templates)


def number(text: str) -> Decimal | None:
    """Return the number that `text` is, None if it is none."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def moment(text: str) -> float | None:
    """Return the seconds since 1970 of a date as ISO 8601 writes it, or of a number of seconds; None for others."""
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return ((found if found.tzinfo else found.replace(tzinfo=UTC)) - _EPOCH).total_seconds()


def boolean(text: str) -> bool | None:
    """Return the truth value that `text` is, None if it is none."""
    return _BOOLEANS.get(text.lower())


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Return the addresses that `text` stands for (one, or a range as in 10.0.0.0/8), None if it is neither."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _in_network(wanted: ipaddress.IPv4Network | ipaddress.IPv6Network, text: str) -> bool:
    try:
        return ipaddress.ip_address(text) in wanted
    except ValueError:
        return False


def _exact(text: str) -> Template:
    return wildcards.template(text, wildcards=False)


def _one_template(value: Template) -> tuple[Template, ...]:
    return (value,)


def _text(read: Callable[[str], Template], matches: Callable[[Pattern, str], bool]) -> Operator:
    return Operator(read, matches, filled=wildcards.filled, templates=_one_template)


def _matches_any_case(pattern: Pattern, text: str) -> bool:
    return wildcards.matches(pattern.lower(), text.lower())


def _compared(read: Callable[[str], Any], compare: Callable[[Any, Any], bool], what: str) -> Operator:
    """Return the operator that reads the values of policy and request alike; `what` says what they must be."""

    def wanted(text: str) -> Any:
        found = read(text)
        if found is None:
            raise PolicyError(f"{text[:60]!r} is not {what}.")
        return found

    def matches(value: Any, text: str) -> bool:
        found = read(text)
        return found is not None and compare(found, value)

    return Operator(wanted, matches)


def _address() -> Operator:
    def read(text: str) -> Any:
        found = network(text)
        if found is None:
            raise PolicyError(f"{text[:60]!r} is not an IP address or a range of them (203.0.113.0/24).")
        return found

    return Operator(read, _in_network)


def _arn_template(text: str) -> tuple[Template, ...]:
    """Return the parts of an ARN. Colons in a variable do not part it. Raises PolicyError."""
    parts = [""]
    for piece in _ARN_TOKEN.findall(text):
        if piece == ":" and len(parts) < _ARN_PARTS:
            parts.append("")
        else:
            parts[-1] += piece
    if len(parts) < _ARN_PARTS:
        raise PolicyError(f"{text[:60]!r} is not an ARN (arn:partition:service:region:account:resource).")
    return tuple(wildcards.template(part) for part in parts)


def _arn_filled(value: tuple[Template, ...], values: Mapping[str, str]) -> tuple[Pattern, ...] | None:
    found = [wildcards.filled(part, values) for part in value]
    return None if None in found else tuple(part for part in found if part is not None)


def _arn_matches(value: tuple[Pattern, ...], text: str) -> bool:
    parts = text.split(":", _ARN_PARTS - 1)
    return len(parts) == _ARN_PARTS and all(
        wildcards.matches(pattern, part) for pattern, part in zip(value, parts, strict=True)
    )


_NUMERIC = "a number"
_DATE = "a date (2019-07-10T00:11:03Z) or a number of seconds since 1970"
_EQUALS = _text(_exact, wildcards.matches)
_EQUALS_ANY_CASE = _text(_exact, _matches_any_case)
_LIKE = _text(wildcards.template, wildcards.matches)
# The two compare alike, whatever their names say.
_ARN = Operator(_arn_template, _arn_matches, filled=_arn_filled, templates=lambda value: value)
_COMPARISONS = {"LessThan": lt, "LessThanEquals": le, "GreaterThan": gt, "GreaterThanEquals": ge}

OPERATORS: dict[str, Operator] = {
    "StringEquals": _EQUALS,
    "StringNotEquals": _EQUALS.opposite(),
    "StringEqualsIgnoreCase": _EQUALS_ANY_CASE,
    "StringNotEqualsIgnoreCase": _EQUALS_ANY_CASE.opposite(),
    "StringLike": _LIKE,
    "StringNotLike": _LIKE.opposite(),
    "NumericEquals": _compared(number, eq, _NUMERIC),
    "NumericNotEquals": _compared(number, eq, _NUMERIC).opposite(),
    **{f"Numeric{name}": _compared(number, compare, _NUMERIC) for name, compare in _COMPARISONS.items()},
    "DateEquals": _compared(moment, eq, _DATE),
    "DateNotEquals": _compared(moment, eq, _DATE).opposite(),
    **{f"Date{name}": _compared(moment, compare, _DATE) for name, compare in _COMPARISONS.items()},
    "Bool": _compared(boolean, eq, "true or false"),
    "IpAddress": _address(),
    "NotIpAddress": _address().opposite(),
    "ArnEquals": _ARN,
    "ArnLike": _ARN,
    "ArnNotEquals": _ARN.opposite(),
    "ArnNotLike": _ARN.opposite(),
}
