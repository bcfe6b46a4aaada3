"""The guard's PIN: checked against its Argon2 hash, and slowed down after wrong guesses."""

from __future__ import annotations

from typing import Final

FREE_TRIES: Final = 5
FIRST_DELAY_S: Final = 30.0
LONGEST_DELAY_S: Final = 900.0


class PinDoor:
    """Counts wrong PINs: after five in a row every further one closes the door, 30 s at first, doubling to 15 min."""

    def __init__(self, pin_hash: str) -> None:
        self._hash = pin_hash
        self._wrong = 0
        self._closed_until_s = 0.0

    def wait_s(self, now_s: float) -> float:
        """How long no PIN is looked at; 0 when the door is open. `now_s` by a monotonic clock."""
        return max(0.0, self._closed_until_s - now_s)

    def check(self, pin: str, now_s: float) -> bool:
        """True when the PIN is right. Takes as long as the hash asks for: call it outside the event loop."""
        if _matches(self._hash, pin):
            self._wrong = 0
            return True
        self._wrong += 1
        if self._wrong >= FREE_TRIES:
            delay_s = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** min(self._wrong - FREE_TRIES, 10))
            self._closed_until_s = now_s + delay_s
        return False


def check_pin_hash(pin_hash: str) -> None:
    """Raises ValueError when the text is no Argon2 hash."""
    from argon2 import extract_parameters
    from argon2.exceptions import InvalidHashError

    try:
        extract_parameters(pin_hash)
    except InvalidHashError:
        raise ValueError(
            "screen.guard_pin_hash is not an Argon2 hash (it starts with $argon2id$): make one from the PIN, "
            "or leave the key out for a screen that only shows"
        ) from None


def _matches(pin_hash: str, pin: str) -> bool:
    # Imported at the first use: a gate without a PIN never pays for the library's memory.
    from argon2 import PasswordHasher
    from argon2.exceptions import VerifyMismatchError

    try:
        return PasswordHasher().verify(pin_hash, pin)
    except VerifyMismatchError:
        return False
