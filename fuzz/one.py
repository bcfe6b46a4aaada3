"""`python -m fuzz.one TARGET [FILE or option of libFuzzer...]`: one target until it fails, or one input again."""

from __future__ import annotations

import sys
from collections.abc import Callable

import atheris

# Seen line by line: our own code, and the one library in Python that reads strangers' bytes.
with atheris.instrument_imports(include=["checkpoint", "base45"]):
    from fuzz.targets import TARGETS, Mutator


def main() -> None:
    """The name of a target first; the rest goes to libFuzzer."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in TARGETS:
        raise SystemExit(f"no target {name!r}: use one of {', '.join(TARGETS)}")
    target = TARGETS[name]
    arguments = [sys.argv[0], f"-max_len={target.largest}", *sys.argv[2:]]
    if target.mutate is None:
        atheris.Setup(arguments, target.run)
    else:
        atheris.Setup(arguments, target.run, custom_mutator=_on_our_layers(target.mutate))
    atheris.Fuzz()


def _on_our_layers(mutate: Mutator) -> Callable[[bytes, int, int], bytes]:
    return lambda data, largest, seed: mutate(bytes(data), largest, seed, atheris.Mutate)


if __name__ == "__main__":
    main()
