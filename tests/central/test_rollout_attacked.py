"""A roll-out with people and machines that act at the wrong moment: nothing is undone, counted twice or silenced."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from central import rollout, rollout_watch
from central.documents import DocumentError, publish_document, replaced, take_back
from central.rollout import RolloutError
from central.rollout_rule import alone, compare
from central.rollout_view import rollout_views
from central.store.rollouts import RolloutGate, RolloutRow
from central.store.sqlite import SqliteStore
from checkpoint import topics
from checkpoint.documents import open_document
from checkpoint.local_order import policy_named
from tests.central.test_commands import run
from tests.central.test_rollout import BASE, DAY_MS, NEW, OLD, RULE, STAGED, Office, home, made_once
from tests.central.test_rollout_watch import _NEW, Street, begun

__all__ = ["home", "made_once"]
TWO_STAGES = "gate:gate-1,gate:gate-2,all"
ORDER = OLD.replace(b"zone_level", b'order_of = "winter"\n#').replace(b'id = "winter"', b'id = "order"')


@pytest.fixture
def office(home: Path):
    made = Office(home)
    made.now_ms += 600_000
    with closing(made.store):
        made.first()
        yield made


@pytest.fixture
def street(office: Office) -> Street:
    made = Street(office)
    made.people("gate-1", 98, 2)
    made.people("gate-2", 98, 2)
    return made


def figures(office: Office) -> dict[str, tuple[int, int, int]]:
    gates = rollout_views(office.store, office.registry, office.now_ms)[0].gates
    return {gate.gate: (gate.verdicts, gate.deny, gate.escalate) for gate in gates if gate.verdicts}


# --- two at once -----------------------------------------------------------------------------------------------------


def test_two_people_who_both_say_next_take_one_step(office: Office) -> None:
    seen = office.start(TWO_STAGES)
    office.next()
    with pytest.raises(RolloutError, match="decide again"):
        rollout.widen(office.config, office.store, office.registry, seen, office.who())
    assert (office.row().stage, office.row().version) == (1, 3)


def test_next_does_not_run_over_a_jump_that_nobody_has_seen(office: Office, street: Street) -> None:
    office.start(TWO_STAGES)
    seen = office.row()
    street.people("gate-1", 10, 30, **_NEW)
    office.watch()
    with pytest.raises(RolloutError, match=r"stopped at stage 1 meanwhile \(escalate 30/40"):
        rollout.widen(office.config, office.store, office.registry, seen, office.who())
    assert office.row().state == "stopped"


def test_no_verdict_is_counted_twice_because_somebody_acted_meanwhile(office: Office, street: Street) -> None:
    office.start(TWO_STAGES)
    seen = office.row()
    street.people("gate-1", 10, 0, **_NEW)
    office.watch()
    with office.store.transaction():
        rollout.stop(office.store, seen, office.who())
    office.watch()
    office.watch()
    assert figures(office) == {"gate-1": (10, 0, 0)}


@pytest.mark.parametrize("act", ["next", "back"])
def test_a_round_of_the_watch_undoes_nothing_that_was_done_meanwhile(
    office: Office, street: Street, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    """The watch has read the roll-out, and somebody acts before it writes."""
    office.start(TWO_STAGES)
    street.people("gate-1", 10, 30, **_NEW)
    read = rollout_watch.rollout.gates_of

    def late(*values: object) -> object:
        monkeypatch.setattr(rollout_watch.rollout, "gates_of", read)
        getattr(office, act)()
        return read(*values)  # type: ignore[arg-type]

    monkeypatch.setattr(rollout_watch.rollout, "gates_of", late)
    office.watch()
    assert office.row().stage == (1 if act == "next" else 0)
    assert office.row().state == ("back" if act == "back" else "running")


# --- what it begins from ---------------------------------------------------------------------------------------------


def test_a_policy_whose_time_has_not_come_is_no_way_back(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "monday.toml"
    file.write_bytes(OLD.replace(b"version = 1", b"version = 5"))
    monday_ms = office.now_ms + 3 * DAY_MS
    publish_document(
        office.config, office.store, "policy", "wuhan", file, monday_ms, monday_ms + 30 * DAY_MS, office.now_ms
    )
    with pytest.raises(RolloutError, match="time has not come"):
        office.start(TWO_STAGES)


def test_a_policy_past_its_end_is_none_that_a_new_gate_would_take(office: Office) -> None:
    office.first(days=1)
    office.now_ms += 2 * DAY_MS
    with pytest.raises(RolloutError, match="past its end"):
        office.start(TWO_STAGES)


@pytest.mark.parametrize(
    "content",
    [
        NEW.replace(b"2020-01-01", b"2098-01-01"),
        NEW.replace(b"2099-12-31", b"2021-12-31"),
    ],
)
def test_a_policy_that_does_not_hold_now_would_leave_its_gates_without_one(office: Office, content: bytes) -> None:
    with pytest.raises(RolloutError, match="begin within it"):
        office.start(TWO_STAGES, content=content)


def test_a_version_that_a_roll_out_taken_back_had_is_used_up(office: Office, tmp_path: Path) -> None:
    office.start(TWO_STAGES)
    office.back()
    with pytest.raises(RolloutError, match="raise"):
        office.start(TWO_STAGES, content=NEW.replace(b'"temperature"', b'"mask"'))
    assert office.start(TWO_STAGES).version == 4


def test_a_local_order_does_not_go_out_in_stages_and_is_named(office: Office) -> None:
    with pytest.raises(RolloutError, match="the file is a local order"):
        office.start(TWO_STAGES, content=ORDER)


# --- the stop rule ---------------------------------------------------------------------------------------------------


def test_verdicts_under_a_local_order_count_for_the_policy_below_it(office: Office, street: Street) -> None:
    assert policy_named("winter.2+order", 7) == ("winter", 2)
    assert policy_named("winter.2+one.3+two", 7) == ("winter", 2)
    assert policy_named("winter", 2) == ("winter", 2)
    assert policy_named("a.b+c", 2) == ("a.b+c", 2)
    begun(office)
    street.people("gate-1", 10, 30, policy="winter.2+order", policy_version=1)
    assert len(office.watch()) == 1


def test_drills_count_nowhere(office: Office, street: Street) -> None:
    begun(office)
    street.people("gate-1", 0, 60, drill=True, **_NEW)
    assert office.watch() == []
    assert figures(office) == {}


def test_one_bad_gate_among_many_good_ones_stops_it(office: Office, street: Street) -> None:
    begun(office)
    street.people("gate-1", 3000, 30, **_NEW)
    assert office.watch() == []
    street.people("gate-2", 5, 30, **_NEW)
    [words] = office.watch()
    assert "escalate 30/35 at gate-2 alone" in words
    [case] = [case for case in office.store.open_cases() if case.origin == "rollout"]
    second = office.store.gate("gate-2")
    assert second is not None
    assert case.gate_no == second.no


def test_chance_at_one_of_hundreds_of_gates_is_no_jump() -> None:
    """2 in 100 before; of a hundred gates with 40 verdicts one has four: chance makes that every other day."""
    quiet = [RolloutGate(1, no, "in_force", 2, "", 0, 1000, 0, 20, 40, 0, 1) for no in range(100)]
    unlucky = replace(quiet[0], gate_no=100, after_escalate=4)
    assert not compare([*quiet, unlucky], RULE).jumped
    assert alone([*quiet, unlucky], RULE) is None
    assert alone([*quiet, replace(unlucky, after_escalate=10)], RULE) is not None


def test_a_roll_out_that_somebody_stopped_still_tells_of_a_jump(office: Office, street: Street) -> None:
    begun(office)
    with office.store.transaction():
        rollout.stop(office.store, office.row(), office.who())
    street.people("gate-1", 10, 30, **_NEW)
    assert len(office.watch()) == 1
    assert len([case for case in office.store.open_cases() if case.origin == "rollout"]) == 1
    assert office.watch() == []


def test_what_came_before_the_stage_is_the_past_although_the_collector_was_away(office: Office, street: Street) -> None:
    """The stage begins by a command; the watch runs only much later."""
    office.start(TWO_STAGES)
    street.people("gate-1", 10, 30, **_NEW)
    office.now_ms += 60_000
    office.next()
    office.watch()
    gate = office.store.gate("gate-1")
    assert gate is not None
    assert office.store.rollout_gates(1)[gate.no].before_escalate == 2


def test_many_verdicts_of_others_hold_nothing_up(
    office: Office, street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollout_watch, "_VERDICTS_A_ROUND", 50)
    begun(office)
    street.people("gate-1", 120, 0)
    street.people("gate-1", 10, 30, **_NEW)
    assert sum(bool(office.watch()) for _ in range(6)) == 1
    assert figures(office)["gate-1"] == (40, 0, 30)


# --- what a gate says ------------------------------------------------------------------------------------------------


def test_what_a_gate_says_of_itself_moves_no_terminal_and_stays_short(office: Office) -> None:
    office.start(TWO_STAGES)
    office.says("gate-1", policy_at_wuhan="1\x1b[2J", policy_at_wuhan__refused="2 \x1b]0;x\x07" + "y" * 5000)
    gate = rollout_views(office.store, office.registry, office.now_ms)[0].gates[0]
    assert gate.state == "refused"
    assert (gate.why + gate.version).isprintable()
    assert len(gate.why) < 200


# --- brokers and backups ---------------------------------------------------------------------------------------------


def forgotten(office: Office, row: RolloutRow, documents: list[tuple[str, str, int, bytes]]) -> None:
    """The store as it was in a backup of that moment."""
    with office.store.transaction():
        office.store.connection.execute("DELETE FROM document WHERE kind LIKE 'policy%'")
        for scope, kind, version, data in documents:
            if kind.startswith("policy"):
                office.store.save_document(scope, kind, version, data, office.now_ms)
        office.store.save_rollout(row)


@pytest.mark.parametrize(
    ("acts", "then"),
    [
        (["next"], ("running", 1, {BASE: 1, STAGED: 3})),
        (["next", "next"], ("done", 2, {BASE: 4})),
        (["back"], ("back", 0, {BASE: 3})),
    ],
)
def test_a_store_put_back_in_the_middle_of_a_stage_hears_how_it_went_on(
    office: Office, acts: list[str], then: tuple[str, int, dict[str, int]]
) -> None:
    row = office.start(TWO_STAGES)
    documents = office.store.documents()
    stale = office.publish()[STAGED]
    for act in acts:
        getattr(office, act)()
    retained = office.publish()
    forgotten(office, row, documents)
    office.now_ms += 1000
    for heard in (retained, {STAGED: stale}):
        take_back(office.config, office.store, heard, office.now_ms)
        with office.store.transaction():
            office.store.touch(replaced(office.store, heard))
    after = office.row()
    published = {topic: open_document(data).version for topic, data in office.publish().items()}
    assert (after.state, after.stage, published) == then
    assert office.store.rollout_acts(1)[-1].act == "heard"


def test_a_restored_store_never_publishes_an_older_stage_beside_a_newer_document_for_all(office: Office) -> None:
    """Whatever the order in which the broker's messages are looked at."""
    office.start(TWO_STAGES)
    stale = office.publish()[STAGED]
    documents = [one for one in office.store.documents() if one[1] == "policy"]
    office.back()
    base = office.publish()[BASE]
    row = office.row()
    for heard in ({STAGED: stale, BASE: base}, {BASE: base, STAGED: stale}):
        forgotten(office, row, documents)
        take_back(office.config, office.store, heard, office.now_ms)
        assert [kind for _, kind, _, _ in office.store.documents() if kind.startswith("policy")] == ["policy"]


