"""A gate that is carried about: no barrier, no board, no sensor. The shipped file, with emulated devices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from checkpoint.records import OutcomeOf, Override, Verdict
from tests.edge.gate_process import ROOT, GateProcess
from tests.edge.reader_gate import POLICY, a_pass, install
from tests.waiting import wait_for

pytestmark = pytest.mark.end_to_end
SHIPPED = ROOT / "firmware_config" / "gates" / "handheld-gy9061x-none.toml"
# What the emulated devices are called instead.
DEVICES = (
    ('"v4l2", options = { device = "/dev/guankou/camera" }', '"stream", options = { url = "CAMERA" }'),
    ("/dev/guankou/thermometer", "THERMOMETER"),
)
MEASURED = POLICY.replace("accept_weak", "valid_until = 2100-01-01T00:00:00+08:00\naccept_weak").replace(
    "escalation_s = 0.5", "escalation_s = 20.0"
)
# By the fail table's row for a clock that nobody vouches for, as for every resident here.
ALLOWED = ("allow", "allowed_by_fail_table")


def lanes() -> str:
    """The lanes of the shipped file, as a pattern for the test's own ports."""
    text = SHIPPED.read_text(encoding="utf-8")
    text = text[text.index("[[lanes]]") :].replace("{", "{{").replace("}", "}}")
    for old, new in DEVICES:
        old, new = (part.replace("{", "{{").replace("}", "}}") for part in (old, new))
        assert old in text
        text = text.replace(old, new)
    return text.replace("CAMERA", "{camera}").replace("THERMOMETER", "{thermometer}")


@pytest.fixture
def carried(tmp_path: Path) -> Iterator[GateProcess]:
    gate = GateProcess(tmp_path, lanes())
    try:
        install(gate.data / "documents", MEASURED.format(checks=', "temperature"', passes=""), ())
        gate.start()
        wait_for(lambda: gate.street.screen.lane().get("state") == "wait", f"the lane; {gate.log[-3:]}", 20)
        yield gate
    finally:
        gate.close()


def verdicts(gate: GateProcess) -> list[tuple[str, str]]:
    return [(one.verdict, one.reason) for one in gate.payloads(Verdict)]


def outcomes(gate: GateProcess) -> list[tuple[str, str]]:
    return [(one.outcome, one.reason) for one in gate.payloads(OutcomeOf)]


def comes(gate: GateProcess, code: bytes, object_c: float | None) -> None:
    gate.street.hold(code)
    gate.street.forehead(object_c)


def goes(gate: GateProcess) -> None:
    gate.street.lower()
    gate.street.forehead(None)


def test_a_carried_gate_says_who_may_go_on_and_records_that_nothing_opened(carried: GateProcess) -> None:
    comes(carried, a_pass(1), 36.3)
    wait_for(lambda: carried.street.screen.lane().get("state") == "allow", "the word on the screen", 20)
    wait_for(lambda: outcomes(carried) == [("opened_unconfirmed", "no_barrier")], "the outcome", 10)
    assert verdicts(carried) == [ALLOWED]
    assert "weak_binding" in carried.payloads(Verdict)[0].tags
    goes(carried)

    comes(carried, b"https://example.org/no-pass-of-ours", None)
    wait_for(lambda: verdicts(carried)[1:] == [("deny", "not_a_pass")], "the second verdict", 20)
    goes(carried)
    wait_for(lambda: len(outcomes(carried)) == 2, "the second outcome", 30)
    assert outcomes(carried)[1][0] == "turned_back"
    assert carried.openings() == 0
    others = [fault for fault in carried.faults() if "roker" not in fault and "lock" not in fault]
    assert others == [], "nothing is missing that it never had"


def test_the_guard_beside_it_lets_in_by_a_press_and_that_is_the_outcome(carried: GateProcess) -> None:
    carried.street.hold("https://example.org/no-pass-of-ours")
    wait_for(lambda: verdicts(carried) == [("deny", "not_a_pass")], "the refusal", 20)
    carried.street.guard_acts("admit", "known_resident")
    wait_for(lambda: outcomes(carried) == [("admitted_by_guard", "opened_unconfirmed")], "the outcome", 10)
    assert [(one.act, one.reason) for one in carried.payloads(Override)] == [("admit", "known_resident")]
    assert carried.openings() == 0
