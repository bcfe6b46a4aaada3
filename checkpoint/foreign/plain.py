"""Values of other systems as JSON has them, so that rules and people can read them."""

from __future__ import annotations


def plain(value: object) -> object:
    """The same with text for keys and hex for bytes. `value` comes from a reader that bounds its depth."""
    if isinstance(value, dict):
        return {_name(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.hex() if isinstance(value, bytes) else value


def _name(key: object) -> str:
    return key.hex() if isinstance(key, bytes) else str(key)