def test_nothing_else_is_published_while_it_is_under_way_by_any_command(office: Office, tmp_path: Path) -> None:
    office.start(TWO_STAGES)
    with pytest.raises(DocumentError, match="rollout next"):
        office.first()


def test_a_stage_and_its_pasts_are_kept_or_neither(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SqliteStore, "add_rollout_act", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        office.start(TWO_STAGES)
    assert office.store.rollouts() == []
    assert office.store.rollout_gates(1) == {}
    assert topics.staged_slot("policy") not in {kind for _, kind, _, _ in office.store.documents()}


# --- commands --------------------------------------------------------------------------------------------------------


def test_the_way_back_of_one_that_ended_is_never_guessed_among_scopes(office: Office, home: Path) -> None:
    office.start("all")
    with office.store.transaction():
        office.store.save_rollout(replace(office.row(), no=2, scope="donghu-7"))
    config = ("-c", str(home / "central.toml"))
    assert "--scope donghu-7, wuhan" in run("rollout", "back", *config, code=2)
    assert "taken back" in run("rollout", "back", *config, "--scope", "wuhan")


def test_an_id_of_two_kinds_is_no_target(office: Office) -> None:
    """A document names ids alone: a stage for one gate would go to a whole site of the same id."""
    gate = office.store.gate("gate-1")
    assert gate is not None
    with office.store.transaction():
        office.store.enrol(gate.site, bytes(32), gate.grid, gate.site, office.now_ms)
    for kind in ("gate", "site"):
        with pytest.raises(RolloutError, match="of that id too"):
            office.start(f"{kind}:{gate.site},all")


# --- local orders ----------------------------------------------------------------------------------------------------

LOCAL = b'\n[local]\nmay = ["modes"]\nmax_days = 60\n'
ASKS_MORE = b"""
id = "street"
version = 1
order_of = "winter"
title_zh = "x"
title_en = "x"
authority = "grid head"
valid_from = 2026-08-20T00:00:00+08:00
valid_until = 2026-09-20T00:00:00+08:00
[[rule]]
name = "all"
checks = ["pass", "temperature", "mask"]
"""


@pytest.mark.parametrize(
    ("new", "lost"),
    [
        (NEW + LOCAL, False),
        (NEW, True),
        ((NEW + LOCAL).replace(b'id = "winter"', b'id = "spring"'), True),
        ((NEW + LOCAL).replace(b'"temperature"]', b'"temperature", "mask", "watch"]'), True),
    ],
)
def test_no_stage_takes_a_local_order_away_unsaid(office: Office, tmp_path: Path, new: bytes, lost: bool) -> None:
    office.first(OLD.replace(b"version = 1", b"version = 9") + LOCAL)
    new = new.replace(b"version = 2", b"version = 10")
    file = tmp_path / "order.toml"
    file.write_bytes(ASKS_MORE)
    end_ms = office.now_ms + 30 * DAY_MS
    publish_document(office.config, office.store, "policy", "donghu-7", file, office.now_ms, end_ms, office.now_ms)
    if lost:
        with pytest.raises(RolloutError, match="local order for donghu-7"):
            office.start(TWO_STAGES, content=new)
        wanted = rollout.Wanted(new, "wuhan", TWO_STAGES, "never", DAY_MS, anyway=True)
        rollout.start(office.config, office.store, office.registry, wanted, office.who())
    else:
        office.start(TWO_STAGES, content=new)
    assert office.row().state == "running"
