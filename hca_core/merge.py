"""Merging configuration layers: dictionaries recursively, lists by operators; the origin of every value is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KeyPath = tuple[str, ...]


class Merger:
    """Takes layers in the order of rising priority; holds the merged `data` and where each value came from.

    A dictionary with exactly one key that is an operator (`$append`, `$extend`, `$extendleft`, `$insert`, `$remove`)
    edits the list below it. The rules are the documented ones of the old client's configuration library; where that
    ignored something silently, `notes` tells.
    """

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self.origins: dict[KeyPath, str] = {}
        self.notes: list[str] = []

    def add(self, layer: str, data: Mapping[str, Any]) -> None:
        """Merge `data` over what is there; `layer` names it in origins and errors. Raises ConfigError."""
        self._merge(self.data, data, (), layer)

    def _merge(self, base: dict[str, Any], overlay: Mapping[str, Any], path: KeyPath, layer: str) -> None:
        for key, value in overlay.items():
            here = (*path, key)
            if not isinstance(value, dict):
                base[key] = value
                self.origins[here] = layer
            elif is_operation(value):
                self._edit(base.get(key), value, here, layer)
            elif key in base and not isinstance(base[key], dict):
                self._note(layer, here, "is a dictionary, but a lower layer has another kind of value; left as it was")
            else:
                self._merge(base.setdefault(key, {}), value, here, layer)

    def _edit(self, target: Any, operation: Mapping[str, Any], here: KeyPath, layer: str) -> None:
        ((operator, operand),) = operation.items()
        if not isinstance(target, list):
            self._note(layer, here, f"has {operator}, but there is no list below it; ignored")
            return
        try:
            OPERATORS[operator](target, operand)
        except (TypeError, ValueError, AttributeError) as error:
            raise ConfigError(f"{layer}: {'.'.join(here)}: {operator} can't take {operand!r}") from error
        self.origins[here] = f"{self.origins.get(here, '')} + {layer}".removeprefix(" + ")

    def _note(self, layer: str, here: KeyPath, what: str) -> None:
        self.notes.append(f"{layer}: {'.'.join(here)} {what}")


def is_operation(value: Mapping[str, Any]) -> bool:
    """Tell whether a dictionary is an array-merge operation."""
    return len(value) == 1 and next(iter(value)) in OPERATORS


def _extend(target: list[Any], operand: Any) -> None:
    target.extend(_as_list(operand))


def _extend_left(target: list[Any], operand: Any) -> None:
    target[:0] = _as_list(operand)


def _insert(target: list[Any], operand: Any) -> None:
    # JSON has no integer keys: {"$insert": {"0": "first"}}
    for position, value in operand.items():
        target.insert(int(position), value)


def _remove(target: list[Any], operand: Any) -> None:
    if operand in target:
        target.remove(operand)


def _as_list(operand: Any) -> list[Any]:
    if not isinstance(operand, list):
        raise TypeError("not a list")
    return operand


OPERATORS: dict[str, Callable[[list[Any], Any], None]] = {
    "$append": lambda target, operand: target.append(operand),
    "$extend": _extend,
    "$extendleft": _extend_left,
    "$insert": _insert,
    "$remove": _remove,
}
