"""A policy tried on what gates have recorded: what would change, and what no record says, in words and figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.cli import main
from central.registry import Registry
from central.replay import ReplayError, lines, policies_of, replay
from checkpoint.documents import Document, pack_document
from checkpoint.local_order import combine, parse_order
from checkpoint.passes import Pass, PassClass, Presented
from checkpoint.policy import parse_policy
from checkpoint.policy_schema import Policy
from checkpoint.records import PassFacts, ReadingKept, Verdict
from checkpoint.verdict import CheckFact, GateState, decide
from tests.central import sim
from tests.central.conftest import Core
from tests.central.sim import START_MS, Gate

PAGE = Path(__file__).parents[2] / "docs" / "replay.md"
HEAD = """
id = "winter"
version = {version}
title_zh = "冬季"
title_en = "Winter"
authority = "洪山区指挥部 Hongshan command"
valid_from = 2020-01-01T00:00:00+08:00
valid_until = 2100-01-01T00:00:00+08:00
"""
WINTER = (
    HEAD.format(version=7)
    + """
[[rule]]
name = "在场测温 pass and temperature"
checks = ["pass", "temperature"]
"""
)
SPRING = (
    HEAD.format(version=8)
    + """
[[rule]]
name = "访客戴口罩 visitors wear a mask"
class = ["visitor"]
checks = ["pass", "mask"]

[[rule]]
name = "快递在外 couriers wait outside"
class = ["courier"]
verdict = "escalate"
reason = "curfew"
checks = ["pass"]

