"""What a notification brings along of the bundle's metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hca_local.events.encoding import encoded

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_BYTES = 128 * 1024
_ERRORS = "_errors"  # no attachment may have such a name


def selected(definitions: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the attachments `definitions` in `document`, by name.

    What failed is told in `_errors`: an object of messages by name, or a sentence where nothing is left to send.
    """
    try:
        found = _values(definitions, document)
        size = len(encoded(found))
    except Exception as error:  # noqa: BLE001 - an expression can give what JSON can't hold
        return {_ERRORS: str(error) or type(error).__name__}
    if size > MOST_BYTES:
        return {_ERRORS: f"Attachments too large ({size} > {MOST_BYTES})"}
    return found


def _values(definitions: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    import jmespath

    found: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, definition in definitions.items():
        try:
            found[name] = jmespath.search(definition["expression"], document)
        except Exception as error:  # noqa: BLE001 - functions of the language raise all sorts of errors
            errors[name] = str(error) or type(error).__name__
    return {**found, _ERRORS: errors} if errors else found
