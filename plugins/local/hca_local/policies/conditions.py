"""The Condition of a statement: read from the document, and asked whether it holds for a request."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_local.policies.errors import PolicyError
from hca_local.policies.operators import OPERATORS, Operator, boolean

if TYPE_CHECKING:
    from hca_local.policies.context import Context

_ANY, _ALL = "ForAnyValue", "ForAllValues"
_IF_EXISTS = "IfExists"
_NULL = "Null"
# What becomes of a number in JSON that is too large, which could not be written as JSON again.
_ENDLESS = (math.inf, -math.inf)


@dataclass(frozen=True)
class Comparison:
    """One key compared by one operator with the `wanted` values, of which one is enough (or none may, if negated).

    `quantifier` is ForAnyValue, ForAllValues or empty; `if_exists` lets a request without the key pass.
    """

    key: str
    operator: Operator
    wanted: tuple[Any, ...]
    quantifier: str
    if_exists: bool

    @property
    def keys(self) -> frozenset[str]:
        """The keys that a request should have."""
        used = [one for value in self.wanted for one in self.operator.templates(value)]
        return frozenset({self.key}).union(*(one.keys for one in used))

    def holds(self, context: Context) -> bool:
        """Tell whether a request with `context` is as wanted."""
        wanted = [self.operator.filled(value, context.single) for value in self.wanted]
        if self.operator.negated and None in wanted:
            return False  # a variable without a value: nobody can tell what it must not be
        given = context.values.get(self.key, ())
        if self.quantifier == _ALL and given == ("",):
            given = ()
        if not given:
            return self._holds_without()
        results = [self._is_wanted(wanted, text) for text in given]
        if self.quantifier:
            return any(results) if self.quantifier == _ANY else all(results)
        return all(results) if self.operator.negated else any(results)

    def _holds_without(self) -> bool:
        """Tell whether a request without the key is as wanted."""
        if self.if_exists or self.quantifier == _ALL:
            return True
        return self.operator.negated and self.quantifier != _ANY

    def _is_wanted(self, wanted: list[Any], text: str) -> bool:
        found = any(value is not None and self.operator.matches(value, text) for value in wanted)
        return found != self.operator.negated


@dataclass(frozen=True)
class Presence:
    """One key that a request must have or must not have; `absent` is what may be said about it."""

    key: str
    absent: frozenset[bool]

    @property
    def keys(self) -> frozenset[str]:
        """The keys that a request should have."""
        return frozenset()

    def holds(self, context: Context) -> bool:
        """Tell whether a request with `context` is as wanted."""
        return (not context.values.get(self.key)) in self.absent


Condition = Comparison | Presence


def conditions(given: object) -> tuple[Condition, ...]:
    """Return the conditions of a statement, all of which must hold. Raises PolicyError."""
    if not isinstance(given, dict):
        raise PolicyError('Condition must be an object: {"operator": {"key": "value"}}.')
    found: list[Condition] = []
    for name, keys in given.items():
        if not isinstance(keys, dict) or not keys:
            raise PolicyError(f'Condition {name[:60]} must be an object with a key at least: {{"key": "value"}}.')
        found.extend(_condition(name, key, values) for key, values in keys.items())
    return tuple(found)


def _condition(name: str, key: str, values: object) -> Condition:
    if not key:
        raise PolicyError(f"Condition {name[:60]} has a key without a name.")
    texts = _texts(name, values)
    if name == _NULL:
        return Presence(key.lower(), frozenset(_truth(text) for text in texts))
    quantifier, _, rest = name.rpartition(":")
    operator = OPERATORS.get(rest.removesuffix(_IF_EXISTS))
    if operator is None or quantifier not in ("", _ANY, _ALL):
        raise PolicyError(f"Condition {name[:60]!r} is not an operator of the policy language (StringEquals, ...).")
    try:
        wanted = tuple(operator.read(text) for text in texts)
    except PolicyError as error:
        raise PolicyError(f"Condition {name} of {key[:60]!r}: {error}") from error
    return Comparison(key.lower(), operator, wanted, quantifier, rest.endswith(_IF_EXISTS))


def _truth(text: str) -> bool:
    found = boolean(text)
    if found is None:
        raise PolicyError(f"Condition Null takes true or false, not {text[:60]!r}.")
    return found


def _texts(name: str, values: object) -> list[str]:
    """Return the values of a key as texts: JSON has numbers and truth values beside them."""
    listed = values if isinstance(values, list) else [values]
    if not listed or not all(isinstance(one, str | int | float) and one not in _ENDLESS for one in listed):
        raise PolicyError(f"Condition {name[:60]} must have a text, a number, true or false, or a list of these.")
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in listed]