[[rule]]
name = "只查码 pass"
checks = ["pass"]
"""
)
STATE = GateState(
    site="east", here=("east", "donghu-7"), grids=("donghu-7", "donghu"), direction="in", lane_kind="person",
    attendance="guard", lists_age_s=40.0, policy_age_s=40.0,
)  # fmt: skip
NORMAL = CheckFact("ok", "temperature_ok", 36.4, 37.0)
FEVER = CheckFact("failed", "fever", 37.6, 37.0)
HIGH = CheckFact("failed", "temperature_high", 37.2, 37.0)


def verdict(
    pass_class: PassClass | None, fact: CheckFact | None, policy: Policy, reason: str = "pass_valid"
) -> Verdict:
    """What a gate under this policy says of somebody, and writes down."""
    held = pass_class and Pass(
        format="GK1", pass_id=bytes(8), subject=bytes(8), pass_class=pass_class, scope=("east",), not_before_s=0,
        expires_s=2**40, key_id=bytes(4),
    )  # fmt: skip
    shown = Presented("GK1", held, reason, by_clock=reason == "pass_expired") if held else None
    made = decide(shown, {"temperature": (fact,)} if fact else {}, policy, STATE, START_MS / 1000)
    readings = []
    if fact and isinstance(fact.value, float):
        excess = round(fact.value - 36.2, 2)
        readings = [ReadingKept("forehead", fact.value, 21.0, None, fact.value, 36.2, excess, ("ok",), False)]
    kept = held and PassFacts(held.pass_id, held.subject, held.pass_class, None, held.key_id, 1)
    return Verdict(
        1, sim.WHERE, made.verdict, made.reason, pass_class or "none", made.results, kept, tuple(readings), policy.id,
        policy.version, made.zone_level, "guard", made.tags, None, made.call,
    )  # fmt: skip


def send(core: Core, gate: Gate, verdicts: Sequence[Verdict]) -> None:
    """By the wire: what is decided again is what the collector took in."""
    for number, each in enumerate(verdicts, 1):
        gate.append("verdict", each, sim.passage_id(number))
        gate.append("outcome", sim.outcome(), sim.passage_id(number))
    core.send(gate)


def publish(core: Core, text: str) -> Policy:
    document = Document(1, "policy", "east", 1, 0, 2**50, 100, text.encode())
    data = pack_document(Ed25519PrivateKey.from_private_bytes(bytes(32)), document)
    policy = parse_policy(text.encode())
    with core.store.transaction():
        core.store.save_document("east", "policy", policy.version, data, core.now_ms)
    return policy


def week(policy: Policy) -> list[Verdict]:
    """Ten passages of a gate."""
    return [
        verdict("resident", NORMAL, policy),
        verdict("resident", NORMAL, policy),
        verdict("resident", FEVER, policy),
        verdict("resident", HIGH, policy),
        verdict("visitor", NORMAL, policy),
        verdict("visitor", NORMAL, policy),
        verdict("visitor", None, policy, "pass_expired"),
        verdict("courier", NORMAL, policy),
        verdict("worker", None, policy, "pass_forged"),
        verdict(None, None, policy),
    ]


@pytest.fixture
def winter(core: Core, gate: Gate) -> Policy:
    policy = publish(core, WINTER)
    send(core, gate, week(policy))
    return policy


def tried(core: Core, new: Policy | str, **more):
    policy = parse_policy(new.encode()) if isinstance(new, str) else new
    return replay(core.store, core.registry, policies_of(core.store), policy, 0, 2**42, **more)


def kinds(report) -> list[tuple[str, str, str, str, int]]:
    return [(each.was, each.was_reason, each.now, each.now_reason, each.n) for each in report.changes]


def test_the_policy_that_made_them_changes_nothing(core, winter):
    report = tried(core, winter)
    assert (report.records, report.same, report.changed, report.untold) == (10, 10, 0, 0)
    assert report.reworded == report.changes == []


def test_another_policy_is_told_by_class_gate_and_reason(core, winter, gate):
    report = tried(core, SPRING)
    epoch = gate.epochs[0].hex()
    assert kinds(report) == [
        ("allow", "all_ok", "escalate", "curfew", 1),
        ("escalate", "fever", "allow", "all_ok", 1),
        ("escalate", "temperature_high", "allow", "all_ok", 1),
    ]
    courier = report.changes[0]
    assert courier.by_class == {"courier": 1}
    assert courier.by_gate == {"gate-1": 1}
    assert courier.rule == "快递在外 couriers wait outside"
    assert courier.examples == [f"gate-1/{epoch}/16"]
    assert report.records == report.same + report.changed + report.untold == 10


def test_a_check_that_was_not_asked_is_counted_and_named_never_guessed(core, winter):
    report = tried(core, SPRING)
    [group] = report.unknown
    # The visitor whose pass had ended is refused either way.
    assert (group.names, group.n, group.by_class) == (("mask",), 2, {"visitor": 2})
    assert any("mask was not asked" in line for line in lines(report))


def test_the_verdicts_then_and_now_are_counted_over_the_same_records(core, winter):
    report = tried(core, SPRING)
    assert sum(report.was.values()) == sum(report.now.values()) == report.records - report.untold
    assert (report.was["allow"], report.now["allow"]) == (3, 4)


def test_examples_are_as_many_as_asked_for(core, winter):
    assert [len(each.examples) for each in tried(core, SPRING, examples=1).unknown] == [1]
    assert [len(each.examples) for each in tried(core, SPRING, examples=0).unknown] == [0]


def test_a_scope_narrows_and_an_unknown_one_is_named(core, winter):
    for scope in ("gate-1", "east", "donghu-7", "wuhan"):
        assert tried(core, SPRING, scope=scope).records == 10
    assert tried(core, SPRING, scope="donghu-8").records == 0
    with pytest.raises(ReplayError, match="'nowhere' is no grid or site"):
        tried(core, SPRING, scope="nowhere")


def test_times_bound_what_is_looked_at(core, winter, gate):
    first = gate.records[gate.epochs[0]][1].link.header.at
    policy = parse_policy(SPRING.encode())
    olds = policies_of(core.store)
    assert replay(core.store, core.registry, olds, policy, first, first + 1).records == 1
    assert replay(core.store, core.registry, olds, policy, 0, first).records == 0


def test_what_can_t_be_looked_into_is_left_out_by_cause(core, gate):
    policy = publish(core, WINTER)
    stranger = msgspec.structs.replace(verdict("resident", NORMAL, policy), policy="elsewhere")
    drill = msgspec.structs.replace(verdict("resident", NORMAL, policy), version=2, drill=True)
    send(core, gate, [stranger, verdict("resident", NORMAL, policy)])
    gate.append("verdict", drill, sim.passage_id(8))
    gate.append("verdict", drill, sim.passage_id(9), raw=msgspec.msgpack.encode([99, "of a later time"]))
    core.send(gate)
    report = tried(core, SPRING)
    assert report.left_out == {"drill": 1, "policy_unknown": 1, "unread": 1}
    assert report.records == 1
    core.store.connection.execute("DELETE FROM payload")
    assert tried(core, SPRING).left_out == {"purged": 4}


def test_of_one_passage_the_first_verdict_alone_is_decided_again(core, gate):
    policy = publish(core, WINTER)
    for _ in range(3):
        gate.append("verdict", verdict("resident", NORMAL, policy), sim.passage_id(1))
    core.send(gate)
    assert tried(core, SPRING).records == 1


def test_rules_for_hours_go_by_the_time_of_the_place(core, winter):
    hour = '[[rule]]\nname = "{}"\nclass = ["courier"]\nverdict = "escalate"\nreason = "curfew"\nchecks = ["pass"]\n{}'
    begins = Registry(sim.tree()).zone_of("east")
    assert begins == "Asia/Shanghai"
    # START_MS is 18:40 there.
    within = WINTER.replace("[[rule]]", hour.format("evening", 'from = "18:00"\nuntil = "19:00"\n\n[[rule]]'))
    without = WINTER.replace("[[rule]]", hour.format("night", 'from = "22:00"\nuntil = "06:00"\n\n[[rule]]'))
    found = kinds(tried(core, within.replace("version = 7", "version = 8")))
    assert found == [("allow", "all_ok", "escalate", "curfew", 1)]
    assert tried(core, without.replace("version = 7", "version = 8")).changed == 0


LOCAL = '[local]\nmay = ["modes", "hours"]\nmax_days = 60\n'
ORDER = (
    HEAD.format(version=3)
    .replace('"winter"', '"nights"')
    .replace("2020-01-01", "2026-08-01")
    .replace("2100-01-01", "2026-09-30")
    + """order_of = "winter"

