"""Whatever is seen of masks, in whatever order: one verdict, one outcome, and never a silent pass."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoint.records import OutcomeOf, Verdict
from edge import facts
from edge.effects import Commit, OpenBarrier
from edge.lane_view import view
from tests.edge.lane_bench import POLICY, Bench
from tests.edge.test_lane_properties import CODES, events, pauses, visits

ASKS = POLICY.replace(b'checks = ["pass", "temperature"]', b'checks = ["pass", "temperature", "mask"]')
LATER_MS = 10**9
masks = st.one_of(
    # At once, or of somebody who stood there before.
    st.builds(
        facts.MaskSeen, st.sampled_from(["mask", "mask", "no_mask", "unsure"]), st.just(0.5), st.just(0.97),
        st.sampled_from([LATER_MS, LATER_MS, 0]),
    ),
    st.builds(facts.PartDown, st.just("mask"), st.just("mask_model_failed")),
    st.just(facts.PartUp("mask")),
    st.builds(
        facts.GuardDecided, st.sampled_from(["mask_seen", "mask_absent"]), st.just(""), st.just(""), st.just("guard")
    ),
    st.just("tick what is shown"),
)  # fmt: skip
# Somebody with a good pass and temperature, seen a few times.
seen = st.tuples(st.just("seen"), st.lists(st.sampled_from(["mask", "mask", "mask", "no_mask"]), max_size=5))
scripts = st.lists(st.one_of(visits, pauses, events, masks, seen), max_size=25)


def play(bench: Bench, script: list[object]) -> None:
    for step in script:
        if isinstance(step, tuple) and step[0] == "seen":
            bench.come()
            bench.wait(1200, codes=(CODES[0],), object_c=36.2)
            for state in step[1]:
                bench.tell(facts.MaskSeen(state, 0.5, 0.97, LATER_MS))
        elif isinstance(step, tuple):
            what, code, object_c, ms = step
            if what == "visit":
                bench.come()
            bench.wait(ms, codes=(code,) if code else (), object_c=object_c)
        elif isinstance(step, str):
            if bench.lane.shown is not None:
                bench.tell(facts.GuardDecided("mask_seen", bench.lane.shown.passage.hex(), "", "guard"))
        else:
            bench.tell(step)  # type: ignore[arg-type]
        view(bench.lane, recording=True)
    bench.tell(facts.PresenceChanged(False))
    bench.tell(facts.FireContact(False))
    bench.wait(30_000)


@settings(max_examples=300)
@given(scripts, st.booleans(), st.sampled_from(["guard", "none"]), st.booleans())
def test_every_passage_is_decided_once_and_ends_once_and_no_check_is_skipped(
    script: list[object], sensor: bool, attendance: str, model: bool
) -> None:
    bench = Bench(sensor=sensor, attendance=attendance, policy=ASKS, mask_score_min=0.9 if model else None)  # type: ignore[arg-type]
    play(bench, script)
    verdicts, outcomes, pulses = Counter[bytes](), Counter[bytes](), Counter[bytes]()
    for effect in bench.effects:
        if isinstance(effect, OpenBarrier):
            pulses[effect.passage] += 1
        elif isinstance(effect, Commit) and effect.passage is not None:
            verdicts[effect.passage] += isinstance(effect.payload, Verdict)
            outcomes[effect.passage] += isinstance(effect.payload, OutcomeOf)
            if isinstance(effect.payload, Verdict) and effect.payload.verdict == "allow":
                results = {check.check: check.reason for check in effect.payload.checks if check.result == "ok"}
                assert results.get("mask") == "mask_ok" or effect.payload.reason == "allowed_by_fail_table"
    assert max((*verdicts.values(), *outcomes.values(), *pulses.values()), default=0) <= 1
    assert {passage for passage, times in verdicts.items() if times} <= {p for p, times in outcomes.items() if times}
