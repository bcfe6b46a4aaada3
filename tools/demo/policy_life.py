"""The demo's third part: a stricter policy is checked, compared with the one in force, and tried on what was played."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from checkpoint.records import Verdict
from tools.demo.console_words import ConsoleWords
from tools.demo.evidence import Kept, collector_records
from tools.demo.judge import Finding
from tools.demo.passes import write_strict
from tools.demo.processes import Town
from tools.demo.street import wait

OLD, NEW = "demo.1", "demo.2"
_TRAVEL_RULE: Final = """
[[rule]]
name = "访客申报行程 visitors state their travel"
class = ["visitor"]
checks = ["pass", "temperature", "travel"]

[[rule]]
name = "everybody else"""
# The collector's zone where its file names none.
_ZONE: Final = ZoneInfo("Asia/Shanghai")
_PATIENCE_S: Final = 30.0
_STRICT_ENDS_S: Final = 3


def write_next(town: Town) -> Path:
    """The next version: visitors are asked where they were, and nobody gets in unmeasured any more."""
    text = town.policy_file.read_text(encoding="utf-8").replace("version = 1\n", "version = 2\n")
    text = text.replace('\n[[rule]]\nname = "everybody else', _TRAVEL_RULE)
    without, row, rest = text.partition("[fail.thermometer_down]")
    file = town.folder / "demo-2.toml"
    file.write_text(without + row + rest.replace('residents = "allow"', 'residents = "escalate"', 1), encoding="utf-8")
    return file


def look_over(words: ConsoleWords, new: Path, since_ms: int) -> list[Finding]:
    """Check, diff and replay of the next version, on everything since a moment; and whether they say what is so."""
    checked = words.central("policy", "check", str(new))
    told = words.central("policy", "diff", "nanchang", str(new))
    since = datetime.fromtimestamp(since_ms // 60_000 * 60, _ZONE).strftime("%Y-%m-%dT%H:%M")
    tried = ("policy", "replay", str(new), "--since", since)
    words.central(*tried, "--examples", "1")
    gates = [place.gate for place in words.town.places]
    records = [kept for gate in gates for kept in collector_records(words.town.database, gate)]
    return [
        Finding(
            "policy check: the next version can be read", checked.startswith("demo-2.toml：demo 2，"), _first(checked)
        ),
        _compared(told),
        _tried(words.central_json(*tried, "--examples", "100"), records),
    ]


def end_strict(town: Town) -> None:
    """The policy of the site's own ends in a moment: from then on that of the city holds there too."""
    until = datetime.now(_ZONE) + timedelta(seconds=_STRICT_ENDS_S)
    file = write_strict(town)
    text = file.read_text(encoding="utf-8").replace("version = 1\n", "version = 2\n")
    text = re.sub("valid_until = .*", f"valid_until = {until.isoformat(timespec='seconds')}", text)
    file.write_text(text, encoding="utf-8")
    installed = town.gate_folder("garden-east") / "data" / "documents" / "policy@garden.doc"
    before = installed.stat().st_mtime_ns
    town.central("document", "publish", "--kind", "policy", "--scope", "garden", str(file))
    if not wait(lambda: installed.stat().st_mtime_ns != before, _PATIENCE_S):
        raise RuntimeError("garden-east did not learn that its own policy ends")


def _compared(told: str) -> Finding:
    """Two things were changed, so two things must be said, and nothing of residents with a thermometer that works."""
    wanted = ("[stricter] medium zones; visitor; coming in", "fail.thermometer_down.none.residents")
    lacking = [one for one in wanted if one not in told]
    stray = [one for one in ("[laxer]", "resident;", "worker", "fail.lists_stale") if one in told]
    detail = "; ".join([*(f"not said: {one}" for one in lacking), *(f"said: {one}" for one in stray)])
    return Finding(
        "policy diff: says what was changed and nothing else", not detail, detail or "visitors; thermometer down"
    )


def _tried(report: dict[str, Any], records: Sequence[Kept]) -> Finding:
    """Against a look at the records, one by one: who was let in unmeasured would not be, and no visitor was asked where
    they had been. Beside that, only those may be open whom the site's own policy judged, or whose pass was not read."""
    verdicts = dict(_first_verdicts(records))
    unmeasured = {name for name, one in verdicts.items() if one.verdict == "allow" and "unmeasured" in one.tags}
    visitors = {name for name, one in verdicts.items() if one.verdict == "allow" and one.pass_class == "visitor"}
    others = {name for name, one in verdicts.items() if one.policy != "demo" or one.pass_facts is None} - visitors
    changed = {name for one in report["changes"] for name in one["examples"]}
    untold = {name for one in report["unknown"] for name in one["examples"]}
    unasked = {name for one in report["unknown"] if one["names"] == ["travel"] for name in one["examples"]}
    fits = {
        "not all passages": report["records"] == len(verdicts),
        "other ones would change": changed == unmeasured and bool(changed),
        "other visitors were not asked": unasked == visitors and bool(visitors),
        "more can't be told": untold - unasked <= others,
        "numbers don't add up": report["same"] + len(changed) + len(untold) == len(verdicts),
    }
    wrong = [name for name, ok in fits.items() if not ok]
    detail = f"of {len(verdicts)} passages {len(changed)} would change, {len(untold)} can't be told"
    return Finding("policy replay: agrees with the records, one by one", not wrong, "; ".join([detail, *wrong]))


def _first_verdicts(records: Sequence[Kept]) -> Iterator[tuple[str, Verdict]]:
    """Of each passage, by the name that a report gives the record."""
    seen: set[bytes | None] = set()
    for kept in records:
        if isinstance(kept.payload, Verdict) and kept.header.passage not in seen:
            seen.add(kept.header.passage)
            header = kept.header
            yield f"{header.gate}/{header.epoch.hex()}/{header.number}", kept.payload


def _first(text: str) -> str:
    return text.partition("\n")[0]
