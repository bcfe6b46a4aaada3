"""Console commands given to the running town, and the beginning of what each of them says."""

from __future__ import annotations

import json
import shlex
from typing import Any

from rich.console import Console

from tools.demo.processes import Town

# A demonstration shows that there is an answer and how it reads; all of it is in the docs.
_LINES = 26


class ConsoleWords:
    """`guankou-central` and `guankou-gate` as an operator gives them; each is a process of its own."""

    def __init__(self, town: Town, console: Console) -> None:
        self.town = town
        self._console = console

    def central(self, *words: str) -> str:
        """What the command said; the beginning is printed. Raises SetupError with its words."""
        return self._told("guankou-central", words, self.town.central(*words))

    def central_json(self, *words: str) -> Any:
        """The same for the judge's eyes only."""
        return json.loads(self.town.central(*words, "--json"))

    def at_gate(self, *words: str) -> str:
        """A command on the machine of a gate. Raises SetupError with its words."""
        return self._told("guankou-gate", words, self.town.at_gate(*words))

    def _told(self, command: str, words: tuple[str, ...], said: str) -> str:
        folder = f"{self.town.folder}/"
        self._console.print(f"$ {command} {shlex.join(words).replace(folder, '')}", style="bold", **_PLAIN)
        lines = said.replace(folder, "").splitlines()
        for line in lines[:_LINES]:
            self._console.print(line, **_PLAIN)
        if len(lines) > _LINES:
            self._console.print(f"({len(lines) - _LINES} lines more)", style="dim", **_PLAIN)
        return said


_PLAIN: Any = {"markup": False, "highlight": False, "soft_wrap": True}
