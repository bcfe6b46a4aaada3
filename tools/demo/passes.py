"""The demo's second part: what a pass is worth when it is shared, revoked, or can't be asked about any more."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from checkpoint.formats.gk1_variants import step_text
from checkpoint.steps import step_at, week_of
from tools.demo.people import ALLOWED, Expected, Scene, denied, go_through
from tools.demo.processes import Town
from tools.demo.street import wait

_EAST: Final = "garden-east"
_PATIENCE_S: Final = 30.0
# A picture of a code that was made three minutes ago.
_OLD_S: Final = 180
# How old a list may grow in the demo's strict policy.
STALE_S: Final = 12


@dataclass(slots=True)
class PassScript:
    """Scenes at the gate with a guard, in an order that matters; `times_s` is what they measured."""

    town: Town
    times_s: dict[str, float] = field(default_factory=dict)
    _links: dict[str, str] = field(default_factory=dict)

    def scenes(self) -> list[Scene]:
        """Register people, publish the strict policy, and give the scenes."""
        for name in ("ming", "hong", "gang", "lan"):
            self._links[name] = self._register(name)
        publish_strict(self.town)
        east = self.town.streets["east"]
        gone = Expected("escalate", ("passback",), "turned_back")
        return [
            self._scene("a code minted for five minutes, fresh from the page", lambda: self._comes("ming"), ALLOWED),
            self._scene("the same code, sent to a friend as a picture", lambda: self._shared(east), gone),
            self._scene("a picture of an offline code, 3 minutes old", self._stale_picture, denied("step_stale")),
            self._scene("an offline code made now", lambda: self._by_step("gang", 0), ALLOWED),
            self._scene("resident whose pass is good", lambda: self._comes("lan"), ALLOWED),
            self._scene("the pass is revoked; shown again", lambda: self._revoked("lan"), denied("pass_revoked")),
            self._scene("cable cut until lists are too old: visitor", self._visitor_on_old_lists, _OLD_LISTS),
            self._scene("lists still too old: resident of this site", self._resident_on_old_lists, _HOME_ANYWAY),
            self._scene("cable mended: lists are fresh again", self._mended, ALLOWED),
        ]

    def _scene(self, title: str, act: Callable[[], None], *expected: Expected) -> Scene:
        return Scene(title, _EAST, act, expected)

    def link(self) -> str:
        """A resident's page to open in a browser."""
        return f"{self.town.resident_url}/#k={self._register('visit')}"

    # --- people ------------------------------------------------------------------------------------------------------

    def _register(self, name: str) -> str:
        """A resident in the register, with a pass; gives the token of the link to it."""
        made = self.town.central("people", "add", "--site", "garden", "--unit", f"1-{name}", "--name", name, "--json")
        number = str(json.loads(made)["person"])
        self.town.central("pass", "issue", "--person", number, "--json")
        link = json.loads(self.town.central("people", "link", number, "--url", self.town.resident_url, "--json"))
        token: str = link["url"].split("#k=", 1)[1]
        return token

    def _page(self, name: str) -> dict[str, Any]:
        """What the resident's page gets when it is opened."""
        connection = http.client.HTTPConnection("127.0.0.1", self.town.resident_port, timeout=10)
        headers = {"Origin": self.town.resident_url, "X-Guankou-Act": "1", "Content-Type": "application/json"}
        try:
            connection.request("POST", "/api/show", json.dumps({"k": self._links[name]}), headers)
            answer = connection.getresponse()
            page: dict[str, Any] = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise RuntimeError(f"the page of {name} was refused: {answer.status} {page}")
        return page

    def _comes(self, name: str) -> None:
        go_through(self.town.streets["east"], self._page(name)["code"])

    def _shared(self, east: Any) -> None:
        # A picture of the code that let its owner in a moment ago.
        go_through(east, self._page("ming")["code"])

    def _by_step(self, name: str, age_s: int) -> None:
        offline = self._page(name)["offline"]
        step = step_at(int(time.time()) - age_s)
        key = next(bytes.fromhex(key) for week, key in offline["steps"] if week == week_of(step))
        text = step_text(offline["pass"], bytes.fromhex(offline["pass_id"]), key, step)
        go_through(self.town.streets["east"], text)

    def _stale_picture(self) -> None:
        self._by_step("hong", _OLD_S)

    def _revoked(self, name: str) -> None:
        page = self._page(name)
        kept = {path: path.stat().st_mtime_ns for path in self._status_files()}
        asked_s = time.monotonic()
        self.town.central("pass", "revoke", page["offline"]["pass_id"], "--why", "demo")
        told_s = time.monotonic()
        wait(lambda: any(kept.get(path) != path.stat().st_mtime_ns for path in self._status_files()), _PATIENCE_S)
        self.times_s["revocation on the gate's disk, since the command began"] = time.monotonic() - asked_s
        self.times_s["revocation on the gate's disk, since the command ended"] = max(0.0, time.monotonic() - told_s)
        go_through(self.town.streets["east"], page["code"])

    def _status_files(self) -> list[Path]:
        return list((self.town.gate_folder(_EAST) / "data" / "documents").glob("status@*.doc"))

    # --- lists that grow old -----------------------------------------------------------------------------------------

    def _visitor_on_old_lists(self) -> None:
        visitor = json.loads(self.town.central("pass", "walk-up", "--site", "garden", "--json"))["pass"]
        self.town.stop_broker()
        time.sleep(STALE_S + 1)
        go_through(self.town.streets["east"], visitor)

    def _resident_on_old_lists(self) -> None:
        go_through(self.town.streets["east"], self._page("hong")["code"])

    def _mended(self) -> None:
        self.town.start_broker()
        east = self.town.streets["east"]
        wait(lambda: not east.screen.page.get("local", True), _PATIENCE_S)
        made = json.loads(self.town.central("pass", "walk-up", "--site", "garden", "--json"))["pass"]
        go_through(east, made)


_OLD_LISTS: Final = Expected("escalate", ("lists_stale",), "turned_back")
_HOME_ANYWAY: Final = Expected("allow", (), "passed", openings=1, tags=("lists_stale",))


def publish_strict(town: Town) -> None:
    """The demo's policy for one site, with passback enforced and lists that are old after seconds."""
    town.central("document", "publish", "--kind", "policy", "--scope", "garden", str(write_strict(town)))
    installed = town.gate_folder(_EAST) / "data" / "documents" / "policy@garden.doc"
    if not wait(installed.exists, _PATIENCE_S):
        raise RuntimeError(f"{_EAST} did not get the strict policy")


def write_strict(town: Town) -> Path:
    """The file of that policy."""
    text = town.policy_file.read_text(encoding="utf-8")
    text = text.replace('id = "demo"', 'id = "demo-strict"').replace('mode = "warn"', 'mode = "enforce"')
    text = text.replace("after_s = 604800", f"warn_after_s = {STALE_S // 2}\nafter_s = {STALE_S}")
    file = town.folder / "central" / "strict.toml"
    file.write_text(text, encoding="utf-8")
    return file