[[rule]]
name = "外卖止步 couriers wait"
class = ["courier"]
checks = ["pass", "temperature"]
verdict = "escalate"
reason = "curfew"
"""
)


def test_an_order_that_was_on_the_old_policy_stays_on_the_new_one(core, gate):
    publish(core, WINTER + LOCAL)
    document = Document(1, "policy", "donghu-7", 1, 0, 2**50, 100, ORDER.encode())
    with core.store.transaction():
        data = pack_document(Ed25519PrivateKey.from_private_bytes(bytes(32)), document)
        core.store.save_document("donghu-7", "policy", 1, data, core.now_ms)
    under = combine(parse_policy((WINTER + LOCAL).encode()), parse_order(ORDER.encode()))
    made = [verdict("courier", NORMAL, under), verdict("visitor", NORMAL, under)]
    assert [each.reason for each in made] == ["curfew", "all_ok"]
    send(core, gate, made)
    report = tried(core, (WINTER + LOCAL).replace("version = 7", "version = 8"))
    assert (report.records, report.same) == (2, 2)
    # A policy that takes no orders is followed without, and what halted nobody before the order might then.
    assert tried(core, WINTER.replace("version = 7", "version = 8")).same == 1


def test_places_that_keep_their_own_policy_are_left_out(core, winter):
    for place in ("gate-1", "east", "donghu-7"):
        report = tried(core, SPRING, scope="wuhan", spared=[place])
        assert (report.records, report.left_out) == (0, {"own_policy": 10})
        assert any("keep a policy of their own" in line for line in lines(report))
    assert tried(core, SPRING, scope="wuhan", spared=["donghu-8"]).records == 10


def test_a_party_under_other_limits_can_t_be_told(core, gate):
    policy = publish(core, WINTER)
    two = verdict("resident", NORMAL, policy)
    facts = msgspec.structs.replace(two.pass_facts, party_size=2)
    checks = (*two.checks, two.checks[-1])
    send(core, gate, [msgspec.structs.replace(two, pass_facts=facts, checks=checks, tags=("party",))])
    report = tried(core, WINTER.replace("version = 7", "version = 8") + "[temperature]\nhigh_c = 0.9\n")
    assert [group.names for group in report.unknown] == [("temperature*",)]


def _home(tmp_path: Path) -> list[str]:
    (tmp_path / "central.toml").write_text('[collector]\ndata_dir = "."\ntree = "tree.toml"\n')
    (tmp_path / "tree.toml").write_text(sim.TREE)
    (tmp_path / "spring.toml").write_text(SPRING)
    return ["policy", "replay", "-c", str(tmp_path / "central.toml"), "--since", "2026-08-01", "--until", "2026-09-30"]


def test_the_command_says_what_the_page_shows(core, winter, tmp_path):
    result = CliRunner().invoke(main, [*_home(tmp_path), str(tmp_path / "spring.toml")])
    assert result.exit_code == 0, result.output
    page = PAGE.read_text()
    assert result.output in page
    assert SPRING.partition("valid_until")[2].partition("\n")[2].strip() in page


def test_by_its_short_name_it_says_the_same(core, winter, tmp_path):
    _, _, *words = _home(tmp_path)
    spring = str(tmp_path / "spring.toml")
    long = CliRunner().invoke(main, ["policy", "replay", *words, spring])
    short = CliRunner().invoke(main, ["replay", "--policy", spring, *words])
    assert (short.exit_code, short.output) == (0, long.output)
    for both in ([], [spring, "--policy", spring]):
        refused = CliRunner().invoke(main, ["replay", *words, *both])
        assert (refused.exit_code, "one policy file" in refused.output) == (2, True)


def test_the_command_gives_one_json_object(core, winter, tmp_path):
    result = CliRunner().invoke(main, [*_home(tmp_path), "--json", str(tmp_path / "spring.toml")])
    found = json.loads(result.output)
    assert (found["records"], found["changed"], found["unknown"][0]["names"]) == (10, 3, ["mask"])


def test_a_local_order_is_tried_on_top_of_what_its_place_follows(core, gate, tmp_path):
    policy = publish(core, WINTER + LOCAL)
    send(core, gate, week(policy))
    words = _home(tmp_path)
    (tmp_path / "order.toml").write_text(ORDER.replace("2026-08-01", "2026-09-01"))
    asked = CliRunner().invoke(main, [*words, str(tmp_path / "order.toml")])
    assert (asked.exit_code, "add --scope" in asked.output) == (2, True)
    found = CliRunner().invoke(main, [*words, str(tmp_path / "order.toml"), "--scope", "gate-1", "--json"])
    assert found.exit_code == 0, found.output
    made = json.loads(found.output)
    assert (made["policy"], made["changed"]) == ("winter.7+nights", 1)


def test_a_policy_that_is_none_is_refused_with_its_line(core, winter, tmp_path):
    words = _home(tmp_path)
    (tmp_path / "spring.toml").write_text("id = 7\n")
    result = CliRunner().invoke(main, [*words, str(tmp_path / "spring.toml")])
    assert result.exit_code == 2
    assert "id" in result.output
